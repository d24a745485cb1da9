// An answer that ends early on the way back over mutual TLS ends as a broken one for the application. One
// that says its length only by closing the connection is the exception: an end and a cut by FIN look alike.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CART, outbound } from './stage/pair.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';
import { get, Wire } from './stage/wire.ts';

const BY_LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
const BY_CLOSE = 'HTTP/1.1 200 OK\r\n\r\npart';

let stage: Stage;
let proxy: RunningProxy;
/** Ends TLS with an answer in the middle; the relay before it can cut TCP alone. */
let server: tls.Server;
let relay: net.Server;
let answer = '';
let secured: tls.TLSSocket | null = null;
let near: net.Socket | null = null;

beforeAll(async () => {
  stage = await Stage.create({ account: 'web' });
  const svid = await stage.svid('cart', CART);
  server = tls.createServer({
    cert: svid.certificatePem,
    key: svid.keyPem,
    ca: stage.authority.certificatePem,
    requestCert: true,
  });
  server.on('secureConnection', (socket) => {
    secured = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write(answer));
  });
  const inside = await listening(server);
  relay = net.createServer({ allowHalfOpen: true }, (socket) => {
    near = socket;
    const far = net.connect({ host: '127.0.0.1', port: inside });
    for (const one of [socket, far]) one.on('error', () => one.destroy());
    socket.pipe(far).pipe(socket);
  });
  proxy = await stage.start(outbound({ port: await listening(relay) }));
});

afterAll(async () => {
  await stage.close();
  near?.destroy();
  secured?.destroy();
  server.close();
  relay.close();
});

async function listening(of: net.Server): Promise<number> {
  of.listen(0, '127.0.0.1');
  await once(of, 'listening');
  const address = of.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

const CUTS = {
  'close_notify and FIN': () => secured?.end(),
  'FIN alone': () => {
    near?.unpipe();
    near?.end();
  },
  RST: () => near?.resetAndDestroy(),
} as const;

interface Row {
  readonly framing: string;
  readonly text: string;
  readonly cut: keyof typeof CUTS;
  readonly reason: string;
}

const ROWS: readonly Row[] = [
  { framing: 'its length', text: BY_LENGTH, cut: 'close_notify and FIN', reason: 'upstream-reset' },
  { framing: 'its length', text: BY_LENGTH, cut: 'FIN alone', reason: 'upstream-reset' },
  { framing: 'its length', text: BY_LENGTH, cut: 'RST', reason: 'upstream-reset' },
  { framing: 'chunks', text: CHUNKED, cut: 'close_notify and FIN', reason: 'upstream-reset' },
  { framing: 'chunks', text: CHUNKED, cut: 'FIN alone', reason: 'upstream-reset' },
  { framing: 'chunks', text: CHUNKED, cut: 'RST', reason: 'upstream-reset' },
  { framing: 'the end', text: BY_CLOSE, cut: 'RST', reason: 'upstream-reset' },
  { framing: 'the end', text: BY_CLOSE, cut: 'close_notify and FIN', reason: 'allow-rule' },
  { framing: 'the end', text: BY_CLOSE, cut: 'FIN alone', reason: 'allow-rule' },
];

test.each(ROWS)('an answer with $framing, then $cut: $reason', async ({ text, cut, reason }) => {
  answer = text;
  const seen = proxy.lines.length;
  const socket = net.connect({ host: '127.0.0.1', port: stage.port, allowHalfOpen: true });
  const app = new Wire(socket);
  app.send(get('/item'));
  await app.until((got) => got.includes('part'));
  CUTS[cut]();
  await app.end();
  expect(app.error).toBe(reason === 'allow-rule' ? null : 'ECONNRESET');
  expect(app.text).not.toContain('\r\n0\r\n');
  const line = await proxy.line((one) => proxy.lines.indexOf(one) >= seen && 'http' in one);
  expect(line).toMatchObject({ direction: 'outbound', reason });
  socket.destroy();
});
