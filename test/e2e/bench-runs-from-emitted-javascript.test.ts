// The harness as the npm package carries it: no sources, no development packages beside it.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROGRAMS } from '../../bench/program.ts';
import { Emitted } from './stage/emitted.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
const dist = join(folder, 'dist');
const main = join(dist, 'cli/main.js');

beforeAll(() => {
  const emitted = new Emitted();
  cpSync(dirname(dirname(emitted.entry)), dist, { recursive: true });
  emitted.close();
  const harness = spawnSync(process.execPath, [join(root, 'bench/emit.ts'), dist], { encoding: 'utf8' });
  expect(harness.status, harness.stderr).toBe(0);
  cpSync(join(root, 'deploy'), join(folder, 'deploy'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const { packages }: { packages: Record<string, { dev?: boolean }> } = JSON.parse(lock);
  for (const [path, { dev }] of Object.entries(packages)) {
    if (path === '' || dev === true || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (!existsSync(join(folder, path))) symlinkSync(join(root, path), join(folder, path));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'bench', ...args], {
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

test('tells its scenarios and options', () => {
  const { status, out } = bench('--help');
  expect(status).toBe(0);
  expect(out).toMatch(/^Usage: sallyport bench/);
  expect(out).toMatch(/^ +requests .*\n/m);
});

test.each(PROGRAMS)('has the program %s', (program) => {
  const check = spawnSync(process.execPath, ['--check', join(dist, 'bench', `${program}.js`)], {
    encoding: 'utf8',
  });
  expect(check.status, check.stderr).toBe(0);
});

test('measures the emitted proxy, and names what installs a peer that is not there', () => {
  const json = join(folder, 'result.json');
  const peers = 'sallyport,direct,node-https-http-proxy';
  const options = ['--quick', '--rounds', '1', '--seconds', '0.2', '--peers', peers, '--json', json];
  const { status, out, err } = bench('requests', ...options);
  expect(status, err).toBe(1); // claims about peers that are not measured here
  expect(out).toMatch(/^sallyport +\d/m);
  expect(out).toContain('npm install http-proxy');
  const { scenarios } = JSON.parse(readFileSync(json, 'utf8'));
  const measured = scenarios[0].points.map((point: { peer: string; rounds: unknown[] }) => [
    point.peer,
    point.rounds.filter((round) => round !== null).length,
  ]);
  expect(measured).toEqual([
    ['sallyport', 1],
    ['direct', 1],
  ]);
});
