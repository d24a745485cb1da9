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
  issuanceSumMs: number;
  /** End of the active CA, Unix milliseconds. */
  caNotAfterMs: number;
  auditLength: number;
  /** Refusals that were only counted, because the audit log had enough of them. */
  refusalsNotAudited: number;
}
