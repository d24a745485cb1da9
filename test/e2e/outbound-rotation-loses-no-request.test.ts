// Both proxies of a pair get new certificates, then a new CA, while requests of both kinds run: none fails,
// and what was opened with an old certificate is not used for a new request.
import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { eventually, handshakes, metric } from './stage/observe.ts';
import { Pair } from './stage/pair.ts';
import type { RunningProxy, Stage } from './stage/stage.ts';

const WORKERS = 8;

let application: http.Server;
let pair: Pair;
let next: Authority;
let stopped = false;
let answered = 0;
const faults: string[] = [];
const workers: Promise<void>[] = [];

beforeAll(async () => {
  next = await createAuthority({ trustDomain: 'example.org' });
  application = http.createServer((request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const address = application.address();
  pair = await Pair.start(typeof address === 'object' ? (address?.port ?? 0) : 0);
  for (let i = 0; i < WORKERS; i++) workers.push(work(i % 2 === 0 ? 'GET' : 'POST'));
});

afterAll(async () => {
  stopped = true;
  await Promise.all(workers);
  await pair.close();
  application.closeAllConnections();
  application.close();
});

async function work(method: string): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!stopped) {
    const outcome = await ask(agent, method);
    if (outcome === '200 ok') answered++;
    else faults.push(`${method}: ${outcome}`);
  }
  agent.destroy();
}

function ask(agent: http.Agent, method: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { agent, method, host: '127.0.0.1', port: pair.web.port, headers: { host: 'cart.shop' } };
    const request = http.request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
      response.on('error', (error) => resolve(error.message));
    });
    request.on('error', (error) => resolve(error.message));
    request.end(method === 'POST' ? 'body' : undefined);
  });
}

async function renew(stage: Stage, authority: Authority): Promise<void> {
  await stage.svid('server', `spiffe://example.org/ns/shop/sa/${stage.account}`, { authority });
}

const swaps = (proxy: RunningProxy): number =>
  proxy.lines.filter((line) => line['msg'] === 'identity swapped').length;

/** Makes the change, waits until `proxies` took it, and for answers after that. */
async function under(proxies: readonly RunningProxy[], change: () => Promise<unknown>): Promise<void> {
  const before = proxies.map(swaps);
  await change();
  await eventually(
    () => proxies.map(swaps),
    (now) => now.every((n, i) => n > (before[i] ?? 0)),
  );
  const from = answered;
  await eventually(
    () => answered,
    (n) => n >= from + 100,
  );
  expect(faults).toEqual([]);
}

test('new certificates on either side', async () => {
  const { web, cart, inbound, outbound } = pair;
  await under([outbound], () => renew(web, web.authority));
  await under([inbound], () => renew(cart, cart.authority));
  for (let i = 0; i < 3; i++)
    await under([outbound, inbound], () => Promise.all([web, cart].map((s) => renew(s, s.authority))));
});

test('a request after its own certificate was renewed opens a new connection', async () => {
  const before = await handshakes(pair.cart, 'ok');
  await under([pair.outbound], () => renew(pair.web, pair.web.authority));
  expect(await handshakes(pair.cart, 'ok')).toBeGreaterThan(before);
});

test('a new CA: both first, then the certificates, then the new one alone', async () => {
  const { web, cart, inbound, outbound } = pair;
  const sides = [web, cart];
  const bundle = (pem: string) => async (): Promise<void> => {
    for (const stage of sides) stage.write('ca.pem', pem);
  };
  await under([outbound, inbound], bundle(web.authority.certificatePem + next.certificatePem));
  await under([outbound, inbound], () => Promise.all(sides.map((stage) => renew(stage, next))));
  await under([outbound, inbound], bundle(next.certificatePem));
});

test('in all that no request failed, and nothing is left open', async () => {
  stopped = true;
  await Promise.all(workers);
  expect(faults).toEqual([]);
  expect(answered).toBeGreaterThan(800);
  expect(
    await metric(pair.cart, 'sallyport_handshakes_total{listener="inbound",result="handshake-failed"}'),
  ).toBe(0);
});
