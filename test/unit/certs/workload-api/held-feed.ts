// A feed that says what the test wants, and updates made of PEM and of authorities.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Authority, IssuedSvid } from '../../../../certs/authority/authority.ts';
import type { WorkloadFeed, WorkloadSvid, WorkloadUpdate } from '../../../../certs/workload-api/feed.ts';
import { readPem } from '../../../../certs/x509/pem.ts';
import { ID } from '../make-certificate.ts';

/** Says the same until it is told something else. */
export class HeldFeed implements WorkloadFeed {
  #update: WorkloadUpdate | null;
  readonly #listeners = new Set<(update: WorkloadUpdate | null) => void>();

  constructor(update: WorkloadUpdate | null = null) {
    this.#update = update;
  }

  /** How many calls are waiting for updates. */
  get listeners(): number {
    return this.#listeners.size;
  }

  set(update: WorkloadUpdate | null): void {
    this.#update = update;
    for (const listener of this.#listeners) listener(update);
  }

  current(): WorkloadUpdate | null {
    return this.#update;
  }

  onChange(listener: (update: WorkloadUpdate | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const dersOf = (pem: string): Buffer[] => readPem(pem).blocks.map(({ der }) => der);

/** What an agent holds, in PEM. */
export interface Held {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  /** By trust domain; the first is the one of the SVID. */
  readonly bundles: Readonly<Record<string, string>>;
  readonly crls: Readonly<Record<string, readonly Buffer[]>>;
}

/** `held` as an update with one SVID; without SPIFFE ID in the certificate, the agent calls it by ID. */
export function updateOf({ chainPem, privateKeyPem, bundles, crls }: Held): WorkloadUpdate {
  const [own = ['', ''], ...federated] = Object.entries(bundles);
  const names = new X509Certificate(chainPem).subjectAltName ?? '';
  const svid: WorkloadSvid = {
    spiffeId: names.includes('URI:') ? (names.slice(names.indexOf('URI:') + 4).split(',')[0] ?? ID) : ID,
    chainDer: dersOf(chainPem),
    privateKeyPkcs8: createPrivateKey(privateKeyPem).export({ format: 'der', type: 'pkcs8' }),
    bundleDer: dersOf(own[1]),
    hint: '',
  };
  return {
    svids: [svid],
    federated: new Map(federated.map(([name, pem]) => [name, dersOf(pem)])),
    crls: Object.values(crls).flat(),
  };
}

/** An update with `svid` of `ca`. */
export const issued = (
  svid: IssuedSvid,
  ca: Authority,
  extra: Partial<WorkloadUpdate> = {},
): WorkloadUpdate => ({
  ...updateOf({
    chainPem: svid.chainPem,
    privateKeyPem: svid.privateKeyPem ?? '',
    bundles: { [ca.trustDomain]: ca.certificatePem },
    crls: {},
  }),
  ...extra,
});
