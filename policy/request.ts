// What a decision is made on, and what it says: the only vocabulary between the data path and the policy
// engine.
import type { Reason } from '../core/reasons.ts';

/** What a connection fixes. IP addresses are text, IPv4-mapped IPv6 already turned into IPv4, no zone. */
export interface ConnectionFacts {
  /** `spiffe://…`, or null for a plaintext peer. */
  readonly principal: string | null;
  /** The direct TCP peer. */
  readonly sourceIp: string | null;
  /**
   * The client from the PROXY protocol, else the direct peer; undefined = known per request only
   * (X-Forwarded-For).
   */
  readonly remoteIp: string | null | undefined;
  readonly destinationIp: string | null;
  readonly destinationPort: number | null;
  readonly sni: string | null;
}

/** What a request adds. A TCP connection has `http: null`. */
export interface RequestFacts {
  readonly http: HttpFacts | null;
  /** Used when the connection's remoteIp is undefined. */
  readonly remoteIp: string | null;
}

export interface HttpFacts {
  readonly method: string;
  /** Canonical, without query and fragment. */
  readonly path: string;
  /** Host or :authority: lower case, one trailing dot of the name dropped, port kept when sent. */
  readonly host: string;
  /** Every value of a header line by lower-case name, in order; undefined or empty when absent. */
  headerValues(name: string): readonly string[] | undefined;
}

export type Verdict = 'allow' | 'deny';

/** One decision. Decisions are shared and frozen: never written to. */
export interface Decision {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** Ids of the rules that matched and decided, at most 16; empty for a default deny. */
  readonly rules: readonly string[];
  /** Indexes of `rules` in the table, for hit counters. */
  readonly ruleIndexes: readonly number[];
  /** AUDIT rules that matched. */
  readonly audit: readonly string[];
  /**
   * The would-be decision if dry-run policies were enforced; null when no dry-run policy selects the
   * workload.
   */
  readonly dryRun: {
    readonly verdict: Verdict;
    readonly reason: Reason;
    readonly rules: readonly string[];
  } | null;
  /** 403 or 404 (`sallyport.dev/deny-status` of the first matching DENY policy). */
  readonly denyStatus: 403 | 404;
}

/** A rule that would have allowed, and the first field that failed. */
export interface NearRule {
  readonly rule: string;
  readonly field: string;
  readonly want: readonly string[];
  /** What the request has; null when absent. */
  readonly got: string | null;
}
