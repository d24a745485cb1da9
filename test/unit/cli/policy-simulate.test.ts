// `policy simulate` as a user types it: totals by format, exit codes, and what is refused.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOGGED, WRITTEN } from '../policy/flows/flow-samples.ts';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const fixtures = join(root, 'test/fixtures/simulate');
const CART = ['--workload', 'shop/cart:app=cart', '--trust-domain', 'example.org'];
const simulate = (cwd: string, args: readonly string[]) => runCli(cwd, ['policy', 'simulate', ...args]);

interface Answer {
  readonly read: Readonly<Record<string, unknown>>;
  readonly requests: Readonly<Record<string, number>>;
  readonly missing: readonly { readonly field: string }[];
  readonly newlyDenied: readonly { readonly caller: string; readonly path: string }[];
}

async function answer(cwd: string, args: readonly string[]): Promise<Answer> {
  const { out, err, code } = await simulate(cwd, [...args, '--json']);
  expect([code, err.includes('sallyport:')]).toEqual([0, false]);
  const value: Answer = JSON.parse(out);
  return value;
}

const counts = (newlyDenied: number, newlyAllowed: number, unknown: number, unchanged: number) => ({
  ...{ newlyDenied, newlyAllowed, unknown, unchanged, refused: 0 },
});

describe('the formats', () => {
  test.each([
    { file: 'flows.jsonl', format: 'sallyport', requests: counts(31, 12, 88, 1204), missing: ['http.host'] },
    { file: 'istio.jsonl', format: 'istio', requests: counts(2, 1, 1, 3), missing: ['source.principal'] },
    { file: 'istio.jsonl', format: 'auto', requests: counts(2, 1, 1, 3), missing: ['source.principal'] },
    {
      ...{ file: 'hubble.jsonl', format: 'hubble', requests: counts(1, 0, 3, 0) },
      missing: ['source.principal', 'http.host', 'http.method', 'http.path'],
    },
  ])('$file as $format', async ({ file, format, requests, missing }) => {
    const found = await answer(fixtures, ['--policy', 'new', '--flows', file, '--format', format, ...CART]);
    expect(found.requests).toEqual(requests);
    expect(found.missing.map(({ field }) => field)).toEqual(missing);
  });

  test('a baseline takes the place of what was recorded', async () => {
    const args = ['--policy', 'new', '--baseline', 'policies', '--flows', 'istio.jsonl', ...CART];
    const { requests } = await answer(fixtures, args);
    // Who called is not told of one request; one was denied by both.
    expect(requests).toEqual(counts(1, 1, 1, 4));
  });

  test('equal policies change nothing, whatever records lack', async () => {
    const args = ['--policy', 'new', '--baseline', 'new', '--flows', 'hubble.jsonl', 'istio.jsonl'];
    expect((await answer(fixtures, args)).requests).toEqual(counts(0, 0, 0, 11));
  });

  test('without labels of the workload nothing is decided that selectors decide', async () => {
    const { requests, missing } = await answer(fixtures, ['--policy', 'new', '--flows', 'flows.jsonl']);
    expect(requests).toEqual(counts(31, 0, 1304, 0));
    expect(missing.map(({ field }) => field)).toContain('destination.labels');
  });
});

describe('lines of our own', () => {
  let folder = '';
  const AUDITED = { ...LOGGED, enforced: false, requestId: 'r-2' };
  const DRY_RUN = {
    ...WRITTEN,
    dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['ns[shop]-policy[no-items]-rule[0]'] },
  };
  const REFUSED = { ...LOGGED, reason: 'ambiguous-path', count: 3 };
  const FILES: Readonly<Record<string, string | Buffer>> = {
    'audit.jsonl': [AUDITED, DRY_RUN, REFUSED].map((line) => JSON.stringify(line)).join('\n'),
    'bad.jsonl': `nonsense\n{"level":"info"}\n${JSON.stringify(WRITTEN)}\n{"a":1}\n{"firstSeen":\n`,
    'packed.gz': gzipSync(`${JSON.stringify(WRITTEN)}\n`.repeat(1000)),
    'cut.gz': gzipSync(`${JSON.stringify(WRITTEN)}\n`.repeat(1000)).subarray(0, 60),
    'totals.json': `[\n${JSON.stringify(WRITTEN)},\n${JSON.stringify(WRITTEN)}\n]\n`,
    'empty.jsonl': '',
    'broken.yaml': 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n',
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-simulate-'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('audit mode and dry runs tell what would have been', async () => {
    const { requests, newlyDenied } = await answer(folder, ['--flows', 'audit.jsonl']);
    expect(requests).toEqual({ ...counts(3, 0, 0, 0), refused: 3 });
    expect(newlyDenied.map(({ path }) => path)).toEqual(['/items/{*}', '/items/{*}']);
  });

  test('what audit mode forwarded is allowed, for another policy', async () => {
    const { requests } = await answer(folder, [
      '--flows',
      'audit.jsonl',
      '--policy',
      join(fixtures, 'new'),
      ...CART,
    ]);
    expect(requests).toEqual({ ...counts(1, 0, 0, 2), refused: 3 });
  });

  test('bad lines are counted, and named with their place', async () => {
    const { out, err, code } = await simulate(folder, ['--flows', 'bad.jsonl', '--json']);
    const { read }: Answer = JSON.parse(out);
    expect([code, read['badLines'], read['records']]).toEqual([0, 3, 1]);
    expect(read['skipped']).toMatchObject({ 'not-a-request': 1 });
    for (const line of [1, 4, 5]) expect(err).toContain(`bad.jsonl:${line}:1: warning:`);
  });

  test.each([
    { args: ['--flows', 'packed.gz'], requests: 2000 },
    { args: ['--flows', 'totals.json'], requests: 4 },
    { args: ['totals.json', '--since', '2026-09-01T12:00:03Z'], requests: 4 },
  ])('$args has $requests requests', async ({ args, requests }) => {
    expect((await answer(folder, args)).read['requests']).toBe(requests);
  });

  test.each([
    { args: ['--flows', 'audit.jsonl', '--fail-on', 'deny'], code: 1, says: '' },
    { args: ['--flows', 'audit.jsonl', '--fail-on', 'any'], code: 1, says: '' },
    { args: ['--flows', 'audit.jsonl', '--fail-on', 'allow'], code: 0, says: '' },
    { args: ['--flows', 'bad.jsonl', '--strict'], code: 2, says: 'warning' },
    { args: ['--flows', 'empty.jsonl'], code: 1, says: 'nothing to judge' },
    { args: ['--flows', 'audit.jsonl', '--since', '2027-01-01T00:00:00Z'], code: 1, says: 'outside' },
    { args: ['--flows', 'audit.jsonl', '--format', 'hubble'], code: 1, says: 'is no record of' },
    { args: ['--flows', 'cut.gz'], code: 2, says: 'is not whole gzip' },
    { args: ['--flows', 'packed.gz', 'totals.json'], code: 2, says: 'ERR_FLOWS_MIXED' },
    { args: ['--flows', 'none.jsonl'], code: 2, says: 'does not exist' },
    { args: ['--flows', 'audit.jsonl', 'audit.jsonl'], code: 2, says: 'named twice' },
    { args: ['--policy', 'broken.yaml'], code: 2, says: 'no `--flows`' },
    { args: ['--flows', 'audit.jsonl', '--policy', 'broken.yaml'], code: 2, says: 'ERR_POLICY_REFUSED' },
    { args: ['--flows', 'audit.jsonl', '--baseline', 'broken.yaml'], code: 2, says: 'needs `--policy`' },
    { args: ['--flows', 'audit.jsonl', '--format', 'squid'], code: 2, says: '`--format squid` is unknown' },
    { args: ['--flows', 'audit.jsonl', '--fail-on', 'widen'], code: 2, says: 'is unknown' },
    { args: ['--flows', 'audit.jsonl', '--workload', 'cart'], code: 2, says: 'is no workload' },
    { args: ['--flows', 'audit.jsonl', '--workload', 'shop/cart:app'], code: 2, says: 'is not KEY=VALUE' },
    { args: ['--flows', 'audit.jsonl', '--limit', '0'], code: 2, says: '--limit' },
  ])('$args: exit $code', async ({ args, code, says }) => {
    const printed = await simulate(folder, args);
    expect([printed.code, printed.err]).toEqual([code, expect.stringContaining(says)]);
  });
});
