// What the harness and its load process say to each other over IPC.
import type { ClientMaterial } from '../pki.ts';

/** Where to connect; `tls` null is plaintext (no proxy in between). */
export interface Target {
  readonly port: number;
  readonly tls: ClientMaterial | null;
  readonly path: string;
}

/** A closed loop: each connection sends its next request when the answer is complete. */
export interface ClosedLoopJob {
  readonly kind: 'closed-loop';
  readonly target: Target;
  readonly connections: number;
  /** The window opens after so many requests, or after so long. */
  readonly warmup: { readonly requests: number; readonly msMax: number };
  /** The window ends by time or by count. */
  readonly window: { readonly ms: number } | { readonly requests: number };
  /** The measured process tree: its CPU time is read in the same tick as the request counter. */
  readonly pids: readonly number[];
  /** RSS samples over the window (only with a count). */
  readonly samples: number;
}

/** A constant rate over a few connections; latency counts from the moment a request was due. */
export interface ConstantRateJob {
  readonly kind: 'constant-rate';
  readonly target: Target;
  readonly connections: number;
  readonly perSecond: number;
  readonly ms: number;
}

/** New connections only: handshake, one request, close. */
export interface HandshakesJob {
  readonly kind: 'handshakes';
  readonly target: Target;
  readonly concurrency: number;
  readonly warmup: number;
  readonly ms: number;
  readonly pids: readonly number[];
}

/** Opens connections, sends one request on each, and holds them until `release`. */
export interface OpenJob {
  readonly kind: 'open';
  readonly target: Target;
  readonly count: number;
  readonly concurrency: number;
}

export interface ReleaseJob {
  readonly kind: 'release';
}

export type Job = ClosedLoopJob | ConstantRateJob | HandshakesJob | OpenJob | ReleaseJob;

/** Latencies in microseconds; `cpuUs` is what `pids` used in the window. */
export interface LoadResult {
  readonly requests: number;
  /** Answers with another status than 200. */
  readonly refused: number;
  readonly elapsedMs: number;
  readonly cpuUs: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  readonly latencyUsMax: number;
  readonly rssKib: readonly number[];
}

export type Answer = { readonly result: LoadResult } | { readonly error: string };
