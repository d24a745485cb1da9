// What a run of the harness measured, as `--json` writes it: the report, the tables of the documents and the
// README are made from this and from nothing else.
import type { Claim } from './claim.ts';
import type { Table } from './table.ts';

/** Raised when a reader of an older file would misread a newer one. */
export const RESULT_SCHEMA = 1;

/** Latencies of one window in microseconds, from an HDR histogram of three significant digits. */
export interface LatencyUs {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** One peer at one point in one round. */
export interface Sample {
  /** CPU time of the peer's process tree; null for a peer that is no process of its own. */
  readonly cpuUsPerRequest: number | null;
  /** Share of one CPU that the peer used, 0 to 1. */
  readonly cpuShare: number | null;
  readonly requestsPerSecond: number;
  /** Bytes of answers that reached the client, heads included, per second. */
  readonly bytesPerSecond: number;
  readonly latencyUs: LatencyUs;
  readonly rssMb: number | null;
  /** Proportional set: shared pages divided by their users; null where the kernel does not tell. */
  readonly pssMb: number | null;
  readonly generator: {
    /** Share of one CPU that the load process used, 0 to 1: near 1 it is the limit, not the peer. */
    readonly cpuShare: number;
    /** How late the load woke for requests that were due, 99th percentile; null in a closed loop. */
    readonly lateUsP99: number | null;
  };
}

/** One peer under one variant of a scenario: a rate, a body size, a number of rules. */
export interface Point {
  readonly peer: string;
  /** As it is printed: `64 KiB`, `1,000 rules`. */
  readonly variant: string;
  /** The variant as a number, for plots; null when it is none. */
  readonly x: number | null;
  /** In order; null = the peer failed in that round. */
  readonly rounds: readonly (Sample | null)[];
  /** Percentile (0 to 100) and microseconds, ascending; the median over the rounds. */
  readonly curve?: readonly (readonly [percentile: number, us: number])[];
}

export interface ScenarioResult {
  readonly name: string;
  readonly summary: string;
  readonly claims: readonly Claim[];
  readonly tables: readonly Table[];
  /** Peers skipped or refused, and why; rounds that failed. */
  readonly notes: readonly string[];
  readonly points: readonly Point[];
  /** What is measured otherwise than in points. */
  readonly data: object | null;
}

/** A peer as it was measured: what its check saw. */
export interface MeasuredPeer {
  readonly name: string;
  /** What its own `--version` says. */
  readonly version: string;
  /** Rules it decides by; 0 = it decides nothing. */
  readonly rules: number;
  /** `TLSv1.3 TLS_AES_128_GCM_SHA256 X25519`, or `plaintext`. */
  readonly tls: string;
}

export interface RunResult {
  readonly schema: typeof RESULT_SCHEMA;
  /** When it began, ISO 8601. */
  readonly at: string;
  readonly mode: 'quick' | 'full';
  readonly tookSeconds: number;
  /** What was asked for: the arguments of the command line. */
  readonly args: readonly string[];
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly memoryGb: number;
    readonly kernel: string;
    /** CPU numbers of the measured process and of the load with the application; null = not pinned. */
    readonly pinned: { readonly proxy: string; readonly load: string } | null;
    /** Load average of the minute before, and share of CPU time that other guests took in the run. */
    readonly loadBefore: number;
    readonly stealShare: number | null;
  };
  readonly software: {
    readonly sallyport: string;
    /** Null outside of a checkout; `+` after it: with changes. */
    readonly commit: string | null;
    readonly node: string;
    readonly openssl: string;
  };
  readonly peers: readonly MeasuredPeer[];
  readonly scenarios: readonly ScenarioResult[];
}
