// An SVID that the issuer keeps for somebody in this process: its own listener, or a workload on a socket.
// The key is made here, the SVID renewed at half of its life, sooner when it was asked to, and at any change
// of the CA that it leads to.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock, Timer } from '../../../core/clock.ts';
import { backOffMs } from '../../back-off.ts';
import { localCertificateRequest } from '../certificate-request.ts';
import type { Issued, Issuer } from '../issuer.ts';

/** A key and the SVID for it. */
export interface KeyedSvid {
  readonly issued: Issued;
  readonly key: KeyObject;
}

export interface LocalSvidOptions {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Of jitter: 0 to 1. */
  readonly random: () => number;
  readonly spiffeId: string;
  /** None: those that the ID gives. */
  readonly dnsNames: readonly string[];
  /** What asks, for the audit log. */
  readonly detail: string;
  /** Told when it could not be renewed; the present one stays. */
  readonly problem: (error: unknown) => void;
}

const RETRY = { firstMs: 1_000, mostMs: 60_000 };
/** Renewals are spread over this part of half the life. */
const JITTER = 0.1;

/** Keeps one SVID current. */
export class LocalSvid {
  readonly #options: LocalSvidOptions;
  readonly #listeners = new Set<(svid: KeyedSvid | null) => void>();
  readonly #stopFollowing: () => void;
  #current: KeyedSvid | null = null;
  #timer: Timer | null = null;
  #failures = 0;
  #refusal: unknown = null;
  #closed = false;

  constructor(options: LocalSvidOptions) {
    this.#options = options;
    this.#renew();
    this.#stopFollowing = options.issuer.onTrust(() => this.#look());
  }

  /** Null while there is none that is valid. */
  current(): KeyedSvid | null {
    const held = this.#current;
    return held === null || held.issued.notAfterMs <= this.#options.clock.now() ? null : held;
  }

  /** The SVID. @throws what refused it, when there is none */
  required(): KeyedSvid {
    const held = this.current();
    if (held === null) throw this.#refusal;
    return held;
  }

  /** Calls back with every new SVID, and with null when it was lost. Returns the way to stop. */
  onChange(listener: (svid: KeyedSvid | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stopFollowing();
  }

  /** Trust has changed: is the SVID still what it should be? */
  #look(): void {
    const { issuer } = this.#options;
    const held = this.#current;
    if (this.#closed) return;
    if (held === null) return this.#renew();
    const published = issuer.trust().rootsDer.some((der) => der.equals(held.issued.rootDer));
    const row = [...issuer.issued({ serial: held.issued.serial, limit: 1 })][0];
    const revoked = row?.revoked != null;
    if (!published || revoked) {
      this.#current = null;
      this.#renew();
      if (this.#current === null) this.#tell();
    } else if (issuer.mustRenew(held.issued.serial)) this.#renew();
  }

  #renew(): void {
    if (this.#closed) return;
    const { issuer, clock, random, spiffeId, dnsNames, detail } = this.#options;
    try {
      const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const csr = localCertificateRequest(publicKey.export({ format: 'der', type: 'spki' }));
      const replaces = this.#current?.issued.serial;
      const issued = issuer.issue({
        attestation: {
          ...{ kind: 'local', spiffeId, detail },
          ...(dnsNames.length > 0 && { dnsNames }),
          ...(replaces !== undefined && { replaces }),
        },
        csr,
        from: detail,
      });
      this.#failures = 0;
      this.#current = { issued, key };
      const untilMs = issued.renewAtMs - clock.now();
      this.#arm(untilMs * (1 - JITTER * random()));
      this.#tell();
    } catch (error) {
      this.#refusal = error;
      this.#options.problem(error);
      this.#arm(backOffMs(++this.#failures, RETRY) * (1 + random()));
    }
  }

  #arm(afterMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(Math.max(0, afterMs), () => this.#renew());
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener(this.#current);
  }
}
