// What the harness and its load process say to each other over IPC.
import type { ClientMaterial } from '../pki.ts';
import type { Memory } from '../proc.ts';
import type { LatencyUs } from '../result.ts';
import type { Http2Load } from './http2/messages.ts';
import type { Curve } from './latencies.ts';
import type { ServerIdentity } from './server-identity.ts';

/** Where to connect; `tls` null is plaintext (no proxy in between). */
export interface Target {
  readonly port: number;
  readonly tls: ClientMaterial | null;
  readonly path: string;
  /** Name or address; absent: the loopback address. */
  readonly host?: string;
  /** Whom the server must be; absent: a peer of the harness, by the name `localhost`. */
  readonly server?: ServerIdentity;
}

/** A closed loop: each connection, or stream, sends its next request when the answer is complete. */
export interface ClosedLoopJob {
  readonly kind: 'closed-loop';
  readonly target: Target;
  readonly connections: number;
  /** Absent: HTTP/1.1. */
  readonly http2?: Http2Load;
  /** The status of every answer; another one counts as refused. */
  readonly status: number;
  /** The window opens after so many requests, or after so long. */
  readonly warmup: { readonly requests: number; readonly msMax: number };
  /** The window ends by time or by count. */
  readonly window: { readonly ms: number } | { readonly requests: number };
  /** The measured process tree: its CPU time is read in the same tick as the request counter. */
  readonly pids: readonly number[];
  /** RSS samples over the window (only with a count). */
  readonly samples: number;
}

/**
 * An open loop: a constant rate over a few connections. Latency counts from the moment a request was due,
 * or, when the load itself woke late, from then.
 */
export interface ConstantRateJob {
  readonly kind: 'constant-rate';
  readonly target: Target;
  readonly connections: number;
  readonly perSecond: number;
  readonly ms: number;
  readonly pids: readonly number[];
}

/** New connections only: handshake, one request, close. */
export interface HandshakesJob {
  readonly kind: 'handshakes';
  readonly target: Target;
  readonly concurrency: number;
  /** PEM of certificates to show in turn instead of the target's, all of the target's key; empty = none. */
  readonly certificates: readonly string[];
  readonly warmup: number;
  readonly ms: number;
  readonly pids: readonly number[];
}

/** Opens connections, sends one request on each, and holds them until `release`, also over other jobs. */
export interface OpenJob {
  readonly kind: 'open';
  readonly target: Target;
  readonly count: number;
  readonly concurrency: number;
  /** Each held connection goes on with a next request, a byte of its head every so often; null = idle. */
  readonly dripMs: number | null;
}

export interface ReleaseJob {
  readonly kind: 'release';
}

export type Job = ClosedLoopJob | ConstantRateJob | HandshakesJob | OpenJob | ReleaseJob;

/** `cpuUs` is what `pids` used in the window. */
export interface LoadResult {
  readonly requests: number;
  /** Answers with another status than the expected one. */
  readonly refused: number;
  readonly elapsedMs: number;
  readonly cpuUs: number;
  /** Bytes of answers, heads included. */
  readonly bytes: number;
  readonly latencyUs: LatencyUs;
  readonly curve: Curve;
  readonly rssKib: readonly number[];
  /** Of `pids` at the end of the window, with all connections open. */
  readonly memory: Memory;
  readonly generator: {
    /** CPU time of the load process in the window. */
    readonly cpuUs: number;
    /** How late the load woke for requests that were due; null in a closed loop. */
    readonly lateUsP99: number | null;
  };
}

export type Answer = { readonly result: LoadResult } | { readonly error: string };
