// What an export sends and what its answer means, with the real client and a server on node:http.
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../../../../certs/authority/authority.ts';
import { systemClock } from '../../../../../core/clock.ts';
import { freePorts } from '../../../../../core/free-ports.ts';
import { OtlpClient, type OtlpOptions, type Outcome } from '../../../../../proxy/record/trace/otlp-client.ts';
import { type Answer, Collector, status } from '../../../../e2e/stage/collector.ts';

const taken = (rejected = 0, message = ''): Outcome => ({ result: 'taken', rejected, message });
const refused = (code: number): Outcome => ({
  result: 'refused',
  why: `status ${code}`,
  retryAfterMs: null,
});
const unavailable = (why: string, retryAfterMs: number | null = null): Outcome => ({
  result: 'unavailable',
  why,
  retryAfterMs,
});

let collector: Collector;

beforeAll(async () => {
  collector = await Collector.start();
});
afterAll(() => collector.close());
beforeEach(() => {
  collector.exports.length = 0;
});

async function send(changes: Partial<OtlpOptions> = {}): Promise<Outcome> {
  const client = new OtlpClient({
    endpoint: collector.endpoint,
    headers: {},
    ca: null,
    timeoutMs: 5_000,
    version: '0.1.0',
    clock: systemClock,
    ...changes,
  });
  try {
    return await client.send(Buffer.from('{"a":"ä"}'));
  } finally {
    client.abort();
  }
}

test('is a POST of JSON with the configured headers', async () => {
  collector.answer = status(200);
  await send({ headers: { Authorization: 'Bearer a', 'User-Agent': 'mine' } });
  const { 'user-agent': agent, ...headers } = collector.exports[0]?.headers ?? {};
  expect(headers).toMatchObject({ authorization: 'Bearer a', 'content-length': '10' });
  expect(headers).toMatchObject({ 'content-type': 'application/json' });
  expect(agent).toBe('mine');
  expect(collector.exports[0]).toMatchObject({ method: 'POST', path: '/v1/traces', text: '{"a":"ä"}' });
});

describe('an answer', () => {
  const json = (value: unknown): Answer => status(200, {}, JSON.stringify(value));
  const rows: { name: string; answer: Answer; expect: Outcome }[] = [
    { name: '200', answer: status(200), expect: taken() },
    { name: '200 with an empty object', answer: json({}), expect: taken() },
    { name: '202', answer: status(202), expect: taken() },
    { name: '200 that is no JSON', answer: status(200, {}, 'ok'), expect: taken() },
    { name: '200 with null', answer: json(null), expect: taken() },
    { name: 'partial success as a text', answer: json(partial('3', 'old')), expect: taken(3, 'old') },
    { name: 'partial success as a number', answer: json(partial(3, 'old')), expect: taken(3, 'old') },
    { name: 'a warning', answer: json(partial(undefined, 'slow down')), expect: taken(0, 'slow down') },
    { name: 'no number', answer: json(partial('many', 7)), expect: taken() },
    { name: 'less than none', answer: json(partial(-1, '')), expect: taken() },
    { name: 'a long message', answer: json(partial(1, 'x'.repeat(999))), expect: taken(1, 'x'.repeat(256)) },
    {
      name: 'an answer that is too long',
      answer: status(200, {}, JSON.stringify(partial(1, 'x'.repeat(99_999)))),
      expect: taken(),
    },
    { name: '400', answer: status(400), expect: refused(400) },
    { name: '401', answer: status(401), expect: refused(401) },
    { name: '404', answer: status(404), expect: refused(404) },
    { name: '413', answer: status(413), expect: refused(413) },
    { name: '500', answer: status(500), expect: refused(500) },
    { name: '301', answer: status(301, { location: '/other' }), expect: refused(301) },
    { name: '307', answer: status(307, { location: '/other' }), expect: refused(307) },
    { name: '429', answer: status(429), expect: unavailable('status 429') },
    { name: '502', answer: status(502), expect: unavailable('status 502') },
    { name: '503', answer: status(503), expect: unavailable('status 503') },
    { name: '504', answer: status(504), expect: unavailable('status 504') },
    {
      name: 'Retry-After in seconds',
      answer: status(503, { 'retry-after': '7' }),
      expect: unavailable('status 503', 7_000),
    },
    {
      name: 'Retry-After in the past',
      answer: status(503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }),
      expect: unavailable('status 503', 0),
    },
    {
      name: 'Retry-After before now',
      answer: status(503, { 'retry-after': '-5' }),
      expect: unavailable('status 503', 0),
    },
    {
      name: 'Retry-After that is neither',
      answer: status(429, { 'retry-after': 'soon' }),
      expect: unavailable('status 429'),
    },
    {
      name: 'none: the connection is closed',
      answer: (response) => response.destroy(),
      expect: unavailable('UND_ERR_SOCKET'),
    },
  ];
  test.each(rows)('$name', async ({ answer, expect: outcome }) => {
    collector.answer = answer;
    expect(await send()).toEqual(outcome);
    expect(collector.exports).toHaveLength(1); // nowhere else, whatever Location says
  });

  test('Retry-After as a date', async () => {
    collector.answer = status(503, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() });
    const { retryAfterMs } = { retryAfterMs: null, ...(await send()) };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('does not show what it was sent', async () => {
    collector.answer = json(partial(1, 'who is Bearer s3cret?'));
    expect(await send({ headers: { authorization: 'Bearer s3cret' } })).toEqual(
      taken(1, 'who is [redacted]?'),
    );
  });
});

function partial(rejectedSpans: unknown, errorMessage: unknown): object {
  return { partialSuccess: { rejectedSpans, errorMessage } };
}

describe('ends in time', () => {
  const rows: { name: string; answer: Answer; expect: Outcome }[] = [
    { name: 'without an answer', answer: () => undefined, expect: unavailable('timeout') },
    {
      name: 'with a body that does not end: its status counts',
      answer: (response) => response.writeHead(200).write('{'),
      expect: taken(),
    },
  ];
  test.each(rows)('$name', async ({ answer, expect: outcome }) => {
    collector.answer = answer;
    expect(await send({ timeoutMs: 100 })).toEqual(outcome);
  });

  test('when nobody listens', async () => {
    const [port = 0] = await freePorts(1);
    expect(await send({ endpoint: `http://127.0.0.1:${port}/v1/traces` })).toEqual(
      unavailable('ECONNREFUSED'),
    );
  });

  test('when it is aborted', async () => {
    collector.answer = () => undefined;
    const client = new OtlpClient({
      endpoint: collector.endpoint,
      headers: {},
      ca: null,
      timeoutMs: 60_000,
      version: '0.1.0',
      clock: systemClock,
    });
    const outcome = client.send(Buffer.from('{}'));
    client.abort();
    expect((await outcome).result).toBe('unavailable');
    expect((await client.send(Buffer.from('{}'))).result).toBe('unavailable');
  });
});

test('proxy variables of the environment are not honoured', async () => {
  const [port = 0] = await freePorts(1);
  const saved = { ...process.env };
  Object.assign(process.env, { HTTP_PROXY: `http://127.0.0.1:${port}`, NODE_USE_ENV_PROXY: '1' });
  try {
    collector.answer = status(200);
    expect(await send()).toEqual(taken());
  } finally {
    process.env = saved;
  }
});

describe('an https endpoint', () => {
  test.each([
    { name: 'is trusted by its CA', own: true, expect: 'taken' },
    { name: 'is not trusted by the CAs that Node ships', own: false, expect: 'unavailable' },
  ])('$name', async ({ own, expect: result }) => {
    const authority = await createAuthority({ trustDomain: 'example.org' });
    const { chainPem, privateKeyPem } = await authority.issue({
      spiffeId: 'spiffe://example.org/ns/a/sa/b',
      dnsNames: ['localhost'],
    });
    const server = https.createServer({ cert: chainPem, key: privateKeyPem ?? '' }, (request, response) => {
      request.resume().on('end', () => response.end());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = await send({
      endpoint: `https://localhost:${port}/v1/traces`,
      ca: own ? authority.certificatePem : null,
    });
    expect(outcome.result).toBe(result);
    server.closeAllConnections();
    server.close();
  });
});
