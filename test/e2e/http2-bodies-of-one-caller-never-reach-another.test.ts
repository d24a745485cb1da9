// Connections of all callers are read into one buffer, and what waits is kept in blocks that are used again:
// late applications and late callers must still get their own bytes, whatever others sent meanwhile.
import { createServer as createHttp1 } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { ALLOW_ALL, Stage } from './stage/stage.ts';

const CALLERS = 8;
const STREAMS = 3;
/** More than a stream's window, and no multiple of a frame. */
const BODY_BYTES = 300_001;
/** More than the sockets on the way take: what is written last waits in the proxy. */
const LARGE_BYTES = 12_000_001;
const PAUSE_MS = 40;
const LATE_MS = 1_500;

let stage: Stage | null = null;
let application: Server | null = null;

afterEach(async () => {
  await stage?.close();
  application?.close();
});

test.each(['http1', 'h2c'] as const)(
  '%s: 24 uploads that come back',
  { timeout: 40_000 },
  async (protocol) => {
    stage = await Stage.create();
    application = await echo(protocol);
    const { port } = application.address() as AddressInfo;
    const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    await stage.start({
      upstreamPort: port,
      upstream: `protocol: ${protocol}`,
      policies: { 'all.yaml': ALLOW_ALL },
      blocks: 'log: { decisions: none }',
    });
    const url = `https://127.0.0.1:${stage.port}`;
    const options = { servername: 'localhost', ca: stage.authority.certificatePem, maxSessionMemory: 100 };
    const sessions = Array.from({ length: CALLERS }, () =>
      http2.connect(url, { ...options, cert: web.certificatePem, key: web.keyPem }),
    );
    const bodies = await Promise.all(
      sessions.flatMap((session, i) =>
        Array.from({ length: STREAMS }, async (_, j) => {
          // The answer is read at once, with pauses; the request is read late.
          const sent = bodyOf(i * STREAMS + j, j === 2 && i % 2 === 0 ? LARGE_BYTES : BODY_BYTES);
          return (await exchange(session, sent, j === 1)).equals(sent);
        }),
      ),
    );
    for (const session of sessions) session.destroy();
    expect(bodies).toEqual(bodies.map(() => true));
  },
);

/** No two callers' bodies agree in any 16 bytes. */
function bodyOf(number: number, bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 8 <= bytes; at += 8) {
    body.writeUInt32BE(number, at);
    body.writeUInt32BE(at, at + 4);
  }
  return body;
}

/** Sends `sent` in pieces of odd sizes; `late`: the answer is read with pauses. */
function exchange(session: http2.ClientHttp2Session, sent: Buffer, late: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const large = sent.length === LARGE_BYTES;
    const stream = session.request({
      ':method': 'POST',
      ':path': large ? '/late' : '/echo',
      // With a length HTTP/1.1 gets the bytes as they are, else as chunks.
      ...(large ? { 'content-length': sent.length } : {}),
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (late) pause(stream);
    });
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
    for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7 + 3) % 20_011)
      stream.write(sent.subarray(at, at + size));
    stream.end();
  });
}

/** Bodies go back as they come; every second one is read with pauses. */
async function echo(protocol: 'http1' | 'h2c'): Promise<Server> {
  let requests = 0;
  const serve = (request: Readable, answer: NodeJS.WritableStream, path: string | undefined): void => {
    if (path === '/late') {
      setTimeout(() => request.pipe(answer), LATE_MS);
      return;
    }
    const late = ++requests % 2 === 0;
    request.on('data', () => {
      if (late) pause(request);
    });
    request.pipe(answer);
  };
  const server: Server =
    protocol === 'http1'
      ? createHttp1((request, answer) => serve(request, answer, request.url))
      : http2.createServer({ maxSessionMemory: 100 }, (request, answer) =>
          serve(request, answer, request.url),
        );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function pause(stream: Readable): void {
  stream.pause();
  setTimeout(() => stream.resume(), PAUSE_MS);
}
