// Tells when files or folders change: inotify on the folders around them for speed, a slow poll so that
// nothing is missed on filesystems without events (NFS, some volume drivers), and a signature so that noise
// is not reported. Covers Kubernetes' `..data` symlink swap, a rename over the file, writing in place,
// removal and re-creation.
import {
  type BigIntStats,
  type FSWatcher,
  lstatSync,
  readdirSync,
  readlinkSync,
  statSync,
  watch,
} from 'node:fs';
import { join, parse, resolve, sep } from 'node:path';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { LIMITS } from './limits.ts';

/** A running watch. `close` may be called more than once. */
export interface FileWatch {
  close(): void;
}

/** `debounceMs`: quiet time after the last event before a change is reported, default 200 ms. */
export interface FileWatchOptions {
  readonly debounceMs?: number;
  readonly clock?: Clock;
}

/**
 * Calls `onChange` some time after any of `paths` changed; a folder counts with everything below it but
 * entries whose name starts with `.`. Start the watch before the first read, then no change falls between the
 * two. A path need not exist. Never throws; does not keep the process alive; `onChange` must not throw and
 * may be called once too often.
 */
export function watchPaths(
  paths: readonly string[],
  onChange: () => void,
  options: FileWatchOptions = {},
): FileWatch {
  return new PathWatch(paths, onChange, options);
}

/** What one look at the paths found. */
interface Scan {
  /** One line per entry; equal text means that nothing changed. */
  readonly signature: string;
  /** Folders to watch, with an identity that tells a re-created folder from the old one. */
  readonly folders: ReadonlyMap<string, string>;
  /** Newest change time of any entry, milliseconds. */
  readonly newestMs: number;
}

interface Watched {
  readonly identity: string;
  readonly handle: FSWatcher;
}

// A kernel tick is at most 10 ms: two writes within one have the same timestamp, and only the event tells
// them apart.
const TIMESTAMP_GRAIN_MS = 20;
const DEBOUNCE_MS_DEFAULT = 200;

class PathWatch implements FileWatch {
  readonly #paths: readonly string[];
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #debounceMs: number;
  readonly #watched = new Map<string, Watched>();
  #reported: string;
  #racy = false;
  #closed = false;
  #poll: Timer | undefined;
  #pending: Timer | undefined;
  #firstEventMs = 0;
  #sawEvent = false;

  constructor(paths: readonly string[], onChange: () => void, options: FileWatchOptions) {
    this.#paths = paths.map((p) => resolve(p));
    this.#onChange = onChange;
    this.#clock = options.clock ?? systemClock;
    this.#debounceMs = options.debounceMs ?? DEBOUNCE_MS_DEFAULT;
    this.#reported = this.#look();
    this.#armPoll();
  }

  close(): void {
    this.#closed = true;
    this.#poll?.cancel();
    this.#pending?.cancel();
    for (const { handle } of this.#watched.values()) handle.close();
    this.#watched.clear();
  }

  #armPoll(): void {
    this.#poll = this.#clock.after(LIMITS.filePollMs, () => {
      this.#armPoll();
      this.#schedule();
    });
  }

  /** Waits for `debounceMs` of quiet, but not longer than ten times that: a busy folder is still reported. */
  #schedule(): void {
    if (this.#closed) return;
    const now = this.#clock.monotonicMs();
    if (this.#pending === undefined) this.#firstEventMs = now;
    else if (now - this.#firstEventMs > this.#debounceMs * 9) return;
    this.#pending?.cancel();
    this.#pending = this.#clock.after(this.#debounceMs, () => this.#check());
  }

  #check(): void {
    this.#pending = undefined;
    const mustReport = this.#sawEvent && this.#racy;
    this.#sawEvent = false;
    const signature = this.#look();
    if (signature === this.#reported && !mustReport) return;
    this.#reported = signature;
    this.#onChange();
  }

  /** Scans and watches what was found; again while there are new folders, whose events nobody saw yet. */
  #look(): string {
    let scan = scanPaths(this.#paths);
    for (let round = 0; this.#watchFolders(scan.folders) && round < 4; round++) scan = scanPaths(this.#paths);
    this.#racy = Math.abs(this.#clock.now() - scan.newestMs) < TIMESTAMP_GRAIN_MS;
    return scan.signature;
  }

  /** Makes the set of inotify watches equal to `folders`; true when one was added. */
  #watchFolders(folders: ReadonlyMap<string, string>): boolean {
    for (const [folder, { identity, handle }] of this.#watched) {
      if (folders.get(folder) === identity) continue;
      handle.close();
      this.#watched.delete(folder);
    }
    let added = false;
    for (const [folder, identity] of folders) {
      if (this.#watched.has(folder) || this.#watched.size >= LIMITS.watchedFolders) continue;
      const handle = this.#watchFolder(folder);
      if (handle === undefined) continue;
      this.#watched.set(folder, { identity, handle });
      added = true;
    }
    return added;
  }

  #watchFolder(folder: string): FSWatcher | undefined {
    try {
      const handle = watch(folder, { persistent: false }, () => {
        this.#sawEvent = true;
        this.#schedule();
      });
      // The folder went away or the system is out of watches: the poll goes on, and the next look tries
      // again.
      handle.on('error', () => {
        handle.close();
        if (this.#watched.get(folder)?.handle === handle) this.#watched.delete(folder);
        this.#schedule();
      });
      return handle;
    } catch {
      return undefined; // out of inotify watches, or gone since the scan: the poll is what remains
    }
  }
}

function scanPaths(paths: readonly string[]): Scan {
  const lines: string[] = [];
  const folders = new Map<string, string>();
  let newestMs = 0;
  const visit = (path: string, depth: number): void => {
    const stat = statOrUndefined(path);
    lines.push(`${path}\0${stat === undefined ? '-' : signatureOf(stat)}`);
    if (stat === undefined) return;
    newestMs = Math.max(newestMs, Number(stat.ctimeMs));
    if (!stat.isDirectory() || depth > LIMITS.folderDepth) return;
    addFolder(folders, path, stat);
    for (const name of namesIn(path)) {
      if (lines.length < LIMITS.watchedEntries) visit(join(path, name), depth + 1);
    }
  };
  for (const path of paths) {
    addParents(folders, path, 0);
    visit(path, 0);
  }
  return { signature: lines.join('\n'), folders, newestMs };
}

/** The folder of `path` (or its nearest existing ancestor), and those that hold a symlink on the way. */
function addParents(folders: Map<string, string>, path: string, hops: number): void {
  const root = parse(path).root;
  let existing = root;
  let prefix = root;
  for (const segment of path.slice(root.length).split(sep)) {
    const parent = prefix;
    prefix = join(prefix, segment);
    const target = linkTarget(prefix);
    if (target !== undefined && hops < LIMITS.symlinkHops) {
      addFolder(folders, parent);
      addParents(folders, resolve(parent, target), hops + 1);
    }
    if (statOrUndefined(parent)?.isDirectory() === true) existing = parent;
  }
  addFolder(folders, path === root ? root : existing);
}

function addFolder(folders: Map<string, string>, path: string, known?: BigIntStats): void {
  const stat = known ?? statOrUndefined(path);
  // An inode number is reused at once by some filesystems; the birth time tells the new folder from the old.
  if (stat?.isDirectory()) folders.set(path, `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`);
}

function signatureOf(stat: BigIntStats): string {
  // A folder's own times change with hidden entries too; its visible entries have lines of their own.
  if (stat.isDirectory()) return `dir ${stat.dev}:${stat.ino}`;
  return `${stat.dev}:${stat.ino}:${stat.mode}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

function statOrUndefined(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // no permission or a symlink loop: to a reader the same as missing
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined; // unreadable: nothing to follow
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return []; // removed since the stat, or unreadable: its line in the signature says so
  }
}
