// `bench --target`: the two sides, the objectives with their exit codes, and the forms of the output.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { benchTarget, isTargetRun, TARGET_USAGE } from '../../../bench/target/bench-target.ts';
import type { TargetResult } from '../../../bench/target/result.ts';
import { CLIENT, QUICK, SERVER_ID, TargetBench } from './target-bench.ts';
import { closedPort } from './target-server.ts';

let bench: TargetBench;

beforeAll(async () => {
  bench = await TargetBench.create();
});
afterEach(() => bench.closeServers());
afterAll(() => bench.remove());

describe('bench --target --direct', () => {
  it('measures both sides in turn, the direct one at the same path', { retry: 3 }, async () => {
    const paths: string[] = [];
    const note = (side: string): RequestListener => {
      return (request, response) => {
        if (paths.at(-1) !== `${side} ${request.url}`) paths.push(`${side} ${request.url}`);
        response.end('ok');
      };
    };
    const target = `https://localhost:${await bench.tls({}, note('target'))}/items/7?a=b`;
    const direct = `http://127.0.0.1:${await bench.plain(note('direct'))}`;
    const rounds = ['--rounds', '3', '--seconds', '0.2', '--warmup', '0.1'];
    const { code, out } = await bench.run('--target', target, '--direct', direct, ...CLIENT, ...rounds);
    expect(code).toBe(0);
    const [t, d] = ['target /items/7?a=b', 'direct /items/7?a=b'];
    // The two first questions, then rounds whose order changes.
    expect(paths).toEqual([t, d, t, d, t, d]);
    expect(out).toMatch(/^ +target +\[min-max\] +direct +\[min-max\] +added +\[min-max\]$/m);
    expect(out).toMatch(/^p50 ms( +\S+ +\[\S+\]){3}$/m);
  });
});

describe('bench --target --slo', () => {
  // Rates of failure are judged whatever the speed of the machine.
  it.each([
    {
      name: 'holds',
      failEvery: 0,
      slo: 'errors<6%',
      code: 0,
      verdict: 'holds         errors<6%: 0.00 % (0 of 20 requests)',
    },
    {
      name: 'is missed',
      failEvery: 4,
      slo: 'errors<6%',
      code: 1,
      verdict: 'missed        errors<6%: 25.0 % (5 of 20 requests)',
    },
    {
      name: 'is too fine',
      failEvery: 0,
      slo: 'errors<1%',
      code: 1,
      verdict: 'not measured  errors<1%: none of 20 requests',
    },
    { name: 'needs more', failEvery: 0, slo: 'p99<9s', code: 1, verdict: 'not measured  p99<9s: ' },
  ])('exits $code when an objective $name', async ({ failEvery, slo, code, verdict }) => {
    let number = 0;
    const port = await bench.plain((_request, response) => {
      // The first 13: the question before, the opening of two connections, the warm-up.
      response.statusCode = failEvery > 0 && ++number > 13 && (number - 13) % failEvery === 0 ? 503 : 200;
      response.end('ok');
    });
    const ran = await bench.run('--target', `http://127.0.0.1:${port}/`, ...QUICK, '--slo', slo);
    expect(ran.code).toBe(code);
    expect(ran.out.startsWith(verdict)).toBe(true);
    if (failEvery > 0) expect(ran.out).toContain('status    5; the first: answered 503, expected 2xx');
  });

  it('holds when the latency is within it', { retry: 3 }, async () => {
    const port = await bench.plain();
    const ran = await bench.run('--target', `http://127.0.0.1:${port}/`, ...QUICK, '--slo', 'p50<5s,max<9s');
    expect(ran.out).toMatch(/^holds +p50<5s: /);
    expect(ran.code).toBe(0);
  });

  it('judges every rate', async () => {
    const port = await bench.plain();
    const rates = ['--rate', '200,100', '--slo', 'errors<6%'];
    const ran = await bench.run('--target', `http://127.0.0.1:${port}/`, ...QUICK.slice(0, 6), ...rates);
    const lines = ran.out.split('\n').slice(0, 2);
    expect(lines.map((line) => line.slice(0, 33))).toEqual([
      'holds         errors<6% at 100/s:',
      'holds         errors<6% at 200/s:',
    ]);
    expect(ran.code).toBe(0);
  });

  it.each([
    { name: 'an unknown metric', slo: 'p98<5ms', expect: '--slo:1:1: error: unknown metric `p98` [ERR_SLO]' },
    { name: 'no direct side', slo: 'added_p95<5ms', expect: '`--direct` is missing' },
  ])('exits 2 before any request at $name', async ({ slo, expect: want }) => {
    const port = await bench.plain();
    const ran = await bench.run('--target', `http://127.0.0.1:${port}/`, '--slo', slo);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(want);
    expect(bench.requests).toBe(0);
  });
});

describe('the output of bench --target', () => {
  it('is JSON alone on standard output with --json', async () => {
    const target = ['--target', `https://localhost:${await bench.tls()}/`];
    const { out } = await bench.run(...target, '--json', ...CLIENT, ...QUICK, '--slo', 'errors<6%');
    // SAFETY: written by this version.
    const result = JSON.parse(out) as TargetResult;
    expect(result).toMatchObject({
      schema: 1,
      interrupted: false,
      sides: { target: { method: 'GET', probe: { status: 200, tls: { server: SERVER_ID } } }, direct: null },
      rates: [{ perSecond: 100, pairs: [{ target: { requests: 20, answered: 20 }, direct: null }] }],
      objectives: [{ perSecond: 100, objective: 'errors<6%', verdict: 'holds' }],
    });
  });

  it('is text, and JSON in a file that is named', async () => {
    const target = ['--target', `http://127.0.0.1:${await bench.plain()}/`];
    const { out } = await bench.run(...target, ...QUICK, '--json', 'result.json');
    expect(out).toMatch(/^100 requests a second/);
    expect(JSON.parse(readFileSync(join(bench.directory, 'result.json'), 'utf8'))).toMatchObject({
      schema: 1,
    });
  });

  it('has colour only where it is wanted', async () => {
    const target = ['--target', `http://127.0.0.1:${await bench.plain()}/`, ...QUICK, '--slo', 'errors<6%'];
    const said: string[] = [];
    const io = { out: (text: string) => void said.push(text), err: () => undefined, cwd: bench.directory };
    await benchTarget(target, { ...io, color: true });
    expect(said.join('')).toContain('\u001b[32mholds       \u001b[0m');
    expect((await bench.run(...target)).out).not.toContain('\u001b');
  });

  it('says why a target cannot be reached', async () => {
    const ran = await bench.run('--target', `http://127.0.0.1:${await closedPort()}/`);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('refused: connect ECONNREFUSED');
    expect(ran.err).toContain('nothing listens there');
  });

  it.each([
    { args: ['--cert', 'missing.pem', '--key', 'tls.key'], expect: '`--cert missing.pem` cannot be read' },
    { args: ['--ca', 'tls.key'], expect: '`--ca tls.key` holds no certificate' },
    { args: ['--cert', 'tls.crt', '--key', 'stranger.key'], expect: 'key values mismatch' },
    { args: ['--json', 'no/such/folder.json'], expect: 'cannot be written' },
    { args: ['--body', 'missing'], expect: '`--body missing` cannot be read' },
    { args: ['--body', '.'], expect: '`--body .` cannot be read' },
  ])('exits 2 at files that cannot be used: $args', async ({ args, expect: want }) => {
    const ran = await bench.run('--target', 'https://localhost:1/', ...args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(want);
  });

  it('is the usage with --help', async () => {
    expect(await bench.run('--target', '--help')).toEqual({ code: 0, out: TARGET_USAGE, err: '' });
  });

  it('ends with what was measured and exit code 130 at Ctrl-C', async () => {
    const port = await bench.plain();
    const module = pathToFileURL(join(import.meta.dirname, '../../../bench/target/bench-target.ts')).href;
    const io =
      '{ out: (t) => process.stdout.write(t), err: (t) => process.stderr.write(t), color: false, cwd: "." }';
    const script = `const { benchTarget } = await import('${module}');
      process.exitCode = await benchTarget(process.argv.slice(1), ${io});`;
    const args = ['--target', `http://127.0.0.1:${port}/`, '--seconds', '600', '--warmup', '0'];
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...args]);
    let out = '';
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      if (text.toString().includes('sending GET')) child.kill('SIGINT');
    });
    const [code]: unknown[] = await once(child, 'close');
    expect(code).toBe(130);
    expect(out).toMatch(/^interrupted: this is what was measured so far/);
  });
});

describe('isTargetRun', () => {
  it.each([
    { args: ['--target', 'https://a/'], expect: true },
    { args: ['--quick', '--target=https://a/'], expect: true },
    { args: ['--quick'], expect: false },
    { args: ['--json', '--targets'], expect: false },
  ])('$args: $expect', ({ args, expect: want }) => expect(isTargetRun(args)).toBe(want));
});
