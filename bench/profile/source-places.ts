// Where a function of a profile stands: the source file and line, also for the emitted form. Its source maps
// are not shipped; they are made again, and used where the emitted code is still the same.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FROM_SOURCES, ROOT } from '../program.ts';
import type { CallFrame } from './cpu-profile.ts';

/** `file`: relative to the checkout, absolute outside of it, `node:…`, or empty. `line` counts from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A source map, and the folder that its sources are relative to. */
interface FoundMap {
  readonly map: SourceMap;
  readonly folder: string;
}

/** Places of one or more profiles of code that is in the sources or in `dist`. */
export class SourcePlaces {
  readonly #dist: string;
  readonly #maps = new Map<string, FoundMap | null>();
  /** Another build of the same sources, with maps; null = none can be made. */
  #mapped: string | null | undefined;

  constructor(dist = join(ROOT, 'dist')) {
    this.#dist = dist;
  }

  of({ url, lineNumber, columnNumber }: CallFrame): Place {
    const line = lineNumber + 1;
    if (!url.startsWith('file:')) return { file: url, line };
    const path = fileURLToPath(url);
    const found = path.startsWith(`${this.#dist}/`) ? this.#mapOf(path) : null;
    if (found === null) return { file: inCheckout(path), line };
    const entry = found.map.findEntry(lineNumber, columnNumber);
    if (!('originalSource' in entry)) return { file: inCheckout(path), line };
    return {
      file: inCheckout(resolve(found.folder, entry.originalSource)),
      line: entry.originalLine + 1,
    };
  }

  /** Removes what was made. */
  close(): void {
    if (this.#mapped != null) rmSync(this.#mapped, { recursive: true });
    this.#mapped = null;
    this.#maps.clear();
  }

  #mapOf(path: string): FoundMap | null {
    let found = this.#maps.get(path);
    if (found === undefined) {
      this.#mapped ??= buildWithMaps();
      found = this.#mapped === null ? null : readMap(join(this.#mapped, relative(this.#dist, path)), path);
      this.#maps.set(path, found);
    }
    return found;
  }
}

function inCheckout(path: string): string {
  return path.startsWith(ROOT) ? relative(ROOT, path) : path;
}

function buildWithMaps(): string | null {
  if (!FROM_SOURCES) return null;
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-maps-'));
  const rolldown = join(ROOT, 'node_modules/.bin/rolldown');
  const args = ['-c', 'rolldown.config.ts', '--dir', folder, '--sourcemap', 'hidden'];
  if (spawnSync(rolldown, args, { cwd: ROOT, stdio: 'ignore' }).status === 0) return folder;
  rmSync(folder, { recursive: true });
  return null;
}

/** Null when `other` is not the code that was profiled. */
function readMap(other: string, profiled: string): FoundMap | null {
  try {
    if (!readFileSync(other).equals(readFileSync(profiled))) return null;
    const map = new SourceMap(JSON.parse(readFileSync(`${other}.map`, 'utf8')));
    return { map, folder: dirname(other) };
  } catch {
    return null; // a file that this build does not have
  }
}
