// How often one identity gets an SVID and how often one address may fail: token buckets in bounded tables.
import { parseIp } from '../../core/ip.ts';
import {
  FAILURES_PER_ADDRESS,
  ISSUANCES_PER_IDENTITY,
  RATE_TABLE_ENTRIES_MAX,
  REFUSALS_AUDITED,
} from '../limits.ts';

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
  /** Entries about refusals in the audit log, all addresses together. */
  readonly audit: BucketSize;
}

/** Unless the caller says otherwise. */
export const DEFAULT_LIMITS: IssuanceLimits = {
  identity: ISSUANCES_PER_IDENTITY,
  address: FAILURES_PER_ADDRESS,
  audit: REFUSALS_AUDITED,
};

/** Null = go on. `first`: the bucket was not empty at the last question. */
export type Limited = { readonly retryAfterMs: number; readonly first: boolean } | null;

interface Bucket {
  tokens: number;
  atMs: number;
  empty: boolean;
}

/** Buckets by key; the least recently used one makes room. Times are monotonic. */
export class RateTable {
  readonly #size: BucketSize;
  readonly #buckets = new Map<string, Bucket>();

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** Takes one. */
  take(key: string, nowMs: number): Limited {
    const bucket = this.#bucket(key, nowMs);
    if (bucket.tokens < 1) return this.#refuse(bucket);
    bucket.tokens--;
    bucket.empty = false;
    return null;
  }

  /** Asks without taking. */
  look(key: string, nowMs: number): Limited {
    if (!this.#buckets.has(key)) return null;
    const bucket = this.#bucket(key, nowMs);
    return bucket.tokens < 1 ? this.#refuse(bucket) : null;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #refuse(bucket: Bucket): Limited {
    const first = !bucket.empty;
    bucket.empty = true;
    return { retryAfterMs: Math.ceil(((1 - bucket.tokens) / this.#size.perSecond) * 1000), first };
  }

  #bucket(key: string, nowMs: number): Bucket {
    const { burst, perSecond } = this.#size;
    const known = this.#buckets.get(key);
    if (known === undefined) {
      if (this.#buckets.size >= RATE_TABLE_ENTRIES_MAX)
        this.#buckets.delete(this.#buckets.keys().next().value ?? '');
      const fresh = { tokens: burst, atMs: nowMs, empty: false };
      this.#buckets.set(key, fresh);
      return fresh;
    }
    this.#buckets.delete(key);
    this.#buckets.set(key, known); // at the end again: the map's order is the order of use
    known.tokens = Math.min(burst, known.tokens + (Math.max(0, nowMs - known.atMs) / 1000) * perSecond);
    known.atMs = nowMs;
    return known;
  }
}

/** One key for all that one machine can send from: an IPv6 host has a /64 to itself, link-local ones too. */
export function addressKey(from: string): string {
  const [address = '', zone] = from.split('%'); // RFC 4007 section 11: `fe80::1%eth0`
  const bytes = parseIp(zone === undefined ? from : address);
  return bytes === null ? from : Buffer.from(bytes.subarray(0, bytes.length === 16 ? 8 : 4)).toString('hex');
}
