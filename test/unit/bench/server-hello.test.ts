// The first bytes of real servers, whole and cut off anywhere, and of what is no TLS server at all.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer as createRelay } from 'node:net';
import { type ConnectionOptions, connect, createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitForPort } from '../../../bench/peers/peer.ts';
import { makePki, type Pki } from '../../../bench/pki.ts';
import { programFile } from '../../../bench/program.ts';
import { readServerHello } from '../../../bench/server-hello.ts';
import { Session } from '../../../bench/session.ts';
import { Tap } from '../../../bench/tap.ts';

const session = new Session();
const closing: { close(): void }[] = [];
let pki: Pki;

beforeAll(async () => {
  pki = await makePki(session.directory);
});
afterAll(async () => {
  for (const one of closing) one.close();
  await session.close();
});

async function serve(): Promise<number> {
  const server: Server = createServer({
    cert: readFileSync(pki.server.certificate),
    key: readFileSync(pki.server.key),
  });
  closing.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A Node without our OpenSSL configuration. */
async function serveWithTickets(): Promise<number> {
  const port = await session.freePort();
  const args = [programFile('peers/processes/bare-tls'), String(port), '0'];
  const files = [pki.server.certificate, pki.server.key, pki.authority];
  const child = session.start({ name: 'bare', command: process.execPath, args: [...args, ...files] });
  await waitForPort(child, port);
  return port;
}

/** Everything that the server sends to a client with `options` until both have shaken hands. */
async function firstBytes(options: ConnectionOptions): Promise<Buffer> {
  const port = await serve();
  const chunks: Buffer[] = [];
  const relay = createRelay((near) => {
    const far = connectPlain({ host: '127.0.0.1', port });
    far.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    near.pipe(far).pipe(near);
  });
  closing.push(relay);
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const to = { host: '127.0.0.1', port: (relay.address() as AddressInfo).port };
  const socket = connect({ ...to, ca: readFileSync(pki.authority), servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  socket.destroy();
  return Buffer.concat(chunks);
}

const curve = (ecdhCurve: string): ConnectionOptions => ({ ecdhCurve });

describe('readServerHello', () => {
  it.each([
    {
      name: 'what the load offers',
      client: { ...curve('X25519'), ciphers: 'TLS_AES_128_GCM_SHA256' },
      expect: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519',
    },
    {
      name: 'another cipher',
      client: { ...curve('X25519'), ciphers: 'TLS_AES_256_GCM_SHA384' },
      expect: 'TLSv1.3 TLS_AES_256_GCM_SHA384 X25519',
    },
    {
      name: 'another curve',
      client: { ...curve('P-256'), ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
      expect: 'TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 P-256',
    },
    {
      name: 'a curve without a name here',
      client: { ...curve('P-521'), ciphers: 'TLS_AES_128_GCM_SHA256' },
      expect: 'TLSv1.3 TLS_AES_128_GCM_SHA256 0x0019',
    },
    {
      name: 'TLS 1.2',
      client: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const,
      expect: '0x0303 0xc02b',
    },
  ])('$name', async ({ client, expect: expected }) => {
    expect(readServerHello(await firstBytes(client))).toEqual({ tls: expected, resumed: false });
  });

  it('tells a session that is taken up', async () => {
    const tap = await Tap.open(await serveWithTickets());
    closing.push(tap);
    const svid = { cert: readFileSync(pki.client.certificate), key: readFileSync(pki.client.key) };
    const ca = readFileSync(pki.authority);
    const options = { host: '127.0.0.1', port: tap.port, servername: 'localhost', ca, ...svid };
    const first = connect(options);
    first.resume(); // a ticket comes after the handshake
    const [session]: Buffer[] = await once(first, 'session');
    first.destroy();
    const second = connect({ ...options, ...(session && { session }) });
    await once(second, 'secureConnect');
    expect(tap.hellos.map((hello) => hello?.resumed)).toEqual([false, true]);
    second.destroy();
  });

  it('cut off anywhere is none', async () => {
    const bytes = await firstBytes({ ...curve('X25519'), ciphers: 'TLS_AES_128_GCM_SHA256' });
    const length = 5 + bytes.readUInt16BE(3);
    for (let cut = 0; cut < length; cut++) expect(readServerHello(bytes.subarray(0, cut))).toBeNull();
    expect(readServerHello(bytes.subarray(0, length))).not.toBeNull();
  });

  it.each([
    { name: 'plaintext', bytes: Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n') },
    { name: 'an alert', bytes: Buffer.from([21, 3, 3, 0, 2, 2, 40]) },
    { name: 'a ClientHello', bytes: Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]) },
    { name: 'a ServerHello of nothing', bytes: Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0]) },
    {
      name: 'a session id that is longer than the record',
      bytes: Buffer.concat([
        Buffer.from([22, 3, 3, 0, 39, 2, 0, 0, 35, 3, 3]),
        Buffer.alloc(32),
        Buffer.from([255]),
      ]),
    },
  ])('$name is none', ({ bytes }) => {
    expect(readServerHello(bytes)).toBeNull();
  });
});
