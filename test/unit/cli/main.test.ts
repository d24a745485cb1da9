// The command line's frame: what is printed, where, and with which exit code. Mostly in this process; what
// only a real process shows (streams, closed pipes) with plain `node cli/main.ts`.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERBS } from '../../../cli/verbs.ts';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');

const run = (...args: string[]) => runCli(root, args);

describe('help', () => {
  it('lists every verb, aligned and within 100 columns', async () => {
    const { code, out, err } = await run('--help');
    expect([code, err]).toEqual([0, '']);
    for (const { name, summary } of VERBS)
      expect(out).toMatch(new RegExp(`^  sallyport ${name} +${summary}$`, 'm'));
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it.each([['-h'], ['help'], ['help', '--help']])('%s %s is the same', async (...args) => {
    expect((await run(...args)).out).toBe((await run('--help')).out);
  });

  it.each([
    ['policy', '--help'],
    ['help', 'policy'],
  ])('%s %s shows its group', async (...args) => {
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    expect(out).toContain('sallyport policy check');
    expect(out).not.toContain('sallyport certs');
  });

  it.each(VERBS.map(({ name }) => ({ name })))(
    'sallyport $name --help: usage, options, examples',
    async ({ name }) => {
      const { code, out, err } = await run(...name.split(' '), '--help');
      expect([code, err]).toEqual([0, '']);
      expect(out).toMatch(new RegExp(`^Usage: sallyport ${name}( |\\n)`));
      expect(out).toContain(`\n  sallyport ${name}`);
      expect((await run('help', ...name.split(' '))).out).toBe(out);
    },
  );

  it.each(VERBS.map((entry) => ({ name: entry.name, entry })))(
    '$name: every option of the usage line is described',
    async ({ entry }) => {
      const { usage } = await entry.load();
      const described = entry.options.flatMap(([left]) => left.match(/--[a-z-]+/g) ?? []);
      for (const option of usage.match(/--[a-z-]+/g) ?? []) expect(described).toContain(option);
    },
  );

  it('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(await run('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

describe('wrong usage: exit 2, nothing on standard output', () => {
  const rows: { name: string; args: string[]; expect: RegExp }[] = [
    { name: 'nothing', args: [], expect: /^sallyport: a proxy.*Usage: sallyport VERB/s },
    { name: 'a group alone', args: ['policy'], expect: /^Usage: sallyport policy VERB/ },
    {
      name: 'a verb misspelt',
      args: ['prxy'],
      expect: /unknown verb `prxy` \[ERR_USAGE\]\n +hint: did you mean `sallyport proxy`\?/,
    },
    { name: 'a group misspelt', args: ['polcy', 'check'], expect: /did you mean `sallyport policy`/ },
    {
      name: 'a second word misspelt',
      args: ['policy', 'chekc', 'x'],
      expect: /`policy chekc`.*\n.*`sallyport policy check`/,
    },
    {
      name: 'a verb of nobody',
      args: ['zzzzzz'],
      expect: /unknown verb `zzzzzz`.*\n.*`sallyport --help` lists/,
    },
    { name: 'a verb that is not built', args: ['fleet'], expect: /unknown verb `fleet`/ },
    { name: 'help of a verb of nobody', args: ['zzzzzz', '--help'], expect: /unknown verb/ },
    { name: 'an option before the verb', args: ['--json', 'policy'], expect: /unknown option `--json`/ },
    {
      name: 'an option misspelt',
      args: ['config', 'check', 'x', '--strcit'],
      expect: /unknown option `--strcit`.*\n.*`--strict`/,
    },
    {
      name: 'an option of nobody',
      args: ['config', 'schema', '--zzz'],
      expect: /unknown option `--zzz`.*\n.*sallyport config schema/,
    },
    { name: 'a value for a switch', args: ['config', 'check', '--json=1', 'x'], expect: /ERR_USAGE/ },
    { name: 'no file', args: ['config', 'check'], expect: /no file is named/ },
    { name: 'two files', args: ['config', 'explain', 'a', 'b'], expect: /one file is expected, not 2/ },
    {
      name: 'a file twice',
      args: ['config', 'explain', 'a', '--config', 'b'],
      expect: /one file is expected/,
    },
    { name: 'an argument too many', args: ['config', 'schema', 'x'], expect: /ERR_USAGE/ },
    { name: 'proxy without a configuration', args: ['proxy'], expect: /`--config` is missing/ },
    {
      name: 'proxy with an option misspelt',
      args: ['proxy', '--confg', 'x'],
      expect: /^sallyport: unknown option/,
    },
    {
      name: 'a configuration that is not there',
      args: ['proxy', '--config', '/absent.yaml'],
      expect: /there is no such file.*\n +hint:/,
    },
  ];
  it.each(rows)('$name', async ({ args, expect: expected }) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(expected);
    expect(err).not.toContain('    at '); // no stack for what the user can mend
  });
});

describe('a real process', () => {
  const main = join(root, 'cli/main.ts');

  it('writes results to standard output and ends by itself', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'config', 'schema'], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object' });
  });

  it('writes errors to standard error, without colour', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'nope'], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('unknown verb');
    expect(stderr).not.toContain('\u001b');
  });

  it('is quiet when its reader goes away (| head)', async () => {
    const child = spawn(process.execPath, [main, 'config', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, err]).toEqual([0, '']);
  });

  it('loads no verb that is not called', () => {
    const script = `
      const { registerHooks } = await import('node:module');
      const load = (url, context, next) => {
        if (url.includes('/cli/')) console.log(url);
        return next(url, context);
      };
      registerHooks({ load });
      process.argv.length = 2;
      process.argv.push('--version');
      await import(${JSON.stringify(main)});`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const loaded = stdout.split('\n').flatMap((line) => line.match(/cli\/([a-z/-]+)\.ts/)?.[1] ?? []);
    expect(loaded.sort()).toEqual([
      'args',
      'certs-verbs',
      'dispatch',
      'flows/verbs',
      'help',
      'main',
      'policy/verbs',
      'verbs',
      'version',
    ]);
  });
});
