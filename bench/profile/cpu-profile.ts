// A V8 CPU profile as `node --cpu-prof` writes it: the parts that are read here, and how long each of its
// nodes was on top of the stack.
import { readFileSync } from 'node:fs';

/** Lines and columns count from 0. */
export interface CallFrame {
  readonly functionName: string;
  /** `file:///…`, `node:net`, or empty for code that is not JavaScript. */
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

/** Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** From the sample before, or the start, to each sample. */
  readonly timeDeltas: readonly number[];
}

/** Names that V8 gives to what is no function. */
export const IDLE = '(idle)';
export const PROGRAM = '(program)';
export const COLLECTOR = '(garbage collector)';

/** Null for a file that is no whole profile: its process was killed while it wrote it. */
export function readProfile(file: string): CpuProfile | null {
  try {
    // SAFETY: written by node --cpu-prof; what is cut off is no JSON.
    return JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Microseconds by node id. A sample stands for the time until the next one. */
export function selfTimesUs({ samples, timeDeltas, startTime, endTime }: CpuProfile): Map<number, number> {
  const selfUs = new Map<number, number>();
  let atUs = startTime + (timeDeltas[0] ?? 0);
  samples.forEach((id, i) => {
    const us = Math.max(0, timeDeltas[i + 1] ?? endTime - atUs);
    atUs += us;
    selfUs.set(id, (selfUs.get(id) ?? 0) + us);
  });
  return selfUs;
}
