// What `--profile DIR` leaves: the profile that V8 wrote is drawn as a flame graph beside it, and summed up.
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readProfile } from './profile/cpu-profile.ts';
import { flameGraph } from './profile/flame-graph.ts';
import { hottestFunctions, selfTimeByPart } from './profile/self-time.ts';
import { SourcePlaces } from './profile/source-places.ts';
import { foldStacks, framesOf, type Stacks } from './profile/stacks.ts';
import type { Table } from './table.ts';

export interface ProfileSummary {
  readonly tables: readonly Table[];
  /** The profile that was read, and the flame graph. */
  readonly files: readonly string[];
}

interface Candidate {
  readonly file: string;
  readonly stacks: Stacks;
}

const HOTTEST = 25;

/**
 * Writes `flame.svg` into `directory` and sums up the profile in it: of several, that of the proxy that
 * worked longest. Profiles from before `sinceMs` (Unix) are of other runs. Null when there is none.
 */
export function summarizeProfile(directory: string, sinceMs = 0): ProfileSummary | null {
  const places = new SourcePlaces();
  try {
    const [longest] = readdirSync(directory)
      .filter((name) => name.endsWith('.cpuprofile'))
      .map((name) => join(directory, name))
      .filter((file) => statSync(file).mtimeMs >= sinceMs)
      .flatMap((file) => candidateOf(file, places))
      .sort((a, b) => weightOf(b) - weightOf(a));
    if (longest === undefined) return null;
    const { file, stacks } = longest;
    const graph = join(directory, 'flame.svg');
    writeFileSync(graph, flameGraph(stacks, 'sallyport: where the time goes', basename(file)));
    return { tables: [selfTimeByPart(stacks), hottestFunctions(stacks, HOTTEST)], files: [file, graph] };
  } finally {
    places.close();
  }
}

function candidateOf(file: string, places: SourcePlaces): Candidate[] {
  const profile = readProfile(file);
  return profile === null ? [] : [{ file, stacks: foldStacks(profile, places) }];
}

/** Helper processes, which never load the data path, come last however long they worked. */
function weightOf({ stacks }: Candidate): number {
  const serves = [...framesOf(stacks.roots)].some(({ place }) => place.file.startsWith('proxy/'));
  return stacks.busyUs * (serves ? 1e6 : 1);
}
