// The command of the report: what it writes, what --check finds, and what it refuses.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportCommand } from '../../../../bench/report/command.ts';
import type { RunResult } from '../../../../bench/result.ts';
import { fixture } from './fixture.ts';
import { faultOf } from './well-formed.ts';

const CHECKOUT = join(import.meta.dirname, '../../../..');
const README = 'intro\n<!-- figures:begin -->\nold\n<!-- figures:end -->\noutro\n';
const DOCUMENT = 'intro\n<!-- results:begin -->\n<!-- results:end -->\n';

let root = '';
const path = (name: string): string => join(root, name);
const read = (name: string): string => readFileSync(path(name), 'utf8');
const put = (name: string, text: string): void => writeFileSync(path(name), text);
const putResult = (result: unknown): void => put('docs/benchmarks/results.json', JSON.stringify(result));

function run(...args: readonly string[]): { status: number; output: string } {
  const lines: string[] = [];
  const log = (line: string): number => lines.push(line);
  return { status: reportCommand(args, { log, error: log }), output: lines.join('\n') };
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sallyport-report-'));
  mkdirSync(path('docs/benchmarks'), { recursive: true });
  put('README.md', README);
  put('docs/benchmarks.md', DOCUMENT);
  putResult(fixture());
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('reportCommand', () => {
  it('writes report, picture and both documents, and then finds them up to date', () => {
    const before = run('--check', '--root', root);
    expect(before.status).toBe(1);
    for (const name of ['README.md', 'docs/benchmarks.md', 'report.html', 'cpu.svg'])
      expect(before.output).toContain(name);
    expect(existsSync(path('docs/benchmarks/report.html'))).toBe(false);

    expect(run('--root', root).status).toBe(0);
    expect(faultOf(read('docs/benchmarks/report.html'))).toBeNull();
    expect(faultOf(read('docs/benchmarks/cpu.svg'))).toBeNull();
    expect(read('README.md')).toMatch(/^intro\n<!-- figures:begin -->\n.*\| sallyport .*outro\n$/s);
    expect(read('docs/benchmarks.md')).toContain('### requests');
    expect(run('--check', '--root', root)).toEqual({ status: 0, output: '' });

    put('docs/benchmarks/cpu.svg', '<svg/>');
    const after = run('--check', '--root', root);
    expect(after).toEqual({ status: 1, output: expect.stringMatching(/^[^\n]*cpu\.svg [^\n]*$/) });
    expect(read('docs/benchmarks/cpu.svg')).toBe('<svg/>');
  });

  it('renders another file without touching the documents', () => {
    put('mine.json', JSON.stringify(fixture({ scenarios: [] })));
    expect(run(path('mine.json'), '--html', path('mine.html')).status).toBe(0);
    expect(faultOf(read('mine.html'))).toBeNull();
    expect(read('README.md')).toBe(README);
  });

  it.each([
    { name: 'no results', file: null, expect: 'is not there: measure first' },
    { name: 'no JSON', file: '{"schema": 1', expect: 'is not JSON' },
    { name: 'another schema', file: '{"schema": 2}', expect: 'has schema 2, this program reads 1' },
    { name: 'no schema', file: '{}', expect: 'holds no result of a run: schema' },
    { name: 'no object', file: '[]', expect: 'holds no result of a run: the whole file' },
    { name: 'a part missing', file: JSON.stringify({ ...fixture(), machine: 1 }), expect: 'run: machine:' },
    {
      name: 'no date',
      file: JSON.stringify({ ...fixture(), at: 'yesterday' }),
      expect: 'run: at:',
    },
    {
      name: 'a figure that is none',
      file: JSON.stringify(withFigure(Number.NaN)),
      expect: 'scenarios[0].points[0].rounds[0].requestsPerSecond',
    },
  ])('refuses $name', ({ file, expect: want }) => {
    if (file === null) rmSync(path('docs/benchmarks/results.json'));
    else put('docs/benchmarks/results.json', file);
    for (const args of [[], ['--check']]) {
      const { status, output } = run(...args, '--root', root);
      expect({ status, output }).toEqual({ status: 2, output: expect.stringContaining(want) });
    }
    expect(read('README.md')).toBe(README);
  });

  it.each([
    { name: 'README.md', text: 'no marker', expect: 'figures:begin' },
    { name: 'docs/benchmarks.md', text: '<!-- results:begin -->\n', expect: 'results:begin' },
  ])('refuses $name without its markers, and writes nothing', ({ name, text, expect: want }) => {
    put(name, text);
    const { status, output } = run('--root', root);
    expect([status, output.includes(want), output.includes(name)]).toEqual([2, true, true]);
    expect(existsSync(path('docs/benchmarks/report.html'))).toBe(false);
  });

  it.each([
    { args: ['--unknown'], expect: 'Unknown option' },
    { args: ['a.json'], expect: 'needs --html OUT' },
    { args: ['a.json', 'b.json', '--html', 'c'], expect: 'one file at a time' },
    { args: ['--check', '--html', 'c'], expect: '--check goes without --html' },
  ])('refuses $args', ({ args, expect: want }) => {
    const { status, output } = run(...args);
    expect([status, output.includes(want), output.includes('usage:')]).toEqual([2, true, true]);
  });

  it('explains itself', () => {
    expect(run('--help')).toEqual({ status: 0, output: expect.stringMatching(/^usage: node bench\/report/) });
  });
});

describe('the documents of this checkout', () => {
  it('follow from docs/benchmarks/results.json, once it is there', () => {
    const measured = existsSync(join(CHECKOUT, 'docs/benchmarks/results.json'));
    const args = ['bench/report/main.ts', '--check'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: CHECKOUT, encoding: 'utf8' });
    expect({ status, stderr }).toEqual(
      measured ? { status: 0, stderr: '' } : { status: 2, stderr: expect.stringContaining('is not there') },
    );
  });
});

function withFigure(requestsPerSecond: number): RunResult {
  const base = fixture();
  return {
    ...base,
    scenarios: base.scenarios.map((one) => ({
      ...one,
      points: one.points.map((of) => ({
        ...of,
        rounds: of.rounds.map((sample) => (sample === null ? null : { ...sample, requestsPerSecond })),
      })),
    })),
  };
}
