// Peers that say nothing, half of something, or no TLS: ended within timeouts.handshake, counted, never
// served.
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, handshakes } from './stage/observe.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  proxy = await stage.start({
    upstreamPort: application.port,
    listener: 'timeouts: { handshake: 300ms, head: 300ms }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const connect = (localAddress = '127.0.0.1'): Wire =>
  new Wire(net.connect({ port: stage.port, host: '127.0.0.1', localAddress, allowHalfOpen: true }));

const CLIENT_HELLO_START = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';

test.each([
  { name: 'a silent client', first: '' },
  { name: 'the first byte of a record', first: '\x16' },
  { name: 'half a ClientHello', first: CLIENT_HELLO_START },
  { name: 'half a plaintext request line', first: 'GET' },
])('$name is cut off after timeouts.handshake', async ({ first }) => {
  const before = await handshakes(stage, 'handshake-timeout');
  const startMs = performance.now();
  const wire = connect();
  if (first !== '') wire.send(first);
  expect(await wire.end()).toBe('');
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(200); // the proxy's clock ticks every 100 ms
  await eventually(
    () => handshakes(stage, 'handshake-timeout'),
    (n) => n === before + 1,
  );
});

test('a client that drips its ClientHello byte by byte is cut off by the same deadline', async () => {
  const before = await handshakes(stage, 'handshake-timeout');
  const wire = connect();
  let at = 0;
  const drip = setInterval(() => wire.send(CLIENT_HELLO_START[at++] ?? '\x00'), 50);
  try {
    await wire.end();
  } finally {
    clearInterval(drip);
  }
  expect(await handshakes(stage, 'handshake-timeout')).toBe(before + 1);
});

test.each([
  { name: 'GET', text: 'GET / HTTP/1.1\r\nHost: cart.shop\r\n\r\n' },
  { name: 'POST', text: 'POST / HTTP/1.1\r\nHost: cart.shop\r\nContent-Length: 0\r\n\r\n' },
  { name: 'DELETE', text: 'DELETE / HTTP/1.1\r\nHost: cart.shop\r\n\r\n' },
  { name: 'CONNECT', text: 'CONNECT cart.shop:80 HTTP/1.1\r\nHost: cart.shop\r\n\r\n' },
  { name: 'HTTP/2 with prior knowledge', text: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { name: 'another protocol in plaintext', text: 'SSH-2.0-OpenSSH_9.2\r\n' },
])('$name in plaintext is plaintext-refused', async ({ text }) => {
  const before = await handshakes(stage, 'plaintext-refused');
  const wire = connect('127.0.0.9');
  wire.send(text);
  const got = await wire.end();
  expect(got).not.toContain('HTTP/');
  await eventually(
    () => handshakes(stage, 'plaintext-refused'),
    (n) => n > before,
  );
  await proxy.line(
    (line) => line['reason'] === 'plaintext-refused' && JSON.stringify(line).includes('127.0.0.9'),
  );
});

test.each([
  { name: 'a client that leaves before its ClientHello', bytes: '' },
  { name: 'a client that leaves in the middle of it', bytes: CLIENT_HELLO_START },
])('$name is counted as handshake-failed', async ({ bytes }) => {
  const before = await handshakes(stage, 'handshake-failed');
  const wire = connect();
  if (bytes !== '') wire.send(bytes);
  wire.socket.end();
  await wire.end();
  await eventually(
    () => handshakes(stage, 'handshake-failed'),
    (n) => n === before + 1,
  );
});

test('nothing of all that reached the application, and a proper caller still does', async () => {
  expect(application.connections).toEqual([]);
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const caller = await call(stage, web);
  caller.send(get('/', 'Connection: close\r\n'));
  expect(await caller.end()).toMatch(/^HTTP\/1\.1 200 OK/);
});
