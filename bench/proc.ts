// CPU time and memory of a process tree, read from /proc (proc(5)); Linux only.
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what /proc counts in, 100 on every Linux architecture Node supports. */
const TICK_US = 10_000;

export interface Memory {
  /** Resident set of the whole tree, in KiB. */
  readonly rssKib: number;
  /**
   * Proportional set (shared pages divided by their users), in KiB; null where smaps_rollup is not readable.
   */
  readonly pssKib: number | null;
}

/** `pid` and all its descendants, as they are now. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readOrNull(`/proc/${name}/stat`) : null;
    if (stat === null) continue;
    const parent = parseStat(stat).parentPid;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] ?? 0) ?? []));
  return tree;
}

/**
 * User and system time of all threads of `pids` in microseconds, with that of ended threads and of ended,
 * waited-for children: a helper process that ends inside a window moves its time to its parent, and nothing
 * is lost.
 */
export function cpuTimeUs(pids: readonly number[]): number {
  let us = 0;
  for (const pid of pids) {
    const stat = readOrNull(`/proc/${pid}/stat`);
    if (stat === null) continue;
    const { ownTicks, childTicks } = parseStat(stat);
    us += exactly(ownTicks * TICK_US, threadTimeUs(pid)) + childTicks * TICK_US;
  }
  return us;
}

/**
 * The scheduler's own sum is exact to the nanosecond but knows only threads that live; the ticks know all,
 * and lack up to one tick each of user and system time. So the sum is taken when it says what the ticks say.
 */
function exactly(ticksUs: number, threadsUs: number): number {
  return threadsUs >= ticksUs && threadsUs <= ticksUs + 2 * TICK_US ? threadsUs : ticksUs;
}

/** Time that the living threads of `pid` ran, from schedstat: `ran waited slices`, in nanoseconds. */
function threadTimeUs(pid: number): number {
  let ns = 0;
  for (const thread of entriesOrNone(`/proc/${pid}/task`)) {
    ns += Number.parseInt(readOrNull(`/proc/${pid}/task/${thread}/schedstat`) ?? '0', 10);
  }
  return ns / 1_000;
}

/** Sum over `pids`; processes that ended count nothing. */
export function memoryOf(pids: readonly number[]): Memory {
  let rssKib = 0;
  let pssKib: number | null = 0;
  for (const pid of pids) {
    const rss = fieldKib(readOrNull(`/proc/${pid}/status`), 'VmRSS:');
    if (rss === null) continue;
    rssKib += rss;
    const pss = fieldKib(readOrNull(`/proc/${pid}/smaps_rollup`), 'Pss:');
    pssKib = pss === null || pssKib === null ? null : pssKib + pss;
  }
  return { rssKib, pssKib };
}

/** Resident KiB alone: cheap enough to sample under load. */
export function rssKibOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (fieldKib(readOrNull(`/proc/${pid}/status`), 'VmRSS:') ?? 0), 0);
}

/** Parent and CPU ticks of one /proc/PID/stat line. The command name may hold spaces and brackets. */
export function parseStat(stat: string): { parentPid: number; ownTicks: number; childTicks: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc(5): field 4 is ppid, 14 to 17 are utime, stime, cutime, cstime; field 3 is the first one after the
  // name.
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
  return { parentPid: Number(fields[1]), ownTicks: user + system, childTicks: childUser + childSystem };
}

/** The value of `Name:   123 kB`, or null when the text or the line is absent. */
export function fieldKib(text: string | null, name: string): number | null {
  const line = text?.split('\n').find((candidate) => candidate.startsWith(name));
  return line === undefined ? null : Number.parseInt(line.slice(name.length), 10);
}

/** The CPUs this process may use, from a list such as `0-1,4`. */
export function allowedCpus(): number[] {
  const status = readOrNull('/proc/self/status') ?? '';
  const line = status.split('\n').find((candidate) => candidate.startsWith('Cpus_allowed_list:'));
  return parseCpuList(line?.slice('Cpus_allowed_list:'.length).trim() ?? '');
}

/** `0-1,4` -> 0, 1, 4. */
export function parseCpuList(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number);
    if (first === undefined || part === '') return [];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
  });
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // the process has ended, or the file is not there on this kernel
  }
}

function entriesOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // the process has ended
  }
}
