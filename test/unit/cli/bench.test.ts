// `sallyport bench` gives the harness its arguments, streams and signals, and takes its exit code. The
// harness is a stand-in beside a copy of the command line where its own work would be in the way.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-verb-'));
const main = join(folder, 'cli/main.ts');
const children: ChildProcess[] = [];

/** Does what its first argument says; tells the others. */
const STAND_IN = `
const [what, ...rest] = process.argv.slice(2);
if (what === '--help') console.log('options of the harness');
if (what === 'exit') { console.log(JSON.stringify(rest)); process.exitCode = Number(rest[0]); }
if (what === 'read') process.stdin.pipe(process.stdout);
if (what === 'die') process.kill(process.pid, 'SIGKILL');
if (what === 'wait') {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(name, () => { console.log('cleaned up after ' + name); process.exit(130); });
  setInterval(() => {}, 1_000);
  console.log('waiting');
}
`;

beforeAll(() => {
  for (const name of ['cli', 'core']) cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(root, name), join(folder, name));
  mkdirSync(join(folder, 'bench'));
  writeFileSync(join(folder, 'bench/main.ts'), STAND_IN);
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function sallyport(entry: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8', input: 'typed' });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

const rows: { name: string; args: string[]; expect: { status: number; out: string } }[] = [
  { name: 'done', args: ['exit', '0'], expect: { status: 0, out: '["0"]\n' } },
  { name: 'a claim does not hold', args: ['exit', '1'], expect: { status: 1, out: '["1"]\n' } },
  { name: 'wrong usage', args: ['exit', '2'], expect: { status: 2, out: '["2"]\n' } },
  {
    name: 'options, quotes and empty words as they are',
    args: ['exit', '3', '--slo', 'added_p95<5ms', '', '--json=a b', '$HOME'],
    expect: { status: 3, out: '["3","--slo","added_p95<5ms","","--json=a b","$HOME"]\n' },
  },
  { name: 'standard input', args: ['read'], expect: { status: 0, out: 'typed' } },
  { name: 'a harness that is killed', args: ['die'], expect: { status: 137, out: '' } },
];

describe('the exit code, the arguments and the streams', () => {
  it.each(rows)('$name', ({ args, expect: expected }) => {
    const { status, out, err } = sallyport(main, 'bench', ...args);
    expect({ status, out, err }).toEqual({ ...expected, err: '' });
  });

  it.each([
    ['bench', '--help'],
    ['help', 'bench'],
  ])('%s %s ends with what the harness can', (...args) => {
    const { status, out } = sallyport(main, ...args);
    expect(status).toBe(0);
    expect(out).toMatch(/^Usage: sallyport bench .*\n\noptions of the harness\n$/s);
  });
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s reaches the harness, and is waited for',
    async (signal) => {
      const child = spawn(process.execPath, [main, 'bench', 'wait'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      const exited = once(child, 'exit');
      const [first] = await once(child.stdout, 'data');
      expect(String(first)).toBe('waiting\n');
      child.kill(signal);
      expect(await text(child.stdout)).toBe(`cleaned up after ${signal}\n`);
      expect(await exited).toEqual([130, null]);
    },
  );
});

describe('the harness', () => {
  it('of this checkout refuses wrong usage with 2', () => {
    const { status, out, err } = sallyport(join(root, 'cli/main.ts'), 'bench', '--no-such-option');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain('--no-such-option');
  });

  it('is not in the image: told, with 2', () => {
    rmSync(join(folder, 'bench'), { recursive: true });
    const { status, out, err } = sallyport(main, 'bench', '--quick');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(/without the benchmark harness \[ERR_USAGE\]\n +hint: the npm package/);
  });
});
