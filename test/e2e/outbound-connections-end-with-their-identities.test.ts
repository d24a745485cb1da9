// An outbound connection is as good as the two SVIDs on it: when the server's is no longer trusted, the
// request in flight ends at once; and without a valid SVID of its own the proxy asks nobody.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { eventually } from './stage/observe.ts';
import { outbound, Pair } from './stage/pair.ts';
import { Stage } from './stage/stage.ts';
import { Application, get, OK, Wire } from './stage/wire.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const LIFE_MS = 6_000;

const closing: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function application(answer: string): Promise<Application> {
  const started = await Application.start((wire) => {
    wire.socket.on('data', () => wire.send(answer));
  });
  closing.push(started);
  return started;
}

async function connect(port: number): Promise<Wire> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  return new Wire(socket);
}

test('a server whose CA is withdrawn loses the request in flight', async () => {
  const { port } = await application('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
  const pair = await Pair.start(port);
  closing.push(pair);
  const app = await connect(pair.web.port);
  app.send(get('/long'));
  await app.until((text) => text.endsWith('part'));
  const next = await createAuthority({ trustDomain: 'example.org' });
  await pair.web.svid('server', WEB, { authority: next });
  pair.web.write('ca.pem', next.certificatePem);
  await app.end();
  expect(app.text).toMatch(/part$/);
  const line = await pair.outbound.line((one) => 'http' in one);
  expect(line).toMatchObject({ direction: 'outbound', reason: 'upstream-untrusted' });
  await pair.outbound.line((one) => String(one['msg']).includes('to the bundle of `example.org`'));
  app.socket.destroy();
});

test('nobody is asked with an SVID that has expired', async () => {
  const { port, connections } = await application(OK);
  const cart = await Stage.create();
  const web = await Stage.create({ authority: cart.authority, account: 'web' });
  closing.push(cart, web);
  await cart.start({ upstreamPort: port });
  await web.svid('server', WEB, { ttlMs: LIFE_MS });
  const proxy = web.launch(outbound({ port: cart.port })); // so near its end it is not ready, and serves
  await proxy.line((line) => line['msg'] === 'listening');
  let answer = '';
  const ask = async (): Promise<string> => {
    const app = await connect(web.port);
    app.send(get('/item', 'Connection: close\r\n'));
    answer = await app.end();
    app.socket.destroy();
    return answer.slice(0, 'HTTP/1.1 200'.length);
  };
  expect(await ask()).toBe('HTTP/1.1 200');
  await eventually(ask, (status) => status !== 'HTTP/1.1 200');
  expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"no-identity"/);
  const before = connections.map(({ text }) => text).join('');
  await ask();
  expect(connections.map(({ text }) => text).join('')).toBe(before);
  await proxy.line((line) => line['reason'] === 'no-identity');
});
