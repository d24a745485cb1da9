// A CPU profile, folded and drawn: a small one by hand with everything that is special in it, and one that
// Node wrote of emitted code of ours.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { areaOf, partOf } from '../../../bench/profile/areas.ts';
import { type CpuProfile, readProfile, selfTimesUs } from '../../../bench/profile/cpu-profile.ts';
import { flameGraph } from '../../../bench/profile/flame-graph.ts';
import { hottestFunctions, selfTimeByPart } from '../../../bench/profile/self-time.ts';
import { SourcePlaces } from '../../../bench/profile/source-places.ts';
import { foldStacks, type Stacks } from '../../../bench/profile/stacks.ts';
import { summarizeProfile } from '../../../bench/profile.ts';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-profile-'));
afterAll(() => rmSync(folder, { recursive: true }));

const urlOf = (path: string): string => pathToFileURL(join(root, path)).href;

interface Node {
  readonly name: string;
  readonly url?: string;
  readonly line?: number;
  /** Microseconds of one sample each. */
  readonly samples?: readonly number[];
  readonly children?: readonly Node[];
}

/** A profile in which every node's samples come right after the node. */
function profileOf(nodes: readonly Node[]): CpuProfile {
  const found: CpuProfile['nodes'][number][] = [];
  const samples: number[] = [];
  const lengths: number[] = [];
  const add = ({ name, url = '', line = 0, samples: own = [], children = [] }: Node): number => {
    const id = found.length + 1;
    const at = found.push({
      id,
      callFrame: { functionName: name, url, lineNumber: line, columnNumber: 0 },
    });
    for (const us of own) {
      samples.push(id);
      lengths.push(us);
    }
    const childIds = children.map(add);
    found[at - 1] = { ...(found[at - 1] as CpuProfile['nodes'][number]), children: childIds };
    return id;
  };
  add({ name: '(root)', children: nodes });
  const total = lengths.reduce((sum, us) => sum + us, 0);
  return {
    nodes: found,
    samples,
    timeDeltas: [500, ...lengths.slice(0, -1)],
    startTime: 1_000,
    endTime: 1_500 + total,
  };
}

const PARSE = { name: 'parse', url: urlOf('proxy/http1/parse-request.ts'), line: 127 };
const SMALL = profileOf([
  {
    name: 'onStreamRead',
    url: 'node:internal/stream_base_commons',
    line: 170,
    samples: [1_000],
    children: [
      { ...PARSE, samples: [2_000] },
      { name: 'evaluate', url: urlOf('policy/evaluate.ts'), line: 9, samples: [500] },
      { ...PARSE, samples: [1_000], children: [{ name: 'latin1Slice', samples: [3_000] }] },
    ],
  },
  { name: '(garbage collector)', samples: [500] },
  { name: '(idle)', samples: [90_000] },
  { name: '(program)', samples: [2_000] },
]);
const fold = (profile: CpuProfile): Stacks => foldStacks(profile, new SourcePlaces());

describe('self time', () => {
  it('of a sample lasts until the next one, of the last until the end', () => {
    const profile = { ...profileOf([]), samples: [1, 2, 1], timeDeltas: [7, 10, 20] };
    const times = selfTimesUs({ ...profile, startTime: 100, endTime: 177 });
    expect([...times]).toEqual([
      [1, 10 + 40],
      [2, 20],
    ]);
  });

  it('of a clock that went back is none', () => {
    const profile = { ...profileOf([]), samples: [1, 2], timeDeltas: [0, -5] };
    expect([...selfTimesUs({ ...profile, startTime: 0, endTime: 0 }).values()]).toEqual([0, 0]);
  });
});

describe('folding', () => {
  it('makes one frame of the same function on the same stack, and leaves idle time out', () => {
    const { roots, busyUs, idleUs } = fold(SMALL);
    expect({ busyUs, idleUs }).toEqual({ busyUs: 10_000, idleUs: 90_000 });
    expect(roots.map(({ name, totalUs }) => [name, totalUs])).toEqual([
      ['(garbage collector)', 500],
      ['(program)', 2_000],
      ['onStreamRead', 7_500],
    ]);
    const inside = roots.at(-1)?.children.map(({ name, selfUs, totalUs }) => [name, selfUs, totalUs]);
    expect(inside).toEqual([
      ['evaluate', 500, 500],
      ['parse', 3_000, 6_000],
    ]);
  });

  it('of an empty profile is empty', () => {
    expect(fold({ ...profileOf([]), nodes: [] })).toEqual({ roots: [], busyUs: 0, idleUs: 0 });
  });
});

describe('tables', () => {
  it('by function: where it stands, hottest first, no more than asked for', () => {
    expect(hottestFunctions(fold(SMALL), 3).rows).toEqual([
      ['latin1Slice', '30.0', '3'],
      ['parse proxy/http1/parse-request.ts:128', '30.0', '3'],
      ['(program)', '20.0', '2'],
    ]);
  });

  it('by part: all of it', () => {
    expect(selfTimeByPart(fold(SMALL)).rows).toEqual([
      ['native functions', '30.0', '3'],
      ['proxy/http1/', '30.0', '3'],
      ['(program): outside of JavaScript', '20.0', '2'],
      ['JavaScript of Node', '10.0', '1'],
      ['(garbage collector)', '5.0', '1'],
      ['policy/', '5.0', '1'],
    ]);
  });
});

describe('whose code it is', () => {
  it.each([
    { file: 'proxy/inbound.ts', name: 'f', area: 'proxy', part: 'proxy/' },
    { file: 'proxy/http1/head.ts', name: 'f', area: 'proxy', part: 'proxy/http1/' },
    { file: 'certs/der.ts', name: 'f', area: 'certs', part: 'certs/' },
    { file: 'core/clock.ts', name: 'f', area: 'core', part: 'core/' },
    { file: 'cli/proxy.ts', name: 'f', area: 'core', part: 'cli/' },
    { file: 'node:net', name: 'f', area: 'node', part: 'JavaScript of Node' },
    { file: 'node_modules/pino/lib/x.js', name: 'f', area: 'packages', part: 'package pino' },
    { file: '/x/node_modules/a/node_modules/@b/c/d.js', name: 'f', area: 'packages', part: 'package @b/c' },
    { file: 'bench/load/loop-delay.ts', name: 'f', area: 'packages', part: 'bench/load/' },
    { file: '', name: 'writeBuffer', area: 'native', part: 'native functions' },
    { file: '', name: '(program)', area: 'native', part: '(program): outside of JavaScript' },
    { file: '', name: '(garbage collector)', area: 'collector', part: '(garbage collector)' },
    { file: 'constructor/x.ts', name: 'f', area: 'packages', part: 'constructor/' },
  ])('$name in "$file"', ({ file, name, area, part }) => {
    const place = { file, line: 1 };
    expect([areaOf(name, place), partOf(name, place)]).toEqual([area, part]);
  });
});

describe('the flame graph', () => {
  const graph = flameGraph(fold(SMALL), 'a title', 'a profile');

  it('draws each frame as wide as its time, below its caller, with figures', () => {
    const parse = graph.split('\n<g>').find((part) => part.startsWith('<title>parse'));
    expect(parse).toContain('proxy/http1/parse-request.ts:128\nself 3.0 ms (30.0 %), total 6.0 ms (60.0 %)');
    expect(parse).toMatch(/<rect class="frame proxy" x="[\d.]+" y="91" width="708.0"/);
    expect(graph.match(/<rect class="frame /g)).toHaveLength(6);
    expect(graph).toContain('0.01 s at work, 0.09 s idle (not drawn)');
    expect(graph).not.toContain('(idle)');
    expect(graph).not.toContain('not drawn.');
  });

  it('is the same each time', () => {
    expect(flameGraph(fold(SMALL), 'a title', 'a profile')).toBe(graph);
  });

  it('stands alone, in light and dark', () => {
    expect(graph).toContain('@media (prefers-color-scheme:dark)');
    expect(graph.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
      /https?:|<script|<image|url\(/,
    );
  });

  it('leaves out what is too narrow to see, and says so', () => {
    const narrow = profileOf([
      { name: 'wide', samples: [100_000] },
      { name: 'thin', samples: [10], children: [{ name: 'inner', samples: [5] }] },
    ]);
    const drawn = flameGraph(fold(narrow), 't', 's');
    expect(drawn).not.toContain('thin');
    expect(drawn).toContain('1 narrower frames (below 0.10 %) are not drawn.');
  });

  it.each([
    { name: '<script>alert(1)</script>' },
    { name: '"><rect onload="x"/>' },
    { name: "a'b & c</text>" },
    { name: ']]><!-- -->' },
    { name: 'a\u0000b\u001b[31m\ud800' },
    { name: `get ${'x'.repeat(500)}` },
  ])('holds $name as text', ({ name }) => {
    const hostile = profileOf([{ name, url: `node:${name}`, samples: [1_000] }]);
    const drawn = flameGraph(fold(hostile), name, name);
    const tags = drawn.match(/<\/?[a-z]+/gi)?.map((tag) => tag.replaceAll(/[</]/g, ''));
    expect([...new Set(tags)].sort()).toEqual(['g', 'rect', 'style', 'svg', 'text', 'title']);
    expect(drawn).not.toMatch(/<[^>]*onload|<!|\]\]>/);
    for (const character of drawn) expect(character >= ' ' || character === '\n').toBe(true);
    expect(drawn.isWellFormed()).toBe(true);
  });
});

describe('summarizeProfile', () => {
  const directory = (name: string, files: Readonly<Record<string, string>>): string => {
    const made = mkdtempSync(join(folder, `${name}-`));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(made, file), text);
    return made;
  };
  const small = JSON.stringify(SMALL);
  const helper = JSON.stringify(profileOf([{ name: 'compile', samples: [900_000] }]));

  it.each([
    { name: 'nothing', files: {} },
    { name: 'other files', files: { 'notes.txt': small } },
    { name: 'a profile that was cut off', files: { 'a.cpuprofile': small.slice(0, 100) } },
  ])('of $name is null', ({ name, files }) => {
    expect(summarizeProfile(directory(name.replaceAll(' ', '-'), files))).toBeNull();
  });

  it('takes the process that serves, writes the graph beside it, and names both', () => {
    const made = directory('serves', { 'a.cpuprofile': small, 'b.cpuprofile': helper });
    const summary = summarizeProfile(made);
    const graph = join(made, 'flame.svg');
    expect(summary?.files).toEqual([join(made, 'a.cpuprofile'), graph]);
    expect(summary?.tables.map(({ title }) => title)).toEqual(['self time by part', 'self time by function']);
    expect(readFileSync(graph, 'utf8')).toContain('a.cpuprofile; 0.01 s at work');
  });

  it('leaves older runs alone', () => {
    const made = directory('older', { 'old.cpuprofile': small });
    utimesSync(join(made, 'old.cpuprofile'), 1_000, 1_000);
    expect(summarizeProfile(made, 2_000_000)).toBeNull();
    expect(summarizeProfile(made, 1_000_000)).not.toBeNull();
  });
});

describe('a profile of emitted code', () => {
  it('names the sources', () => {
    const rolldown = join(root, 'node_modules/.bin/rolldown');
    const dist = join(folder, 'dist');
    const built = spawnSync(rolldown, ['-c', join(root, 'rolldown.config.ts'), '--dir', dist]);
    expect(built.status).toBe(0);
    const run = spawnSync(process.execPath, [
      '--cpu-prof',
      '--cpu-prof-interval=20',
      `--cpu-prof-dir=${folder}`,
      join(dist, 'cli/main.js'),
    ]);
    expect(run.status).toBe(2); // usage
    const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile')) ?? '';
    const profile = readProfile(join(folder, file));
    const places = new SourcePlaces(dist);
    const found = profile?.nodes.map(({ callFrame }) => ({ callFrame, place: places.of(callFrame) })) ?? [];
    places.close();
    const ours = found.find(({ callFrame }) => callFrame.functionName === 'dispatch');
    expect(ours?.place.file).toBe('cli/dispatch.ts');
    const source = readFileSync(join(root, 'cli/dispatch.ts'), 'utf8').split('\n');
    expect(source[(ours?.place.line ?? 0) - 1]).toContain('function dispatch(');
  });
});
