// What a workload on this machine is told over its SPIFFE Workload API socket: its SVID and key, kept by the
// issuer, and the trust of this moment.
import { createHash } from 'node:crypto';
import type { WorkloadFeed, WorkloadUpdate } from '../../workload-api/feed.ts';
import type { Issuer, PublishedTrust } from '../issuer.ts';
import type { KeyedSvid, LocalSvid } from './local-svid.ts';

/** Follows `svid` and the trust of `issuer`; tells of what is different only. */
export class LocalWorkloadFeed implements WorkloadFeed {
  readonly #issuer: Issuer;
  readonly #svid: LocalSvid;
  readonly #hint: string;
  readonly #listeners = new Set<(update: WorkloadUpdate | null) => void>();
  readonly #stops: readonly (() => void)[];
  #told: string;

  constructor(issuer: Issuer, svid: LocalSvid, hint: string) {
    this.#issuer = issuer;
    this.#svid = svid;
    this.#hint = hint;
    this.#told = digestOf(this.current());
    const look = (): void => this.#look();
    this.#stops = [svid.onChange(look), issuer.onTrust(look)];
  }

  current(): WorkloadUpdate | null {
    const held = this.#svid.current();
    return held === null ? null : updateOf(held, this.#issuer.trust(), this.#hint);
  }

  onChange(listener: (update: WorkloadUpdate | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** A rotation of others makes a new sequence of the same trust: that is no news here. */
  #look(): void {
    const update = this.current();
    const digest = digestOf(update);
    if (digest === this.#told) return;
    this.#told = digest;
    for (const listener of [...this.#listeners]) listener(update);
  }
}

function updateOf({ issued, key }: KeyedSvid, trust: PublishedTrust, hint: string): WorkloadUpdate {
  return {
    svids: [
      {
        spiffeId: issued.spiffeId,
        chainDer: issued.chainDer,
        privateKeyPkcs8: key.export({ format: 'der', type: 'pkcs8' }),
        bundleDer: trust.rootsDer,
        hint,
      },
    ],
    federated: trust.federated,
    crls: trust.crlsDer,
  };
}

function digestOf(update: WorkloadUpdate | null): string {
  if (update === null) return '';
  const hash = createHash('sha256');
  const add = (ders: readonly Buffer[]): void => {
    hash.update(`${ders.length};`);
    for (const der of ders) hash.update(`${der.length}:`).update(der);
  };
  for (const svid of update.svids) {
    add(svid.chainDer);
    add(svid.bundleDer);
  }
  for (const [domain, ders] of update.federated) {
    hash.update(domain);
    add(ders);
  }
  add(update.crls);
  return hash.digest('hex');
}
