// The flows verbs as a user types them: what they print, and the exit code.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOGGED, WEB, WRITTEN } from '../policy/flows/flow-samples.ts';
import { runCli } from './run-cli.ts';

const OUT = { ...WRITTEN, direction: 'outbound', destination: { ...WRITTEN.destination, port: 8443 } };
const DENIED = { ...WRITTEN, verdict: 'deny', reason: 'default-deny', rules: [], count: 3 };
const DELETE = { ...DENIED, http: { method: 'DELETE', path: '/items/{*}' } };
const CART = { principal: 'spiffe://example.org/ns/shop/sa/cart' };
const ONWARD = { ...OUT, source: CART, destination: { workload: 'db.local', namespace: '', port: 5432 } };
const HOSTILE = { ...DENIED, http: { method: '--config', path: "/\u001b[2J'$(id)" } };
const JSONL = 'flows.jsonl';

let folder: string;
let admin: Server;
let address: string;
let answer: { status: number; body: string };

const run = (...args: string[]) => runCli(folder, ['flows', ...args]);
const lines = (...records: object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-flows-'));
  const text = lines(OUT, WRITTEN, DELETE, ONWARD);
  await writeFile(join(folder, JSONL), text);
  await writeFile(join(folder, 'decisions.log'), lines(LOGGED, { level: 'info', msg: 'ready' }));
  await writeFile(join(folder, 'hostile.jsonl'), `\u001b[2J oh no\n${lines(HOSTILE)}`);
  await writeFile(join(folder, 'snapshot.json'), `[\n${JSON.stringify(WRITTEN)}\n]\n`);
  await writeFile(join(folder, 'empty.jsonl'), '');
  admin = createServer((_, response) => {
    response.statusCode = answer.status;
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
  const bound = admin.address();
  address = `127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;
});

afterAll(async () => {
  await new Promise((resolve) => admin.close(resolve));
  await rm(folder, { recursive: true });
});

describe('flows map', () => {
  test('shows one edge for a hop that both sides saw', async () => {
    const { code, out, err } = await run('map', '--flows', JSONL);
    expect([code, err]).toEqual([0, '']);
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      '4 records',
      '',
      'CALLER WORKLOAD PORTS REQUESTS DENIED WOULD DENY OUTBOUND INBOUND LAST SEEN SEEN BY',
      'shop/web shop/cart 8080 5 3 - 2 5 2026-09-01T12:00:03Z both',
      'shop/cart db.local 5432 2 - - 2 - 2026-09-01T12:00:03Z caller only',
      '',
    ]);
  });

  test('as JSON, with both sides', async () => {
    const { code, out } = await run('map', '--flows', JSONL, '--json');
    expect(code).toBe(0);
    const shown = JSON.parse(out);
    expect(shown).toMatchObject({
      view: 'map',
      trustDomain: 'example.org',
      since: null,
      until: null,
      read: { sources: [JSONL], records: 'windows', lines: 4, recordsRead: 4, requests: 9, badLines: 0 },
      rest: { records: 0, requests: 0 },
    });
    expect(shown.rows[0]).toEqual({
      caller: 'shop/web',
      principal: WEB,
      workload: 'shop/cart',
      seenBy: 'both',
      requests: 5,
      denied: 3,
      wouldDeny: 0,
      bytes: 4400,
      firstSeen: '2026-09-01T12:00:01.000Z',
      lastSeen: '2026-09-01T12:00:03.000Z',
      outbound: { allowed: 2, wouldDeny: 0, denied: 0, bytes: 2200, ports: [8443] },
      inbound: { allowed: 2, wouldDeny: 0, denied: 3, bytes: 4400, ports: [8080] },
    });
  });

  test.each(['mermaid', 'dot'])('as %s', async (format) => {
    const { code, out } = await run('map', JSONL, '--format', format);
    expect(code).toBe(0);
    expect(out).toContain('5 requests, 3 denied, port 8080');
  });

  test('of a time range', async () => {
    const before = await run('map', JSONL, '--until', '2026-09-01T12:00:00Z');
    expect(before).toMatchObject({ code: 1, out: '' });
    expect(before.err).toContain('4 records are outside the time range');
    expect((await run('map', JSONL, '--since', '2026-09-01T14:00:03+02:00')).code).toBe(0);
  });
});

describe('a running proxy', () => {
  test('is asked for its totals', async () => {
    answer = { status: 200, body: `[\n${JSON.stringify(WRITTEN)}\n]\n` };
    const { code, out } = await run('map', '--admin', address, '--json', '--since', '2026-09-01T12:00:00Z');
    expect(code).toBe(0);
    expect(JSON.parse(out).read).toMatchObject({ sources: [`http://${address}/flows`], records: 'totals' });
  });

  test('that serves something else is no source', async () => {
    answer = { status: 404, body: 'no' };
    expect(await run('map', '--admin', address)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('cannot be read: it answers 404 [ERR_FLOWS_ADMIN]'),
    });
  });

  test('whose answer is cut is said to be', async () => {
    answer = { status: 200, body: `[\n${JSON.stringify(WRITTEN)},\n` };
    const { code, err } = await run('map', '--admin', address);
    expect(code).toBe(0);
    expect(err).toContain('the array does not end: the answer was cut [ERR_FLOW_LINE]');
  });
});

describe('flows top', () => {
  test.each([
    { by: 'caller', expect: ['5 3 - 2026-09-01T12:00:03Z shop/web', '2 - - 2026-09-01T12:00:03Z shop/cart'] },
    {
      by: 'workload',
      expect: ['5 3 - 2026-09-01T12:00:03Z shop/cart', '2 - - 2026-09-01T12:00:03Z db.local'],
    },
    { by: 'denied', expect: ['5 3 - 2026-09-01T12:00:03Z shop/web shop/cart'] },
    {
      by: 'rule',
      expect: [
        '6 - - 2026-09-01T12:00:03Z ns[shop]-policy[cart]-rule[0]',
        '3 3 - 2026-09-01T12:00:03Z (default-deny)',
      ],
    },
    {
      by: 'path',
      expect: [
        '3 3 - 2026-09-01T12:00:03Z shop/cart DELETE /items/{*}',
        '2 - - 2026-09-01T12:00:03Z shop/cart GET /items/{*}',
        '2 - - 2026-09-01T12:00:03Z db.local GET /items/{*}',
      ],
    },
  ])('by $by', async ({ by, expect: expected }) => {
    const { code, out } = await run('top', '--flows', JSONL, '--by', by);
    expect(code).toBe(0);
    const rows = out.trimEnd().split('\n').slice(3);
    expect(rows.map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual(expected);
  });

  test('shows as many rows as asked for, and says how many more there are', async () => {
    const { out } = await run('top', JSONL, '--by', 'path', '--limit', '1');
    expect(out.trimEnd().split('\n').slice(4)).toEqual(['and 2 more rows; --limit shows them']);
  });
});

describe('flows denied', () => {
  test('says who, what, why, and what to run next', async () => {
    const { code, out } = await run('denied', '--flows', JSONL);
    expect(code).toBe(0);
    expect(out).toContain('3  shop/web -> shop/cart  DELETE /items/{*}\n  default-deny by the workload, ');
    expect(out).toContain(
      `next     sallyport policy explain --config sallyport.yaml --as ${WEB} DELETE cart:8080/items/any\n`,
    );
  });

  test('knows the nearest rule and the request from a decision log', async () => {
    const { out } = await run('denied', '--flows', JSONL, 'decisions.log');
    expect(out).toContain(
      'nearest  ns[shop]-policy[cart]-rule[0]  to.operation.methods  want GET  got DELETE',
    );
    expect(out).toContain('explain --config sallyport.yaml --request-id r-1 --log decisions.log\n');
  });

  test('is nothing when nothing was', async () => {
    expect(await run('denied', 'snapshot.json')).toMatchObject({
      code: 0,
      out: '1 record\n\nnothing was denied\n',
    });
  });

  test('marks a scan as one, and a retry with its interval', async () => {
    const at = (second: number) => new Date(Date.UTC(2026, 8, 1, 12, 0, second)).toISOString();
    const seen = (second: number) => ({ firstSeen: at(second), lastSeen: at(second), count: 1 });
    const scan = Array.from({ length: 30 }, (_, i) => ({
      ...DENIED,
      ...seen(i),
      source: CART,
      http: { method: 'GET', path: `/${i}` },
    }));
    const retry = Array.from({ length: 12 }, (_, i) => ({ ...DELETE, ...seen(i * 30) }));
    await writeFile(join(folder, 'marks.jsonl'), lines(...scan, ...retry));
    const { out } = await run('denied', 'marks.jsonl');
    expect(out).toContain('likely a scanner: 30 paths of shop/cart\n  for example GET /');
    expect(out).toContain('likely a retry: the same every 30s\n');
    const rows: { looksLike: string; everyMs: number | null }[] = JSON.parse(
      (await run('denied', 'marks.jsonl', '--json')).out,
    ).rows;
    expect(rows.filter(({ looksLike }) => looksLike === 'scanner')).toHaveLength(30);
    expect(rows.find(({ looksLike }) => looksLike === 'retry')).toMatchObject({ everyMs: 30_000 });
  });
});

describe('flows trace', () => {
  test('tells what was reached, asked for and denied', async () => {
    const { code, out } = await run('trace', 'web', '--flows', JSONL);
    expect(code).toBe(0);
    const plain = out.replaceAll(/ +/g, ' ');
    expect(plain).toContain(
      'shop/web: reached 1 workload directly, 1 more through them, 3 requests denied on the way\n',
    );
    expect(plain).toContain(
      " 1 shop/web shop/cart 8080 2 4,400 2026-09-01T12:00:01Z 2026-09-01T12:00:03Z the workload's proxy\n",
    );
    expect(plain).toContain(
      " 2 shop/cart db.local 5432 2 2,200 2026-09-01T12:00:01Z 2026-09-01T12:00:03Z the caller's proxy only\n",
    );
    expect(plain).toContain(
      'asked for directly\nREQUESTS DENIED WOULD DENY WORKLOAD METHOD PATH\n 3 3 - shop/cart DELETE /items/{*}\n',
    );
    expect(plain).toContain(' 1 shop/web shop/cart 3 2026-09-01T12:00:03Z the workload\n');
  });

  test('--direct leaves the rest out', async () => {
    expect((await run('trace', WEB, JSONL, '--direct')).out).not.toContain('db.local');
  });

  test('as JSON', async () => {
    const shown = JSON.parse((await run('trace', 'shop/web', JSONL, '--json')).out);
    expect(shown).toMatchObject({ view: 'trace', start: 'shop/web' });
    expect(
      shown.rows.map((row: Record<string, unknown>) => [
        row['kind'],
        row['step'],
        row['to'],
        row['requests'],
      ]),
    ).toEqual([
      ['reached', 1, 'shop/cart', 2],
      ['reached', 2, 'db.local', 2],
      ['denied', 1, 'shop/cart', 3],
    ]);
    expect(shown.paths).toHaveLength(2);
  });

  test.each([
    { name: 'wbe', expect: 'did you mean `web`?' },
    { name: 'db.local', expect: '`db.local` called nobody in these records' },
    { name: 'spiffe://evil.example/ns/shop/sa/web', expect: 'called nobody' },
  ])('of $name, who called nobody, is a negative result', async ({ name, expect: expected }) => {
    expect(await run('trace', name, JSONL)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining(expected),
    });
  });

  test('of an account of two namespaces asks which', async () => {
    const other = { ...WRITTEN, source: { principal: 'spiffe://example.org/ns/lab/sa/web' } };
    await writeFile(join(folder, 'two.jsonl'), lines(WRITTEN, other));
    expect(await run('trace', 'web', 'two.jsonl')).toMatchObject({
      code: 2,
      err: expect.stringContaining('`web` is one of lab/web, shop/web'),
    });
    expect((await run('trace', 'lab/web', 'two.jsonl')).code).toBe(0);
  });
});

describe('strangers’ text', () => {
  test.each([
    ['map'],
    ['map', '--json'],
    ['map', '--format', 'dot'],
    ['map', '--format', 'mermaid'],
    ['top', '--by', 'path'],
    ['denied'],
    ['denied', '--json'],
    ['trace', 'web'],
    ['trace', 'web', '--json'],
  ])('never reaches the terminal as it is: %s %s', async (...args) => {
    const { code, out, err } = await run(...args, '--flows', 'hostile.jsonl');
    expect(code).toBe(0);
    expect([...out, ...err].filter((c) => c !== '\n' && (c < ' ' || c > '~'))).toEqual([]);
    expect(err).toContain('hostile.jsonl:1:1: warning: is not JSON [ERR_FLOW_LINE]\n    \\u001b[2J oh no');
  });

  test('is never part of a command to paste', async () => {
    expect((await run('denied', 'hostile.jsonl')).out).not.toContain('next');
  });
});

describe('wrong usage', () => {
  const rows: { name: string; args: string[]; expect: string }[] = [
    { name: 'no source', args: ['map'], expect: 'neither `--flows` nor `--admin` is named' },
    {
      name: 'a missing file',
      args: ['map', 'gone.jsonl'],
      expect: '`gone.jsonl` does not exist [ERR_FLOWS_FILE]',
    },
    { name: 'a folder', args: ['map', '.'], expect: '`.` is a folder [ERR_FLOWS_FILE]' },
    { name: 'a file twice', args: ['map', JSONL, `./${JSONL}`], expect: 'is named twice' },
    { name: 'a format', args: ['map', JSONL, '--format', 'svg'], expect: '`--format svg` is unknown' },
    {
      name: 'two formats',
      args: ['map', JSONL, '--format', 'dot', '--json'],
      expect: '`--json` and `--format` disagree',
    },
    { name: 'a grouping', args: ['top', JSONL, '--by', 'day'], expect: '`--by day` is unknown' },
    { name: 'no rows', args: ['top', JSONL, '--limit', '0'], expect: '`--limit 0` is no number of rows' },
    {
      name: 'rows in words',
      args: ['denied', JSONL, '--limit', 'ten'],
      expect: '`--limit ten` is no number',
    },
    {
      name: 'a time',
      args: ['map', JSONL, '--since', 'yesterday'],
      expect: '`--since yesterday` is no time',
    },
    {
      name: 'an end before its start',
      args: ['map', JSONL, '--since', '1h', '--until', '2h'],
      expect: '`--since` is after `--until`',
    },
    { name: 'a trust domain', args: ['map', JSONL, '--trust-domain', 'A B'], expect: 'ERR_SPIFFE_ID' },
    { name: 'another machine', args: ['map', '--admin', '10.0.0.1:15000'], expect: 'is not on this machine' },
    { name: 'a URL', args: ['map', '--admin', 'http://127.0.0.1:15000'], expect: 'is a URL' },
    { name: 'nobody listens', args: ['map', '--admin', '127.0.0.1:1'], expect: 'ECONNREFUSED' },
    { name: 'windows and totals', args: ['map', JSONL, 'snapshot.json'], expect: 'ERR_FLOWS_MIXED' },
    { name: 'no workload', args: ['trace', '--flows', JSONL], expect: 'no workload is named' },
    {
      name: 'an unknown option',
      args: ['denied', JSONL, '--limits', '3'],
      expect: 'did you mean `--limit`?',
    },
  ];
  test.each(rows)('$name', async ({ args, expect: expected }) => {
    expect(await run(...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(expected) });
  });

  test.each([['map'], ['top'], ['denied'], ['trace', 'web']])(
    '%s of nothing is a negative result',
    async (...args) => {
      expect(await run(...args, '--flows', 'empty.jsonl')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('no flow records: '),
      });
    },
  );
});
