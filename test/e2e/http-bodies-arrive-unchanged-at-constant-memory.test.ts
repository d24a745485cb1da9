// Bodies of any size and framing, both ways, whoever is slow: the same bytes arrive, and the proxy holds few
// of them.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';

const MIB = 1024 * 1024;
const SIZES = [0, 1, 65_536, 10 * MIB];
const STREAM_BYTES = 200 * MIB;
/** What a stream may add to the resident memory: socket buffers and garbage, not the body. */
const GROWTH_BYTES_MAX = 64 * MIB;
const PIECE: Buffer = Buffer.alloc(65_536, 'sallyport ');

let stage: Stage;
let server: http.Server;
let proxy: RunningProxy;
let web: SvidFiles;
let agent: https.Agent;
/** Body bytes that the application wrote for the last /source. */
let written = 0;

beforeAll(async () => {
  stage = await Stage.create();
  server = http.createServer({ highWaterMark: 65_536 }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: (server.address() as net.AddressInfo).port });
  agent = new https.Agent({
    keepAlive: true,
    ca: stage.authority.certificatePem,
    cert: web.certificatePem,
    key: web.keyPem,
  });
});

afterAll(async () => {
  agent.destroy();
  await stage.close();
  server.close();
  server.closeAllConnections();
});

/** /echo: the body comes back in its own framing. /hash: its length and hash. /source?n: so many bytes. */
function serve(request: http.IncomingMessage, response: http.ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://a');
  const length = request.headers['content-length'];
  if (url.pathname === '/echo') {
    if (length !== undefined) response.setHeader('content-length', length);
    request.pipe(response);
  } else if (url.pathname === '/hash')
    void digest(request, url.searchParams.has('slow')).then((d) => response.end(d));
  else {
    const bytes = Number(url.searchParams.get('n'));
    if (url.searchParams.has('length')) response.setHeader('content-length', bytes);
    if (url.searchParams.has('close')) response.setHeader('connection', 'close');
    written = 0;
    void source(response, bytes);
  }
}

/** Writes `bytes` to `to` and ends it; a receiver that goes away ends it too. */
function source(to: Writable, bytes: number): Promise<void> {
  function* pieces(): Generator<Buffer> {
    for (let left = bytes; left > 0; left -= PIECE.length) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
      written += piece.length;
      yield piece;
    }
  }
  return pipeline(Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE.length }), to).catch(
    () => undefined,
  );
}

/** `length hash` of what comes; slowly: with pauses, as long as there are not too many. */
async function digest(from: NodeJS.ReadableStream, slow = false): Promise<string> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of from) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (slow) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return `${length} ${hash.digest('hex')}`;
}

function expected(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= PIECE.length)
    hash.update(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
  return `${bytes} ${hash.digest('hex')}`;
}

/** Sends a request with a body of `bytes`, or without (-1). */
async function send(path: string, { bytes = -1, framing = 'chunked' } = {}): Promise<http.IncomingMessage> {
  const method = bytes < 0 ? 'GET' : 'POST';
  const headers = framing === 'length' && bytes >= 0 ? { 'content-length': bytes } : {};
  const request = https.request({ host: 'localhost', port: stage.port, path, method, headers, agent });
  const response = once(request, 'response');
  if (bytes < 0) request.end();
  else {
    if (framing === 'chunked') request.setHeader('transfer-encoding', 'chunked');
    await source(request, bytes);
  }
  return ((await response) as [http.IncomingMessage])[0];
}

const rows = SIZES.flatMap((bytes) => ['length', 'chunked'].map((framing) => ({ bytes, framing })));

test.each(rows)('$bytes bytes ($framing) arrive', async ({ bytes, framing }) => {
  const response = await send('/hash', { bytes, framing });
  expect(await digestText(response)).toBe(expected(bytes));
});

test.each(rows)('$bytes bytes ($framing) come back', async ({ bytes, framing }) => {
  const response = await send(`/source?n=${bytes}${framing === 'length' ? '&length' : ''}`);
  expect(await digest(response)).toBe(expected(bytes));
});

test('10 MiB delimited by the end of the connection come back', async () => {
  const response = await send(`/source?n=${10 * MIB}&length&close`);
  expect(await digest(response)).toBe(expected(10 * MIB));
});

test.each(rows)('$bytes bytes ($framing) are echoed while they are sent', async ({ bytes, framing }) => {
  const headers = framing === 'length' ? { 'content-length': bytes } : { 'transfer-encoding': 'chunked' };
  const request = https.request({
    host: 'localhost',
    port: stage.port,
    path: '/echo',
    method: 'PUT',
    headers,
    agent,
  });
  const response = once(request, 'response');
  request.flushHeaders();
  const sent = source(request, bytes);
  const [answer] = (await response) as [http.IncomingMessage];
  expect(await digest(answer)).toBe(expected(bytes));
  await sent;
});

describe('whoever is slow', () => {
  test('a slow caller gets all of 8 MiB', async () => {
    const response = await send(`/source?n=${8 * MIB}`);
    expect(await digest(response, true)).toBe(expected(8 * MIB));
  });

  test('a slow application gets all of 8 MiB', async () => {
    const response = await send('/hash?slow', { bytes: 8 * MIB, framing: 'length' });
    expect(await digestText(response)).toBe(expected(8 * MIB));
  });

  test('the last bytes before a close reach a caller that takes its time', async () => {
    const bytes = 3 * MIB;
    const request = https.request({
      ...{ host: 'localhost', port: stage.port, path: `/source?n=${bytes}`, agent: false },
      ...{ ca: stage.authority.certificatePem, cert: web.certificatePem, key: web.keyPem },
      headers: { connection: 'close' },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.pause();
    // Longer than the second that a closed connection lingers.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await digest(response)).toBe(expected(bytes));
  });

  test('a caller that stops reading stops the application', async () => {
    const response = await send(`/source?n=${STREAM_BYTES}`);
    response.once('readable', () => undefined);
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(written).toBeLessThan(40 * MIB); // what kernel and user space buffer on the way
    response.destroy();
  });
});

describe('a stream of 200 MiB', () => {
  const resident = (): number => {
    const status = readFileSync(`/proc/${proxy.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };
  const growth = async (stream: () => Promise<unknown>): Promise<number> => {
    const before = resident();
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, resident());
    }, 20);
    await stream();
    clearInterval(timer);
    return most - before;
  };

  test('to the caller needs no memory of its size', async () => {
    const grown = await growth(async () => {
      expect(await digest(await send(`/source?n=${STREAM_BYTES}`))).toBe(expected(STREAM_BYTES));
    });
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });

  test('to the application needs no memory of its size', async () => {
    const grown = await growth(async () => {
      const response = await send('/hash', { bytes: STREAM_BYTES });
      expect(await digestText(response)).toBe(expected(STREAM_BYTES));
    });
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });
});

test('every request has one record, with the bytes of its body', async () => {
  const response = await send('/hash?recorded', { bytes: 65_536, framing: 'length' });
  await digestText(response);
  const line = await proxy.line((one) => Number(one['bytesIn']) > 65_536 && Number(one['bytesIn']) < 66_600);
  expect(line).toMatchObject({ verdict: 'allow', http: { path: '/hash', status: 200 } });
});

async function digestText(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('latin1')) text += chunk;
  return text;
}
