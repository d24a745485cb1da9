// The check runs against real servers that are wrong in one way each: it must notice every one of them.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../../bench/check.ts';
import { type Peer, waitForPort } from '../../../bench/peers/peer.ts';
import { makePki, type Pki } from '../../../bench/pki.ts';
import { programFile } from '../../../bench/program.ts';
import { Session } from '../../../bench/session.ts';
import { freePorts } from '../../../core/free-ports.ts';

const session = new Session();
const servers: Server[] = [];
let pki: Pki;

beforeAll(async () => {
  pki = await makePki(session.directory);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await session.close();
});

/** Answers 200 with `bodyBytes` for /items/7, 403 otherwise; everything in `options` may make it wrong. */
async function serve(options: TlsOptions, bodyBytes = 16, denies = true): Promise<number> {
  const right: TlsOptions = {
    cert: readFileSync(pki.server.certificate),
    key: readFileSync(pki.server.key),
    ca: readFileSync(pki.authority),
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
  };
  const server = createServer({ ...right, ...options }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (request) => {
      const allowed = !denies || request.toString('latin1').startsWith('GET /items/7 ');
      const head = allowed ? `200 OK\r\ncontent-length: ${bodyBytes}` : '403 Forbidden\r\ncontent-length: 0';
      socket.end(`HTTP/1.1 ${head}\r\n\r\n${allowed ? 'x'.repeat(bodyBytes) : ''}`);
    });
  });
  server.on('tlsClientError', () => {});
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const peer = (rules: number): Peer => ({
  name: 'test',
  tls: true,
  rules,
  knowsCallers: false,
  justInTime: false,
  version: () => '-',
  missing: () => null,
  start: () => Promise.reject(new Error('not started here')),
});
const expected = (): Parameters<typeof check>[2] => ({
  pki,
  http: 'http/1.1',
  path: '/items/7',
  bodyBytes: 16,
});

describe('check', () => {
  it('passes a peer that does what it is compared for', async () => {
    const running = { port: await serve({}), child: null };
    expect(await check(peer(1), running, expected())).toEqual({
      tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519',
      fault: null,
    });
  });

  it.each([
    {
      name: 'no certificate is needed',
      options: { requestCert: false },
      fault: /without certificate got status 200/,
    },
    {
      name: 'any certificate will do',
      options: { rejectUnauthorized: false },
      fault: /without certificate got status 200/,
    },
    { name: 'TLS 1.2 is spoken', options: { minVersion: 'TLSv1.2' } as const, fault: /TLS 1.2 was accepted/ },
    {
      name: 'another key exchange',
      options: { ecdhCurve: 'P-256' },
      fault: /an allowed request got no response/,
    },
    { name: 'another body', options: {}, bodyBytes: 17, fault: /the body had 17 bytes/ },
    { name: 'everything is allowed', options: {}, denies: false, fault: /no rule allows got status 200/ },
  ])('notices that $name', async ({ options, bodyBytes, denies, fault }) => {
    const running = { port: await serve(options, bodyBytes, denies), child: null };
    expect((await check(peer(1), running, expected())).fault).toMatch(fault);
  });

  it('notices session tickets', async () => {
    const [port = 0] = await freePorts(1);
    const args = [programFile('peers/processes/bare-tls'), String(port), '0'];
    const files = [pki.server.certificate, pki.server.key, pki.authority];
    const child = session.start({ name: 'bare', command: process.execPath, args: [...args, ...files] });
    await waitForPort(child, port);
    const { fault } = await check(peer(0), { port, child: null }, { ...expected(), bodyBytes: 2 });
    expect(fault).toBe('it sent 2 session tickets');
    await child.stop();
  });

  it.each([
    { name: 'everybody', knowsCallers: true, fault: /a caller that no rule allows got status 200/ },
    { name: 'everybody, and says so', knowsCallers: false, fault: null },
  ])('a peer that allows $name', async ({ knowsCallers, fault }) => {
    const running = { port: await serve({}), child: null };
    const report = await check({ ...peer(1), knowsCallers }, running, expected());
    if (fault === null) expect(report.fault).toBeNull();
    else expect(report.fault).toMatch(fault);
  });

  it('asks a peer without rules for no denial', async () => {
    const running = { port: await serve({}, 16, false), child: null };
    expect((await check(peer(0), running, expected())).fault).toBeNull();
  });

  it('reports what the peer itself says', async () => {
    const running = { port: await serve({}), child: null, verify: async () => 'metrics are off' };
    expect((await check(peer(1), running, expected())).fault).toBe('metrics are off');
  });
});
