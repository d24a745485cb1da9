// How many sockets traffic may have open. File descriptors are one stock for all of the process: without a
// share of their own the status and admin addresses, the log and the loader would fail when callers take what
// they can get.
import { readdirSync, readFileSync } from 'node:fs';
import { LIMITS } from '../core/limits.ts';

/** Left to the status and admin addresses, and 50 to files and the loader's pipes. */
const RESERVE = 2 * LIMITS.localConnections + 50;
/** A proxy with less than that serves nobody; what it then lacks shows as errors of its own. */
const TRAFFIC_MIN = 16;
/** Of the sockets of traffic, for connections to the application: idle callers need none. */
const UPSTREAM_SHARE = 0.25;
const OPEN_FILES = 'Max open files';

/** Counts sockets of one kind. */
export class SocketBudget {
  readonly max: number;
  private open = 0;

  constructor(max: number) {
    this.max = max;
  }

  get full(): boolean {
    return this.open >= this.max;
  }

  /** Takes a place; false when there is none. */
  take(): boolean {
    if (this.full) return false;
    this.open++;
    return true;
  }

  free(): void {
    this.open--;
  }
}

/** The places of one process. */
export interface Descriptors {
  readonly downstream: SocketBudget;
  readonly upstream: SocketBudget;
}

/** What the system lets this process open (Infinity where it is not known), and what is in use. */
export interface DescriptorUse {
  readonly limit: number;
  readonly open: number;
}

/** Divides what is free between callers and the application. */
export function shareDescriptors({ limit, open }: DescriptorUse): Descriptors {
  const traffic = Math.max(TRAFFIC_MIN, limit - open - RESERVE);
  const upstream = Math.ceil(traffic * UPSTREAM_SHARE);
  return { downstream: new SocketBudget(traffic - upstream), upstream: new SocketBudget(upstream) };
}

/** Reads `ulimit -n` of this process. Node has raised the soft limit to the hard one by then. */
export function readDescriptorUse(): DescriptorUse {
  try {
    const lines = readFileSync('/proc/self/limits', 'latin1').split('\n');
    // proc_pid_limits(5): name, soft limit, hard limit, unit.
    const line = lines.find((text) => text.startsWith(OPEN_FILES)) ?? OPEN_FILES;
    const limit = Number.parseInt(line.slice(OPEN_FILES.length), 10);
    return { limit: limit > 0 ? limit : Number.POSITIVE_INFINITY, open: readdirSync('/proc/self/fd').length };
  } catch {
    return { limit: Number.POSITIVE_INFINITY, open: 0 }; // not Linux
  }
}
