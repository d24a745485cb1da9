// What the issuer counts, in plain arrays and maps; the server renders them when it is scraped.
import type { Attestation, RevocationCause } from './issuer.ts';
import type { IssuerErrorCode } from './issuer-error.ts';

/** Upper bounds of the buckets of the issuance duration, milliseconds; the last bucket is +Inf. */
export const ISSUANCE_BUCKETS_MS = [0.5, 1, 2, 5, 10, 20, 50, 100, 250, 1000] as const;

/** Live values: read them, do not keep copies. */
export interface IssuerCounters {
  readonly issued: ReadonlyMap<Attestation['kind'], number>;
  readonly refused: ReadonlyMap<IssuerErrorCode, number>;
  readonly revoked: ReadonlyMap<RevocationCause, number>;
  /** Counts by bucket of ISSUANCE_BUCKETS_MS, not cumulative; one more for +Inf. */
  readonly issuanceBuckets: Float64Array;
  readonly issuanceSumMs: number;
  /** End of the active CA, Unix milliseconds. */
  readonly caNotAfterMs: number;
  readonly auditLength: number;
  /** Refusals that were only counted, because the audit log had enough of them. */
  readonly refusalsNotAudited: number;
}

/** The counting side. */
export class Counted implements IssuerCounters {
  readonly issued = new Map<Attestation['kind'], number>();
  readonly refused = new Map<IssuerErrorCode, number>();
  readonly revoked = new Map<RevocationCause, number>();
  readonly issuanceBuckets = new Float64Array(ISSUANCE_BUCKETS_MS.length + 1);
  issuanceSumMs = 0;
  caNotAfterMs = 0;
  auditLength = 0;
  refusalsNotAudited = 0;

  issuedBy(kind: Attestation['kind'], durationMs: number): void {
    add(this.issued, kind, 1);
    this.issuanceSumMs += durationMs;
    let bucket = 0;
    while (durationMs > (ISSUANCE_BUCKETS_MS[bucket] ?? Infinity)) bucket++;
    this.issuanceBuckets[bucket] = (this.issuanceBuckets[bucket] ?? 0) + 1;
  }

  refusedWith(code: IssuerErrorCode): void {
    add(this.refused, code, 1);
  }

  revokedBy(cause: RevocationCause, count: number): void {
    if (count > 0) add(this.revoked, cause, count);
  }
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
