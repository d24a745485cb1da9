// limits.connections, connectionsPerIdentity and handshakesInFlight: what is above them is refused, the
// status and admin addresses stay up, and everything is free again afterwards.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { adminPage, eventually, handshakes, openConnections, statusPage } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

const LISTENER = `limits: { connections: 6, connectionsPerIdentity: 2, handshakesInFlight: 3 }
timeouts: { handshake: 1s, head: 1s, idle: 1m }`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let svids: SvidFiles[];
const wires: Wire[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  const names = ['a', 'b', 'c', 'd'];
  svids = await Promise.all(names.map((name) => stage.svid(name, `spiffe://example.org/ns/shop/sa/${name}`)));
  proxy = await stage.start({ upstreamPort: application.port, listener: LISTENER });
});

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function connect(caller: number): Promise<Wire> {
  const svid = svids[caller];
  if (svid === undefined) throw new Error(`no caller ${caller}`);
  const wire = await call(stage, svid);
  wires.push(wire);
  return wire;
}

/** A connection whose first request was answered. */
async function served(caller: number): Promise<Wire> {
  const wire = await connect(caller);
  wire.send(get('/'));
  await wire.until((text) => text.endsWith('ok'));
  return wire;
}

async function silent(): Promise<Wire> {
  const socket = net.connect({ port: stage.port, host: '127.0.0.1' });
  const wire = new Wire(socket);
  wires.push(wire);
  await once(socket, 'connect');
  return wire;
}

async function managementAnswers(): Promise<void> {
  expect((await statusPage(stage, '/healthz')).status).toBe(200);
  expect((await statusPage(stage, '/readyz')).status).toBe(200);
  expect((await statusPage(stage, '/metrics')).status).toBe(200);
  expect((await adminPage(stage, '/connections')).status).toBe(200);
}

test('a caller above limits.connectionsPerIdentity gets 503, others do not notice', async () => {
  const first = await served(0);
  await served(0);
  const third = await connect(0);
  third.send(get('/third'));
  expect(await third.end()).toMatch(
    /^HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*"code":"identity-connection-limit"/,
  );
  await proxy.line((line) => line['reason'] === 'identity-connection-limit');
  await served(1);
  await managementAnswers();
  third.socket.destroy();
  first.socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 2,
  );
  await served(0);
  expect(application.connections.map(({ text }) => text).join('')).not.toContain('/third');
});

test('a caller above its limit that asks nothing does not keep its place', async () => {
  await served(0);
  await served(0);
  const idle = await connect(0);
  const slow = await connect(0);
  slow.send('GET /slow HTTP/1.1\r\n');
  expect(await idle.end()).toBe('');
  await slow.end();
  await eventually(
    () => openConnections(stage),
    (n) => n === 2,
  );
});

test('a connection above limits.connections is closed at once; status and admin stay up', async () => {
  const before = await handshakes(stage, 'connection-limit');
  const six = await Promise.all(
    [0, 0, 1, 1, 2, 2].map(async (caller, i) => {
      await eventually(
        () => wires.length,
        (n) => n >= i,
      ); // one handshake at a time: that limit is another test's
      return served(caller);
    }),
  );
  expect(await openConnections(stage)).toBe(6);
  const seventh = await silent();
  expect(await seventh.end()).toBe('');
  await eventually(
    () => handshakes(stage, 'connection-limit'),
    (n) => n === before + 1,
  );
  await proxy.line((line) => line['reason'] === 'connection-limit');
  await managementAnswers();
  for (const wire of six) {
    const seen = wire.text.length;
    wire.send(get('/again'));
    await wire.until((text) => text.length > seen && text.endsWith('ok'));
  }
  six[0]?.socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 5,
  );
  await served(3);
});

test('a handshake above limits.handshakesInFlight waits for those before it', async () => {
  const live = await served(0);
  const silents = [await silent(), await silent(), await silent()];
  const fourth = served(1); // TCP accepts it, TLS does not begin
  await managementAnswers();
  live.send(get('/meanwhile'));
  await live.until((text) => text.split('\r\n\r\nok').length === 3);
  expect(silents.map((wire) => wire.socket.readableEnded)).toEqual([false, false, false]);
  await Promise.all(silents.map((wire) => wire.end())); // timeouts.handshake
  await fourth;
});
