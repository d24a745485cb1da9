// A thousand callers that go away at every stage of the handshake leave nothing behind: no place, no
// descriptor.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, handshakes, metric, openConnections } from './stage/observe.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const ABORTS = 1_000;
const AT_A_TIME = 25;
const HALF_HELLO = Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1');

let stage: Stage;
let application: Application;
let web: SvidFiles;
let hello: Buffer;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  hello = await clientHello();
  // A minute: nothing here may be freed by the timeout.
  await stage.start({
    upstreamPort: application.port,
    listener: 'timeouts: { handshake: 1m }\nlimits: { handshakesInFlight: 64, connections: 200 }',
    blocks: 'log: { decisions: none }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const connect = (): net.Socket => {
  const socket = net.connect({ port: stage.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  return socket;
};

/** A complete ClientHello; it may be sent again and again. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername: 'localhost' });
  client.on('error', () => undefined);
  const [socket] = await accepted;
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** How a caller goes away; each resolves when its socket is closed. */
const ABORT: readonly ((web: SvidFiles) => Promise<unknown>)[] = [
  async () => {
    const socket = connect();
    await once(socket, 'connect');
    socket.resetAndDestroy();
  },
  async () => {
    const socket = connect();
    await once(socket, 'connect');
    socket.end();
    await once(socket.resume(), 'close');
  },
  async () => {
    const socket = connect();
    await new Promise((resolve) => socket.write(HALF_HELLO, resolve));
    socket.end();
    await once(socket.resume(), 'close');
  },
  async () => {
    const socket = connect();
    await new Promise((resolve) => socket.write(HALF_HELLO, resolve));
    socket.resetAndDestroy();
  },
  async () => {
    // After the server's flight, before the client's certificate.
    const socket = connect();
    socket.write(hello);
    await once(socket, 'data');
    socket.resetAndDestroy();
  },
  async ({ certificatePem, keyPem }) => {
    // With the handshake done for the client, not yet for the proxy.
    const raw = connect();
    const ca = stage.authority.certificatePem;
    const socket = tls.connect({
      socket: raw,
      servername: 'localhost',
      ca,
      cert: certificatePem,
      key: keyPem,
    });
    socket.on('error', () => undefined);
    await Promise.race([once(socket, 'secureConnect'), once(raw, 'close')]);
    raw.resetAndDestroy();
  },
];

test('every place and descriptor is free again', async () => {
  const warm = await call(stage, web);
  warm.send(get('/', 'Connection: close\r\n'));
  await warm.end();
  warm.socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
  const descriptors = await metric(stage, 'process_open_fds');
  for (let done = 0; done < ABORTS; done += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => ABORT[(done + i) % ABORT.length]?.(web)));
  }
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
  // Two of slack: the scrape's own connection, and an idle one to the application.
  await eventually(
    () => metric(stage, 'process_open_fds'),
    (n) => n <= descriptors + 2,
  );
  expect(await handshakes(stage, 'handshake-failed')).toBeGreaterThan(ABORTS / 3);
  // All 64 places for handshakes are usable at once.
  const limited = await handshakes(stage, 'handshake-limit');
  const silent = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connect();
      await once(socket, 'connect');
      return socket;
    }),
  );
  expect(await handshakes(stage, 'handshake-limit')).toBe(limited);
  for (const socket of silent) socket.destroy();
  const caller = await eventually(
    () => call(stage, web).catch(() => null),
    (one) => one !== null,
  );
  caller?.send(get('/', 'Connection: close\r\n'));
  expect(await caller?.end()).toMatch(/^HTTP\/1\.1 200 OK/);
});
