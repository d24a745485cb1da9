// Two proxies in a row write flow records of the same requests: the map shows one edge, the denials who
// refused, the trace what was reached.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './stage/observe.ts';
import { outbound, Pair } from './stage/pair.ts';
import { policyText } from './stage/policies.ts';
import { Application, answering, get, OK, Wire } from './stage/wire.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const BLOCKS =
  'log: { decisions: all }\nflows: { file: flows.jsonl, interval: 1s }\nshutdown: { delay: 0s, drain: 5s }';
const WEB = 'spiffe://example.org/ns/shop/sa/web';
/** web's own proxy forwards what it may ask of cart; cart's refuses some of that. */
const WEB_POLICIES = { 'mesh.yaml': policyText({ paths: ['/items/*', '/admin'] }) };
const CART_POLICIES = { 'mesh.yaml': policyText({ paths: ['/items/*'] }) };

let application: Application;
let pair: Pair;
let files: string[];

beforeAll(async () => {
  application = await Application.start(answering(OK));
  pair = await Pair.start(application.port, (cart) => ({
    web: { ...outbound({ port: cart.port }), blocks: BLOCKS, policies: WEB_POLICIES },
    cart: { blocks: BLOCKS, policies: CART_POLICIES },
  }));
  files = [pair.web.path('flows.jsonl'), pair.cart.path('flows.jsonl')];
  for (const path of ['/items/1', '/items/2', '/items/3', '/admin', '/secret']) await ask(path);
  // Both files have their last window.
  await eventually(
    () => files.map((file) => read(file)).join(''),
    (text) => text.includes('/secret') && text.split('"/admin"').length === 3,
  );
});

afterAll(async () => {
  await pair.close();
  application.close();
});

async function ask(path: string): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port: pair.web.port, allowHalfOpen: true });
  await once(socket, 'connect');
  const app = new Wire(socket);
  app.send(get(path, 'Connection: close\r\n'));
  await app.end();
  socket.destroy();
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not written yet
  }
}

async function flows(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [ENTRY, 'flows', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text;
  });
  const [code] = await once(child, 'close');
  return { code: Number(code), ...printed };
}

test('one edge of two records: five requests, one refused on each side', async () => {
  const { code, out, err } = await flows('map', '--json', '--flows', ...files);
  expect([code, err]).toEqual([0, '']);
  const { rows } = JSON.parse(out);
  expect(rows).toEqual([
    expect.objectContaining({
      caller: 'shop/web',
      workload: 'shop/cart',
      seenBy: 'both',
      requests: 5,
      denied: 2,
      outbound: expect.objectContaining({ allowed: 4, denied: 1, ports: [pair.cart.port] }),
      inbound: expect.objectContaining({ allowed: 3, denied: 1, ports: [application.port] }),
    }),
  ]);
});

test('one file alone says which side saw it', async () => {
  const { rows } = JSON.parse((await flows('map', '--json', '--flows', files[0] ?? '')).out);
  expect(rows).toMatchObject([{ seenBy: 'caller', requests: 5, inbound: null }]);
});

test('the running proxies tell the same', async () => {
  const admins = [pair.web, pair.cart].flatMap(({ adminPort }) => ['--admin', `127.0.0.1:${adminPort}`]);
  const shown = JSON.parse((await flows('map', '--json', ...admins)).out);
  expect(shown.read.records).toBe('totals');
  expect(shown.rows).toMatchObject([{ caller: 'shop/web', seenBy: 'both', requests: 5, denied: 2 }]);
});

test('denials say who refused, and the command that follows explains them', async () => {
  const { code, out } = await flows('denied', '--json', '--flows', ...files);
  expect(code).toBe(0);
  const rows: Record<string, unknown>[] = JSON.parse(out).rows;
  expect(rows.map(({ direction, path }) => [direction, path]).sort()).toEqual([
    ['inbound', '/admin'],
    ['outbound', '/secret'],
  ]);
  const next = String(rows.find(({ path }) => path === '/admin')?.['next']);
  expect(next).toBe(
    `sallyport policy explain --config sallyport.yaml --as ${WEB} GET cart:${application.port}/admin`,
  );
  const words = next.split(' ').slice(1);
  const explained = spawn(process.execPath, [ENTRY, ...words], { cwd: pair.cart.folder, stdio: 'pipe' });
  let text = '';
  explained.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await once(explained, 'close');
  expect(text).toMatch(/^verdict +deny +default-deny/);
});

test('the trace tells what was reached and what was tried', async () => {
  const { code, out } = await flows('trace', 'web', '--json', '--since', '1h', '--flows', ...files);
  expect(code).toBe(0);
  expect(JSON.parse(out).rows).toMatchObject([
    { kind: 'reached', step: 1, from: 'shop/web', to: 'shop/cart', requests: 3, confirmed: true },
    { kind: 'denied', step: 1, from: 'shop/web', to: 'shop/cart', requests: 2 },
  ]);
  expect((await flows('trace', 'cart', '--flows', ...files)).code).toBe(1);
});

test('text on standard input', async () => {
  const child = spawn('sh', [
    '-c',
    `cat "$0" "$1" | "$2" "$3" flows map --flows -`,
    ...files,
    process.execPath,
    ENTRY,
  ]);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await once(child, 'close');
  expect(text).toMatch(/^shop\/web +shop\/cart +\d+ +5 +2 /m);
});
