// Reads a V8 CPU profile and names the functions where its time went.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from './table.ts';

/** The parts of a .cpuprofile that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const HOTTEST = 25;

/**
 * The hottest functions of the largest profile in `directory` (the main thread's), or null when there is
 * none.
 */
export function hottestOf(directory: string): Table | null {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => join(directory, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const [file] = files;
  if (file === undefined) return null;
  // SAFETY: written by node --cpu-prof a moment ago.
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  return { ...hottest(profile, HOTTEST), title: `self time in ${file}` };
}

/** Self time by function, idle time left out. */
export function hottest(profile: CpuProfile, count: number): Table {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`,
    ]),
  );
  const selfUs = new Map<string, number>();
  let totalUs = 0;
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? '';
    if (name.startsWith('(idle)')) return;
    const us = profile.timeDeltas[i] ?? 0;
    totalUs += us;
    selfUs.set(name, (selfUs.get(name) ?? 0) + us);
  });
  const rows = [...selfUs].sort((a, b) => b[1] - a[1]).slice(0, count);
  return {
    title: 'self time',
    columns: ['function', '%', 'ms'],
    rows: rows.map(([name, us]) => [name, ((us / totalUs) * 100).toFixed(1), (us / 1_000).toFixed(0)]),
  };
}
