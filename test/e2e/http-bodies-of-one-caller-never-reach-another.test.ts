// Heads and bodies of all callers leave through one buffer: an application that reads late must still get
// what its own caller sent, whatever others sent meanwhile.
import { once } from 'node:events';
import type net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, OK, type Wire } from './stage/wire.ts';

const CHUNKS = 1_000;
const CHUNK_BYTES = 8_000; // 8 MB a body: more than the sockets on the way take
const LATE_MS = 1_500;
const POST = 0x50;
// What this connection got is looked at in the end: nothing may follow on it.
const LAST = OK.replace('content-length', 'connection: close\r\ncontent-length');

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start((wire) => {
    let upload = false;
    let tail = '';
    wire.socket.on('data', (chunk: Buffer) => {
      if (!upload && chunk[0] === POST) {
        upload = true;
        readLate(wire.socket);
      }
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 5))).slice(-5);
      if (!tail.endsWith(upload ? '0\r\n\r\n' : '\r\n\r\n')) return;
      wire.send(upload ? LAST : OK);
      if (!upload) wire.text = '';
    });
  });
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage?.close();
  application?.close();
});

test('four late bodies beside six quick callers', async () => {
  const letters = ['a', 'b', 'c', 'd'];
  const late = await Promise.all(letters.map(upload));
  await Promise.all(Array.from({ length: 6 }, () => others(300)));
  for (const caller of late) {
    await caller.until((text) => text.endsWith('ok'), 20_000);
    caller.socket.destroy();
  }
  const size = CHUNK_BYTES.toString(16);
  for (const letter of letters) {
    const text = application.connections.find((one) => one.text.startsWith(`POST /${letter} `))?.text ?? '';
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    const wanted = `${`${size}\r\n${letter.repeat(CHUNK_BYTES)}\r\n`.repeat(CHUNKS)}0\r\n\r\n`;
    expect(body === wanted, `the body of ${letter}`).toBe(true); // a diff of 8 MB helps nobody
  }
});

/** Sends chunks with an extension, so that they are put together anew, as fast as they are taken. */
async function upload(letter: string): Promise<Wire> {
  const caller = await call(stage, web);
  const chunk = `${CHUNK_BYTES.toString(16)};x=y\r\n${letter.repeat(CHUNK_BYTES)}\r\n`;
  const send = async (): Promise<void> => {
    for (let i = 0; i < CHUNKS; i++)
      if (!caller.socket.write(chunk, 'latin1')) await once(caller.socket, 'drain');
    caller.send('0\r\n\r\n');
  };
  caller.send(`POST /${letter} HTTP/1.1\r\nHost: cart.shop\r\nTransfer-Encoding: chunked\r\n\r\n`);
  void send();
  return caller;
}

async function others(count: number): Promise<void> {
  const caller = await call(stage, web);
  for (let i = 0; i < count; i++) {
    const before = caller.text.length;
    caller.send(get(`/other-${i}`, `X-Pad: ${'Z'.repeat(9_000)}\r\n`));
    await caller.until((text) => text.length > before && text.endsWith('ok'));
  }
  caller.socket.destroy();
}

function readLate(socket: net.Socket): void {
  socket.pause();
  setTimeout(() => socket.resume(), LATE_MS);
}
