// The bodies of all answers leave through blocks of memory that are used again: a caller that reads late, and
// one beside callers that leave in the middle, must still get what its own request was answered.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, Wire } from './stage/wire.ts';

/** More than the sockets on the way take, so that blocks wait for their reader. */
const BODY_BYTES = 6_000_000;
const LATE_MS = 1_500;

// Where plaintext is spoken the kernel reads from the blocks themselves; under TLS they are encrypted first.
const MODES = [
  { mode: 'mutual TLS', listener: '' },
  { mode: 'plaintext', listener: 'mtls: off' },
] as const;
const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: anybody, namespace: shop }
spec: { action: ALLOW, rules: [{}] }
`;

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeAll(async () => {
  application = await Application.start((wire) => {
    wire.socket.on('data', () => {
      for (let end = wire.text.indexOf('\r\n\r\n'); end >= 0; end = wire.text.indexOf('\r\n\r\n')) {
        answer(wire, wire.text[5] ?? '?');
        wire.text = wire.text.slice(end + 4);
      }
    });
  });
});

afterAll(() => application?.close());

afterEach(() => stage?.close());

/** Upper-case letters come with a length, lower-case ones in chunks. */
function answer({ socket }: Wire, letter: string): void {
  const body = Buffer.alloc(BODY_BYTES, letter);
  if (letter === letter.toUpperCase())
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
  else socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${BODY_BYTES.toString(16)}\r\n`);
  socket.write(body);
  if (letter !== letter.toUpperCase()) socket.write('\r\n0\r\n\r\n');
}

test.each(MODES)('eight late readers beside quick ones and such that leave: $mode', async ({ listener }) => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const policies = { 'anybody.yaml': POLICY };
  await stage.start({ upstreamPort: application.port, listener, policies });
  const caller = (): Promise<Wire> => (listener === '' ? call(stage, web) : plainCall(stage));
  const letters = [...'ABCDghij'];
  const late = letters.map(async (letter) => read(await caller(), letter, { lateMs: LATE_MS }));
  const quick = [...'MNOPqrst'].map(async (letter) => {
    for (let i = 0; i < 4; i++) expect(await read(await caller(), letter, {})).toBe('');
  });
  const leaving = [...'VWXYz'].map(async (letter) => {
    for (let i = 0; i < 6; i++) await read(await caller(), letter, { bytesMax: 200_000 * (i + 1) });
  });
  await Promise.all([...quick, ...leaving]);
  expect(await Promise.all(late)).toEqual(letters.map(() => ''));
});

/** What was wrong with the body of an answer, looked at byte by byte; leaves after `bytesMax`. */
async function read(
  caller: Wire,
  letter: string,
  options: { lateMs?: number; bytesMax?: number },
): Promise<string> {
  const { lateMs = 0, bytesMax = Number.POSITIVE_INFINITY } = options;
  const { socket } = caller;
  const chunked = letter !== letter.toUpperCase();
  return new Promise((resolve) => {
    let bytes = 0;
    let head = '';
    let fault = '';
    const end = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      let at = 0;
      if (!head.endsWith('\r\n\r\n')) {
        head += chunk.toString('latin1');
        const headEnd = head.indexOf('\r\n\r\n') + 4;
        if (headEnd < 4) return;
        at = chunk.length - (head.length - headEnd);
        head = head.slice(0, headEnd);
      }
      const own = letter.charCodeAt(0);
      for (; at < chunk.length; at++) {
        if (chunk[at] === own) bytes++;
        // Chunk sizes are hexadecimal digits and line ends: no letter that a body is made of but its own.
        else if (!chunked || !isFraming(chunk[at] ?? 0)) fault ||= `a foreign byte ${chunk[at]} at ${bytes}`;
      }
      if (bytes >= BODY_BYTES || bytes >= bytesMax) end(fault);
    });
    socket.on('close', () => end(fault || `ended after ${bytes} bytes`));
    caller.send(get(`/${letter}`));
    if (lateMs > 0) {
      socket.pause();
      setTimeout(() => socket.resume(), lateMs);
    }
  });
}

function isFraming(byte: number): boolean {
  return byte === 0x0d || byte === 0x0a || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}

async function plainCall({ port }: Stage): Promise<Wire> {
  const socket = net.connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  return new Wire(socket);
}
