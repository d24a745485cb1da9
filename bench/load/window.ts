// One measured window: what is read at both ends of it, in the same tick as the request counter.
import { cpuTimeUs, memoryOf } from '../proc.ts';
import { Latencies } from './latencies.ts';
import type { LoadResult } from './protocol.ts';

/** What counts the bytes that came in. */
interface Receiving {
  readonly bytesRead: number;
}

export class Window {
  readonly latencies = new Latencies();
  /** Answers with another status than the expected one. */
  refused = 0;
  readonly startMs: number;
  readonly #pids: readonly number[];
  readonly #connections: Iterable<Receiving>;
  readonly #cpuUs: number;
  readonly #ownCpuUs: number;
  #bytes: number;

  /** Opens at `startMs`, now. `connections` are those whose answers count. */
  constructor(startMs: number, pids: readonly number[], connections: Iterable<Receiving>) {
    this.startMs = startMs;
    this.#pids = pids;
    this.#connections = connections;
    this.#cpuUs = cpuTimeUs(pids);
    this.#ownCpuUs = ownCpuUs();
    this.#bytes = -bytesOf(connections);
  }

  /** A connection that was counted goes away. */
  forget(connection: Receiving): void {
    this.#bytes += connection.bytesRead;
  }

  close(nowMs: number, rest: { rssKib?: readonly number[]; lateUsP99?: number } = {}): LoadResult {
    const cpuUs = cpuTimeUs(this.#pids) - this.#cpuUs;
    return {
      requests: this.latencies.count,
      refused: this.refused,
      elapsedMs: nowMs - this.startMs,
      cpuUs,
      bytes: this.#bytes + bytesOf(this.#connections),
      latencyUs: this.latencies.summary(),
      curve: this.latencies.curve(),
      rssKib: rest.rssKib ?? [],
      memory: memoryOf(this.#pids),
      generator: { cpuUs: ownCpuUs() - this.#ownCpuUs, lateUsP99: rest.lateUsP99 ?? null },
    };
  }
}

function bytesOf(connections: Iterable<Receiving>): number {
  let bytes = 0;
  for (const connection of connections) bytes += connection.bytesRead;
  return bytes;
}

function ownCpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
