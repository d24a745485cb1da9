// The check of a pair runs against real outbound proxies that are wrong in one way each: it must notice every
// one of them.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPair } from '../../../bench/check-pair.ts';
import type { OutboundPeer } from '../../../bench/peers/outbound.ts';
import { type Peer, type PeerSetup, waitForPort } from '../../../bench/peers/peer.ts';
import { makePki, type Pki } from '../../../bench/pki.ts';
import { plainGet } from '../../../bench/plain-http.ts';
import { programFile } from '../../../bench/program.ts';
import { Session } from '../../../bench/session.ts';

const BODY_BYTES = 16;
const session = new Session();
const servers: Server[] = [];
let pki: Pki;
let setup: PeerSetup;
let inboundPort: number;

beforeAll(async () => {
  pki = await makePki(session.directory);
  const allowed = { principal: pki.clientPrincipal, methods: ['GET'], path: '/items/*' };
  setup = { session, pki, upstreamPort: 0, http: 'http/1.1', allowed, profileDirectory: undefined };
  inboundPort = await listening(
    https.createServer(
      {
        cert: readFileSync(pki.server.certificate),
        key: readFileSync(pki.server.key),
        ca: readFileSync(pki.authority),
        requestCert: true,
      },
      (_, response) => response.end('x'.repeat(BODY_BYTES)),
    ),
  );
});
afterAll(async () => {
  for (const server of servers) server.close();
  await session.close();
});

async function listening(server: http.Server | https.Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** How an outbound proxy differs from the right one. */
interface Wrong {
  readonly tls?: https.RequestOptions;
  readonly plaintext?: boolean;
  readonly denies?: 'itself' | 'nothing' | 'too late';
  readonly knows?: 'the ID' | 'the host' | 'nothing';
  readonly resumes?: boolean;
  readonly verify?: string;
}

const inbound: Peer = {
  name: 'test',
  tls: true,
  rules: 1,
  knowsCallers: true,
  justInTime: false,
  version: () => '-',
  missing: () => null,
  start: () => Promise.reject(new Error('not started here')),
};

function outboundPeer(wrong: Wrong, verifies: OutboundPeer['verifies'] = 'SPIFFE ID'): OutboundPeer {
  return {
    inbound,
    verifies,
    async start(_, port) {
      let ticket: Buffer | undefined;
      const server = http.createServer((request, response) => {
        const allowed = (wrong.denies ?? 'itself') === 'nothing' || request.url === '/items/7';
        const deny = (): unknown => response.writeHead(403).end();
        if (!allowed && wrong.denies !== 'too late') return deny();
        const answered = (answer: http.IncomingMessage): unknown =>
          allowed ? answer.pipe(response) : answer.resume().on('end', deny);
        const failed = (): unknown => response.writeHead(502).end();
        const to = { host: 'localhost', port, path: '/items/7', agent: false };
        const sent = wrong.plaintext
          ? http.get(to, answered)
          : https.get({ ...to, ...tls(wrong), ...(ticket && { session: ticket }) }, answered);
        if (wrong.resumes)
          sent.on('socket', (socket) =>
            socket.on('session', (session: Buffer) => {
              ticket = session;
            }),
          );
        sent.on('error', failed);
      });
      const said = wrong.verify === undefined ? {} : { verify: async () => wrong.verify ?? null };
      return { port: await listening(server), child: null, ...said };
    },
  };
}

function tls({ tls: more, knows = 'the ID' }: Wrong): https.RequestOptions {
  const expected = `URI:spiffe://${pki.serverPrincipal}`;
  return {
    ca: readFileSync(pki.authority),
    cert: readFileSync(pki.client.certificate),
    key: readFileSync(pki.client.key),
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
    ...(knows === 'the host'
      ? {}
      : {
          checkServerIdentity: (_host, { subjectaltname = '' }) =>
            knows === 'nothing' || subjectaltname.includes(expected) ? undefined : new Error('unexpected'),
        }),
    ...more,
  };
}

const check = (outbound: OutboundPeer, bodyBytes = BODY_BYTES) =>
  checkPair(outbound, setup, { inboundPort, path: '/items/7', bodyBytes });

describe('checkPair', () => {
  it.each([
    { name: 'that knows the server by its SPIFFE ID', peer: outboundPeer({}) },
    { name: 'that knows it by its host name', peer: outboundPeer({ knows: 'the host' }, 'host name') },
  ])('passes an outbound proxy $name', async ({ peer }) => {
    expect(await check(peer)).toEqual({ tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519', fault: null });
  });

  it.each<{ name: string; wrong: Wrong; fault: RegExp }>([
    {
      name: 'shows no certificate',
      wrong: { tls: { cert: '', key: '' } },
      fault: /an allowed request got status 502/,
    },
    { name: 'speaks plaintext', wrong: { plaintext: true }, fault: /allowed request got status 502/ },
    {
      name: 'agrees on another curve',
      wrong: { tls: { ecdhCurve: 'P-256' } },
      fault: /was TLSv1.3 TLS_AES_128_GCM_SHA256 P-256, not/,
    },
    {
      name: 'agrees on another cipher',
      wrong: { tls: { ciphers: 'TLS_AES_256_GCM_SHA384' } },
      fault: /was TLSv1.3 TLS_AES_256_GCM_SHA384 X25519, not/,
    },
    {
      name: 'speaks TLS 1.2',
      wrong: { tls: { maxVersion: 'TLSv1.2', ciphers: 'DEFAULT', ecdhCurve: 'auto' } },
      fault: /was 0x0303/,
    },
    { name: 'allows everything', wrong: { denies: 'nothing' }, fault: /no rule allows got status 200/ },
    { name: 'asks before it denies', wrong: { denies: 'too late' }, fault: /it asked the inbound proxy/ },
    {
      name: 'takes any authority',
      wrong: { tls: { rejectUnauthorized: false } },
      fault: /another workload at another host got \d+ bytes/,
    },
    {
      name: 'takes any server of the authority',
      wrong: { knows: 'nothing' },
      fault: /another workload at another host got \d+ bytes/,
    },
    {
      name: 'knows the host alone, but says the SPIFFE ID',
      wrong: { knows: 'the host' },
      fault: /another workload at the same host got \d+ bytes/,
    },
    { name: 'lacks something of its own', wrong: { verify: 'metrics are off' }, fault: /^metrics are off$/ },
  ])('notices one that $name', async ({ wrong, fault }) => {
    expect((await check(outboundPeer(wrong))).fault).toMatch(fault);
  });

  it('notices another body', async () => {
    expect((await check(outboundPeer({}), BODY_BYTES + 1)).fault).toBe('the body had 16 bytes');
  });

  it('notices one that answers by itself', async () => {
    const alone: OutboundPeer = {
      inbound,
      verifies: 'SPIFFE ID',
      start: async () => ({
        port: await listening(http.createServer((_, response) => response.end('x'.repeat(BODY_BYTES)))),
        child: null,
      }),
    };
    expect((await check(alone)).fault).toBe('nothing went to the inbound proxy');
  });

  it('notices plaintext to an inbound proxy that takes it', async () => {
    const plain = await listening(http.createServer((_, response) => response.end('x'.repeat(BODY_BYTES))));
    const expected = { inboundPort: plain, path: '/items/7', bodyBytes: BODY_BYTES };
    const { fault } = await checkPair(outboundPeer({ plaintext: true }), setup, expected);
    expect(fault).toBe('the two do not speak TLS');
  });

  it('notices a session that is resumed', async () => {
    const tickets = await session.freePort();
    const args = [programFile('peers/processes/bare-tls'), String(tickets), '0'];
    const files = [pki.server.certificate, pki.server.key, pki.authority];
    const child = session.start({ name: 'bare', command: process.execPath, args: [...args, ...files] });
    await waitForPort(child, tickets);
    const right = outboundPeer({ resumes: true });
    const twice: OutboundPeer = {
      ...right,
      async start(given, port) {
        const running = await right.start(given, port);
        await plainGet(running.port, '/items/7');
        return running;
      },
    };
    const expected = { inboundPort: tickets, path: '/items/7', bodyBytes: 2 };
    expect((await checkPair(twice, setup, expected)).fault).toBe('the two resumed a session');
    await child.stop();
  });
});
