// Every answer that the issuer might give, and should not: one error each, with its code, and no more bytes
// read than allowed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { IssuerApi } from '../../../../certs/issuer-client/issuer-api.ts';
import { readSvidAnswer, readTrustAnswer } from '../../../../certs/issuer-client/read-answer.ts';
import { systemClock } from '../../../../core/clock.ts';
import { type Reply, ScriptedIssuer, trustJson } from './scripted-issuer.ts';

const TRUST = { trustDomain: 'example.org', sequence: 7, bundle: 'B', crl: '', federated: {} };
const SVID = {
  spiffeId: 'spiffe://example.org/a',
  svid: 'S',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-01-01T01:00:00.000Z',
  renewAt: '2026-01-01T02:30:00+02:00',
  trust: TRUST,
};

describe('a good answer is read', () => {
  test('of an SVID, with fields that are not known', () => {
    expect(readSvidAnswer(JSON.stringify({ ...SVID, later: { a: 1 } }))).toMatchObject({
      spiffeId: 'spiffe://example.org/a',
      notAfterMs: Date.parse('2026-01-01T01:00:00Z'),
      renewAtMs: Date.parse('2026-01-01T00:30:00Z'),
      trust: { sequence: 7, renew: null },
    });
  });

  test('of trust', () => {
    const federated = { 'b.example': 'P', 'c.example': 'Q' };
    const answer = readTrustAnswer(JSON.stringify({ ...TRUST, renew: true, federated }));
    expect(answer).toMatchObject({ bundlePem: 'B', crlPem: '', renew: true });
    expect([...answer.federated]).toEqual(Object.entries(federated));
  });
});

describe('a bad answer is refused', () => {
  const svid = (change: object): string => JSON.stringify({ ...SVID, ...change });
  const trust = (change: object): string => svid({ trust: { ...TRUST, ...change } });
  const many = Object.fromEntries(Array.from({ length: 1_025 }, (_, i) => [`d${i}`, 'P']));
  test.each([
    { name: 'nothing', body: '' },
    { name: 'no JSON', body: '<html>' },
    { name: 'half of it', body: svid({}).slice(0, -3) },
    { name: 'null', body: 'null' },
    { name: 'a list', body: `[${svid({})}]` },
    { name: 'text', body: '"x"' },
    { name: 'deep nesting', body: '['.repeat(200_000) },
    { name: 'no certificate', body: svid({ svid: undefined }) },
    { name: 'a certificate that is no text', body: svid({ svid: ['S'] }) },
    { name: 'an ID that is no text', body: svid({ spiffeId: null }) },
    { name: 'no end', body: svid({ notAfter: undefined }) },
    { name: 'an end that is a number', body: svid({ notAfter: 1_800_000_000 }) },
    { name: 'an end in words', body: svid({ notAfter: 'tomorrow' }) },
    { name: 'an end as a date', body: svid({ notAfter: '2026-01-02' }) },
    { name: 'an end of many digits', body: svid({ notAfter: `2026-01-01T00:00:00.${'0'.repeat(99)}Z` }) },
    { name: 'an end before the beginning', body: svid({ notAfter: SVID.notBefore }) },
    { name: 'no time of renewal', body: svid({ renewAt: undefined }) },
    { name: 'no trust', body: svid({ trust: undefined }) },
    { name: 'trust that is a list', body: svid({ trust: [] }) },
    { name: 'no trust domain', body: trust({ trustDomain: undefined }) },
    { name: 'a trust domain that is none', body: trust({ trustDomain: 'A/../b' }) },
    { name: 'a sequence in text', body: trust({ sequence: '7' }) },
    { name: 'a negative sequence', body: trust({ sequence: -1 }) },
    { name: 'a sequence with a fraction', body: trust({ sequence: 7.5 }) },
    { name: 'a sequence too large to count on', body: trust({ sequence: 2 ** 53 }) },
    { name: 'no bundle', body: trust({ bundle: undefined }) },
    { name: 'no list', body: trust({ crl: null }) },
    { name: 'no foreign bundles', body: trust({ federated: undefined }) },
    { name: 'a foreign bundle that is no text', body: trust({ federated: { 'b.example': {} } }) },
    { name: 'a foreign bundle that is empty', body: trust({ federated: { 'b.example': '' } }) },
    { name: 'a foreign bundle of the own trust domain', body: trust({ federated: { 'example.org': 'P' } }) },
    { name: 'a foreign bundle of no trust domain', body: trust({ federated: { 'B.example': 'P' } }) },
    { name: 'too many foreign bundles', body: trust({ federated: many }) },
    { name: 'a prototype', body: svid({}).replace('"federated":{}', '"federated":{"__proto__":{}}') },
    { name: 'a wish to renew in text', body: trust({ renew: 'false' }) },
  ])('$name', ({ body }) => {
    expect(() => readSvidAnswer(body)).toThrow(
      expect.objectContaining({ code: 'ERR_ISSUER_CLIENT_ANSWER', hint: expect.any(String) }),
    );
  });
});

describe('over the wire', () => {
  let ca: Authority;
  let issuer: ScriptedIssuer;
  const never = new AbortController().signal;
  beforeAll(async () => {
    ca = await createAuthority({ trustDomain: 'example.org' });
    issuer = await ScriptedIssuer.start({ authority: ca });
  });
  afterAll(() => issuer.stop());

  const ask = (port: number): Promise<unknown> => {
    const anchors = [ca.certificate];
    const trust = { trustDomain: 'example.org', anchors, crls: [], pin: null };
    const api = new IssuerApi({ host: '127.0.0.1', port }, systemClock);
    return api.requestSvid({ csr: 'x' }, { trust, svid: null }, never);
  };

  const big = 'x'.repeat(17_000_000);
  test.each<{ name: string; reply: Reply; expect: object }>([
    {
      name: '400 with a problem',
      reply: { status: 400, body: { code: 'ERR_ISSUER_CSR', title: 'bad', hint: 'look' } },
      expect: {
        code: 'ERR_ISSUER_CLIENT_REFUSED',
        message: 'the issuer refuses: status 400, ERR_ISSUER_CSR: bad',
        hint: 'look',
      },
    },
    {
      name: '401 with control characters and much text',
      reply: { status: 401, body: { code: 'E', title: `\u001b[2J\n\`${'y'.repeat(999)}` } },
      expect: {
        code: 'ERR_ISSUER_CLIENT_REFUSED',
        message: expect.stringMatching(/^the issuer refuses: status 401, E: \?\[2J\?\?y{190,200}…$/),
      },
    },
    {
      name: '403 without a problem',
      reply: { status: 403, body: '<html>' },
      expect: { code: 'ERR_ISSUER_CLIENT_REFUSED', message: 'the issuer refuses: status 403' },
    },
    {
      name: 'a redirect, which nobody follows',
      reply: { status: 307, body: '', headers: { location: 'https://127.0.0.1:1/' } },
      expect: { code: 'ERR_ISSUER_CLIENT_REFUSED', status: 307 },
    },
    {
      name: '429 with Retry-After',
      reply: { status: 429, body: {}, headers: { 'retry-after': '7' } },
      expect: { code: 'ERR_ISSUER_CLIENT_BUSY', retryAfterMs: 7_000 },
    },
    {
      name: '429 for ever',
      reply: { status: 429, body: {}, headers: { 'retry-after': '999999999' } },
      expect: { code: 'ERR_ISSUER_CLIENT_BUSY', retryAfterMs: 300_000 },
    },
    {
      name: '503 with a Retry-After that is none',
      reply: { status: 503, body: {}, headers: { 'retry-after': '-1' } },
      expect: { code: 'ERR_ISSUER_CLIENT_BUSY', retryAfterMs: null },
    },
    {
      name: '204 where an SVID is due',
      reply: { status: 204, body: '' },
      expect: { code: 'ERR_ISSUER_CLIENT_REFUSED', status: 204 },
    },
    {
      name: '200 without end',
      reply: { status: 200, body: big },
      expect: { code: 'ERR_ISSUER_CLIENT_ANSWER', message: /larger than/ },
    },
    {
      name: '200 with trust only',
      reply: { status: 200, body: { trust: {} } },
      expect: { code: 'ERR_ISSUER_CLIENT_ANSWER' },
    },
  ])('$name', async ({ reply, expect: expected }) => {
    issuer.svid = () => reply;
    await expect(ask(issuer.port)).rejects.toMatchObject(
      'message' in expected && expected.message instanceof RegExp
        ? { ...expected, message: expect.stringMatching(expected.message) }
        : expected,
    );
  });

  test('trust is told with what it is after', async () => {
    issuer.trust = trustJson(ca, 3);
    const anchors = [ca.certificate];
    const access = { trust: { trustDomain: 'example.org', anchors, crls: [], pin: null }, svid: null };
    const api = new IssuerApi({ host: '127.0.0.1', port: issuer.port }, systemClock);
    const before = issuer.connections;
    expect(await api.trust({ after: null, waitMs: null, signal: never }, access)).toMatchObject({
      sequence: 3,
    });
    const stop = new AbortController();
    const waiting = api.trust({ after: 3, waitMs: 25_000, signal: stop.signal }, access);
    await expect.poll(() => issuer.polls.at(-1)).toBe('/v1/trust?after=3&wait=25');
    issuer.publish();
    expect(await waiting).toMatchObject({ sequence: 4 });
    expect(issuer.connections - before).toBe(1);
    const ended = api.trust({ after: 4, waitMs: 25_000, signal: stop.signal }, access);
    await expect.poll(() => issuer.polls.at(-1)).toBe('/v1/trust?after=4&wait=25');
    stop.abort();
    expect(await ended).toBeNull();
    api.close();
  });
});

describe('what is no issuer at all', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  test.each([
    { name: 'closes at once', say: (end: () => void) => end(), expect: /closed in the handshake|ECONNRESET/ },
    { name: 'speaks HTTP without TLS', say: null, expect: /ERR_SSL|EPROTO/ },
  ])('$name', async ({ say, expect: expected }) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (say === null) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      else say(() => socket.destroy());
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const trust = { trustDomain: 'example.org', anchors: [], crls: [], pin: null };
    const api = new IssuerApi({ host: '127.0.0.1', port: address.port }, systemClock);
    const asked = api.requestSvid({ csr: '' }, { trust, svid: null }, new AbortController().signal);
    await expect(asked).rejects.toMatchObject({
      code: 'ERR_ISSUER_CLIENT_UNREACHABLE',
      message: expect.stringMatching(expected),
    });
  });
});
