// The micro-benches: how a task is timed, what the command line accepts, and that each bench still runs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MICRO_BENCHES } from '../../../bench/micro/all.ts';
import { checkFigures } from '../../../bench/micro/check.ts';
import { compileFigures } from '../../../bench/micro/compile.ts';
import { decisionFigures } from '../../../bench/micro/decision.ts';
import { differenceFigures } from '../../../bench/micro/differences.ts';
import { type Figure, fastestOf, ratioOf, type Task } from '../../../bench/micro/measure.ts';
import { simulateFigures } from '../../../bench/micro/simulate.ts';
import { swapFigures } from '../../../bench/micro/swap.ts';

describe('fastestOf', () => {
  const spin = (ms: number): void => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  };
  const task = (name: string, run: () => unknown, more: Partial<Task> = {}): Task => {
    return { name, unit: 'ms', operations: 1, run, ...more };
  };

  it('runs the tasks in turn, each after its own preparation', async () => {
    const done: string[] = [];
    const log = (what: string) => () => done.push(what);
    await fastestOf([task('a', log('a'), { before: log('prepare a'), inARow: 2 }), task('b', log('b'))], 2);
    const turn = ['prepare a', 'a', 'prepare a', 'a', 'b'];
    expect(done).toEqual([...turn, ...turn]);
  });

  it('takes the fastest run, without the preparation', async () => {
    const spans = [180, 5, 120];
    const before = (): void => spin(85);
    const [figure] = await fastestOf([task('a', () => spin(spans.shift() ?? 180), { before })], 3);
    expect(figure?.value).toBeGreaterThanOrEqual(5);
    expect(figure?.value).toBeLessThan(90);
  });

  it.each([
    { unit: 'ns', perMs: 1e6 },
    { unit: 'µs', perMs: 1e3 },
    { unit: 'ms', perMs: 1 },
  ] as const)('gives the time of one operation in $unit', async ({ unit, perMs }) => {
    const [figure] = await fastestOf([task('a', () => spin(5), { unit, operations: 10, target: 7 })], 1);
    expect(figure).toMatchObject({ name: 'a', unit, target: 7 });
    expect(figure?.value).toBeGreaterThanOrEqual(0.5 * perMs);
    expect(figure?.value).toBeLessThan(5 * perMs);
  });

  it('waits for what is asynchronous, and can leave the waiting out', async () => {
    const wait = async (): Promise<void> => {
      const until = performance.now() + 40;
      while (performance.now() < until) await setImmediate();
    };
    const sleep = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));
    const [wall, cpu] = await fastestOf([task('wall', wait), task('cpu', sleep, { clock: 'cpu' })], 1);
    expect(wall?.value).toBeGreaterThanOrEqual(40);
    expect(cpu?.value).toBeLessThan(30);
  });

  it('passes on what a task throws', async () => {
    const refuse = async (): Promise<void> => {
      throw new Error('refused');
    };
    await expect(fastestOf([task('a', refuse)], 1)).rejects.toThrow('refused');
  });
});

describe('ratioOf', () => {
  const figures = [
    { name: 'a', value: 3, unit: 'ns' },
    { name: 'b', value: 2, unit: 'ns' },
  ];
  it('divides', () => expect(ratioOf(figures, 'a', 'b')).toBe(1.5));
  it('of a figure that is not there is no number', () => expect(ratioOf(figures, 'a', 'c')).toBeNaN());
});

describe('every bench has figures: one turn of', () => {
  // Where the size makes the time, smaller ones.
  const smaller: Readonly<Record<string, () => Promise<Figure[]>>> = {
    decision: async () => (await decisionFigures(1, [10, 100])).figures,
    compile: () => compileFigures(1, [10, 100]),
    diff: () => differenceFigures(1, 40),
    check: () => checkFigures(1, 1_000),
    simulate: () => simulateFigures(1, 10_000),
    swap: () => swapFigures(1, [200, 1_000]),
  };
  it.each(MICRO_BENCHES)('$name', async ({ name, run }) => {
    const figures = await (smaller[name] ?? run)(1);
    expect(figures.length).toBeGreaterThan(1);
    expect(new Set(figures.map((figure) => figure.name)).size).toBe(figures.length);
    expect(figures.filter(({ value }) => !(Number.isFinite(value) && value > 0))).toEqual([]);
  });
});

describe('the command line', () => {
  const root = join(import.meta.dirname, '../../..');
  const run = (...args: string[]) => {
    const main = join(root, 'bench/micro/main.ts');
    return spawnSync(process.execPath, [main, ...args], { cwd: root, encoding: 'utf8' });
  };

  it('lists every bench with a line about it', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    for (const { name, summary } of MICRO_BENCHES)
      expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
  });

  it.each([
    { args: ['nothing'], expect: 'there is no micro-bench `nothing`' },
    { args: ['svid', 'nothing'], expect: 'there is no micro-bench `nothing`' },
    { args: ['--turns'], expect: '--turns' },
  ])('refuses $args', ({ args, expect: message }) => {
    const { status, stdout, stderr } = run(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('prints one array with --json', () => {
    const { status, stdout } = run('log', '--json');
    expect(status).toBe(0);
    const figures: unknown = JSON.parse(stdout);
    expect(figures).toContainEqual({ bench: 'log', name: 'text', value: expect.any(Number), unit: 'ns' });
  });

  it('prints aligned text without colour', () => {
    const { status, stdout } = run('log');
    expect(status).toBe(0);
    const [title, ...lines] = stdout.trimEnd().split('\n');
    expect(title).toMatch(/^log: one line/);
    expect(stdout).not.toContain('\u001b');
    expect(new Set(lines.map((line) => line.search(/ (ns|B)\b/))).size).toBe(1);
  });
});
