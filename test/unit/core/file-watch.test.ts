// core/file-watch.ts against a real file system: what is reported, and what is not.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../../core/clock.ts';
import { type FileWatch, watchPaths } from '../../../core/file-watch.ts';

let folder: string;
let open: FileWatch[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-watch-'));
});

afterEach(() => {
  for (const watch of open) watch.close();
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => join(folder, ...names);

function write(text: string, ...names: string[]): void {
  mkdirSync(dirname(at(...names)), { recursive: true });
  writeFileSync(at(...names), text);
}

/** Kubernetes' atomic writer: a new hidden folder, then `..data` renamed over the old link. */
function publish(version: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) write(text, 'mount', `..${version}`, name);
  symlinkSync(`..${version}`, at('mount', '..data_tmp'));
  renameSync(at('mount', '..data_tmp'), at('mount', '..data'));
}

/** Resolves at each change; real time, real inotify. */
function changes(paths: string[]): { next(): Promise<void>; count(): number } {
  let count = 0;
  let taken = 0;
  let wake: (() => void) | undefined;
  open.push(
    watchPaths(
      paths,
      () => {
        count++;
        wake?.();
      },
      { debounceMs: 15 },
    ),
  );
  return {
    count: () => count,
    async next() {
      while (count <= taken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      taken = count;
    },
  };
}

describe('reported through inotify', () => {
  const rows: { name: string; paths: string[]; before: () => void; change: () => void }[] = [
    {
      name: 'written in place',
      paths: ['a.pem'],
      before: () => write('1', 'a.pem'),
      change: () => write('2', 'a.pem'),
    },
    {
      name: 'renamed over',
      paths: ['a.pem'],
      before: () => write('1', 'a.pem'),
      change: () => {
        write('2', 'a.tmp');
        renameSync(at('a.tmp'), at('a.pem'));
      },
    },
    {
      name: 'removed',
      paths: ['a.pem'],
      before: () => write('1', 'a.pem'),
      change: () => unlinkSync(at('a.pem')),
    },
    { name: 'created later', paths: ['a.pem'], before: () => {}, change: () => write('1', 'a.pem') },
    {
      name: 'created with its folders',
      paths: ['x/y/a.pem'],
      before: () => {},
      change: () => write('1', 'x', 'y', 'a.pem'),
    },
    {
      name: 'the second of two files',
      paths: ['a.pem', 'sub/b.pem'],
      before: () => {
        write('1', 'a.pem');
        write('1', 'sub', 'b.pem');
      },
      change: () => write('2', 'sub', 'b.pem'),
    },
    {
      name: 'a file below a watched folder',
      paths: ['policies'],
      before: () => write('1', 'policies', 'team', 'a.yaml'),
      change: () => write('2', 'policies', 'team', 'a.yaml'),
    },
    {
      name: 'a file in a new folder below a watched folder',
      paths: ['policies'],
      before: () => write('1', 'policies', 'a.yaml'),
      change: () => write('1', 'policies', 'new', 'b.yaml'),
    },
    {
      name: 'a watched folder removed',
      paths: ['policies'],
      before: () => write('1', 'policies', 'a.yaml'),
      change: () => rmSync(at('policies'), { recursive: true }),
    },
    {
      name: 'a folder replaced by another',
      paths: ['policies'],
      before: () => {
        write('1', 'policies', 'a.yaml');
        write('1', 'next', 'a.yaml');
      },
      change: () => {
        renameSync(at('policies'), at('old'));
        renameSync(at('next'), at('policies'));
      },
    },
    {
      name: 'a symlinked folder swapped (git-sync)',
      paths: ['current/policies'],
      before: () => {
        write('1', 'trees', 'one', 'policies', 'a.yaml');
        write('1', 'trees', 'two', 'policies', 'a.yaml');
        symlinkSync('trees/one', at('current'));
      },
      change: () => {
        symlinkSync('trees/two', at('next'));
        renameSync(at('next'), at('current'));
      },
    },
    {
      name: 'Kubernetes ..data swap, file watched',
      paths: ['mount/tls.crt'],
      before: () => {
        publish('v1', { 'tls.crt': '1' });
        symlinkSync('..data/tls.crt', at('mount', 'tls.crt'));
      },
      change: () => publish('v2', { 'tls.crt': '1' }),
    },
    {
      name: 'Kubernetes ..data swap, folder watched',
      paths: ['mount'],
      before: () => {
        publish('v1', { 'a.yaml': '1' });
        symlinkSync('..data/a.yaml', at('mount', 'a.yaml'));
      },
      change: () => publish('v2', { 'a.yaml': '1' }),
    },
    {
      name: 'the target of a symlink in another folder',
      paths: ['link.pem'],
      before: () => {
        write('1', 'elsewhere', 'real.pem');
        symlinkSync('elsewhere/real.pem', at('link.pem'));
      },
      change: () => write('2', 'elsewhere', 'real.pem'),
    },
  ];
  it.each(rows)('$name', async ({ paths, before, change }) => {
    before();
    const seen = changes(paths.map((p) => at(p)));
    expect(seen.count()).toBe(0);
    change();
    await seen.next();
  });

  it('every generation of a file that is removed and created again', async () => {
    write('1', 'deep', 'a.pem');
    const seen = changes([at('deep', 'a.pem')]);
    for (const text of ['2', '3', '4']) {
      rmSync(at('deep'), { recursive: true });
      await seen.next();
      write(text, 'deep', 'a.pem');
      await seen.next();
    }
    expect(readFileSync(at('deep', 'a.pem'), 'utf8')).toBe('4');
  });

  it('every swap of several in a row', async () => {
    publish('v1', { 'tls.crt': '1' });
    symlinkSync('..data/tls.crt', at('mount', 'tls.crt'));
    const seen = changes([at('mount', 'tls.crt')]);
    for (const version of ['v2', 'v3', 'v4']) {
      publish(version, { 'tls.crt': version });
      await seen.next();
    }
  });
});

/** A clock that moves only by `advance`: what the poll sees without any event. */
class ManualClock implements Clock {
  #nowMs = 0;
  #tasks: { dueMs: number; task: () => void }[] = [];
  now = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;
  after(delayMs: number, task: () => void): Timer {
    const entry = { dueMs: this.#nowMs + delayMs, task };
    this.#tasks.push(entry);
    return {
      cancel: () => {
        this.#tasks = this.#tasks.filter((t) => t !== entry);
      },
    };
  }
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      const due = this.#tasks.filter((t) => t.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#tasks = this.#tasks.filter((t) => t !== due);
      this.#nowMs = due.dueMs;
      due.task();
    }
    this.#nowMs = end;
  }
  pending = (): number => this.#tasks.length;
}

describe('the poll alone (no event is delivered: the test never yields to the event loop)', () => {
  const start = (...paths: string[]) => {
    const clock = new ManualClock();
    let count = 0;
    const watch = watchPaths(
      paths.map((p) => at(p)),
      () => count++,
      { clock },
    );
    open.push(watch);
    return { clock, watch, count: () => count };
  };

  it('finds a change within 5.2 s, once', () => {
    write('1', 'a.pem');
    const { clock, count } = start('a.pem');
    clock.advance(60_000);
    expect(count()).toBe(0);
    write('22', 'a.pem');
    clock.advance(5_200);
    expect(count()).toBe(1);
    clock.advance(60_000);
    expect(count()).toBe(1);
  });

  const quiet: { name: string; change: () => void }[] = [
    { name: 'a neighbour of the file', change: () => write('x', 'b.pem') },
    {
      name: 'a hidden file in a watched folder (editor swap file)',
      change: () => write('x', 'policies', '.a.yaml.swp'),
    },
    { name: 'a read of the file', change: () => readFileSync(at('a.pem')) },
    { name: 'a hidden folder', change: () => write('x', 'policies', '.git', 'HEAD') },
  ];
  it.each(quiet)('does not report $name', ({ change }) => {
    write('1', 'a.pem');
    write('1', 'policies', 'a.yaml');
    const { clock, count } = start('a.pem', 'policies');
    change();
    clock.advance(60_000);
    expect(count()).toBe(0);
  });

  it('reports a polled change after the quiet time', () => {
    write('1', 'a.pem');
    const { clock, count } = start('a.pem');
    clock.advance(4_900);
    write('22', 'a.pem');
    clock.advance(299);
    expect(count()).toBe(0);
    clock.advance(1);
    expect(count()).toBe(1);
  });

  it('survives a symlink to its own folder', () => {
    write('1', 'policies', 'a.yaml');
    symlinkSync('.', at('policies', 'self'));
    const { clock, count } = start('policies');
    clock.advance(10_000);
    expect(count()).toBe(0);
  });

  it('survives a symlink to itself', () => {
    symlinkSync('loop', at('loop'));
    const { clock, count } = start('loop');
    clock.advance(10_000);
    expect(count()).toBe(0);
  });

  it('is silent and owns no timer after close, twice', () => {
    write('1', 'a.pem');
    const { clock, watch, count } = start('a.pem');
    write('22', 'a.pem');
    watch.close();
    watch.close();
    clock.advance(60_000);
    expect(count()).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('watches nothing when there are no paths', () => {
    const { clock, count } = start();
    clock.advance(60_000);
    expect(count()).toBe(0);
  });
});
