// The status and admin addresses serve a closed list of paths, GET only, admin for this machine alone; 200
// clients that are slow on purpose keep neither from answering a probe.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from './stage/foreign.ts';
import { adminPage, statusPage } from './stage/observe.ts';
import { Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

const SLOW = 200;

let stage: Stage;
let application: Application;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function raw(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const wire = new Wire(socket);
  wire.send(text);
  return wire.end();
}

const request = (method: string, path: string, host = 'localhost'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

test.each([
  { path: '/healthz', status: 200 },
  { path: '/readyz', status: 200 },
  { path: '/metrics', status: 200 },
  { path: '/policy', status: 404 },
  { path: '/config', status: 404 },
  { path: '/', status: 404 },
  { path: '/healthz/..', status: 404 },
])('status address: $path is $status', async ({ path, status }) => {
  expect(await raw(stage.statusPort, request('GET', path))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test.each([
  { name: 'GET /policy', method: 'GET', path: '/policy', host: '127.0.0.1', status: 200 },
  { name: 'GET /connections', method: 'GET', path: '/connections', host: 'localhost:15000', status: 200 },
  { name: 'GET /flows', method: 'GET', path: '/flows', host: '[::1]', status: 200 },
  { name: 'GET /config', method: 'GET', path: '/config', host: 'localhost', status: 200 },
  { name: 'POST', method: 'POST', path: '/policy', host: 'localhost', status: 405 },
  { name: 'a page of a rebound name', method: 'GET', path: '/policy', host: 'evil.example', status: 403 },
  {
    name: 'a name that begins like ours',
    method: 'GET',
    path: '/policy',
    host: 'localhost.evil.example',
    status: 403,
  },
  { name: 'another path', method: 'GET', path: '/metrics', host: 'localhost', status: 404 },
])('admin address: $name is $status', async ({ method, path, host, status }) => {
  expect(await raw(stage.adminPort, request(method, path, host))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test('/connections and /config: who is connected, and no key', async () => {
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const caller = await call(stage, web);
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok'));
  const connections = JSON.parse((await adminPage(stage, '/connections')).text) as unknown[];
  expect(connections).toEqual([
    expect.objectContaining({
      listener: 'inbound',
      principal: 'spiffe://example.org/ns/shop/sa/web',
      state: 'waiting',
    }),
  ]);
  const config = (await adminPage(stage, '/config')).text;
  expect(JSON.parse(config)).toMatchObject({ policy: { mode: 'enforce' }, log: { decisions: 'all' } });
  expect(config).not.toContain('PRIVATE KEY');
  caller.socket.destroy();
});

test(`${SLOW} slow clients on each: probes are answered, and so are requests`, async () => {
  const sockets = [stage.statusPort, stage.adminPort].flatMap((port) =>
    Array.from({ length: SLOW }, () => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write('GET /metrics HTTP/1.1\r\nHost: local'); // and never the rest
      return socket;
    }),
  );
  await Promise.all(
    sockets.map(
      (socket) => new Promise<void>((resolve) => socket.once('connect', resolve).once('close', resolve)),
    ),
  );
  for (let n = 0; n < 5; n++) {
    const probe = `http://127.0.0.1:${stage.statusPort}/readyz`;
    expect(await run('curl', ['-sS', '--max-time', '2', probe])).toMatchObject({ code: 0, out: 'ready\n' });
    expect((await statusPage(stage, '/metrics')).status).toBe(200);
    expect((await adminPage(stage, '/policy')).status).toBe(200);
  }
  const caller = await call(stage, await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web'));
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok'));
  for (const socket of sockets) socket.destroy();
});
