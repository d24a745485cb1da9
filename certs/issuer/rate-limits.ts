// How often one identity gets an SVID and how often one address may fail: token buckets in bounded tables.

/** A token bucket: `burst` at once, then `perSecond`. */
export interface BucketSize {
  readonly burst: number;
  readonly perSecond: number;
}

export interface IssuanceLimits {
  /** SVIDs by SPIFFE ID. */
  readonly identity: BucketSize;
  /** Failed attestations by source address; IPv6 by /64. */
  readonly address: BucketSize;
}
