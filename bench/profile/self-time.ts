// Where the time of a profile went: self time by function, and by the part of the program.
import type { Table } from '../table.ts';
import { partOf } from './areas.ts';
import { type Frame, framesOf, type Stacks } from './stacks.ts';

/** The `count` functions with the most self time, on whatever stack. */
export function hottestFunctions(stacks: Stacks, count: number): Table {
  const rows = rowsOf(stacks, ({ name, place }) =>
    place.file === '' ? name : `${name} ${placeText(place)}`,
  );
  return { title: 'self time by function', columns: ['function', '%', 'ms'], rows: rows.slice(0, count) };
}

/** All self time, by folder or package. */
export function selfTimeByPart(stacks: Stacks): Table {
  const rows = rowsOf(stacks, ({ name, place }) => partOf(name, place));
  return { title: 'self time by part', columns: ['part', '%', 'ms'], rows };
}

/** `proxy/http1/head.ts:12`. */
export function placeText({ file, line }: Frame['place']): string {
  return file === '' ? '' : `${file}:${line}`;
}

function rowsOf({ roots, busyUs }: Stacks, keyOf: (frame: Frame) => string): string[][] {
  const selfUs = new Map<string, number>();
  for (const frame of framesOf(roots)) {
    if (frame.selfUs === 0) continue;
    const key = keyOf(frame);
    selfUs.set(key, (selfUs.get(key) ?? 0) + frame.selfUs);
  }
  return [...selfUs]
    .sort(([a, aUs], [b, bUs]) => bUs - aUs || (a < b ? -1 : 1))
    .map(([key, us]) => [key, ((us / busyUs) * 100).toFixed(1), (us / 1_000).toFixed(0)]);
}
