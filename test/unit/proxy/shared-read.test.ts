// The way that this Node has to read an accepted socket into given memory: found, and used.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readInto } from '../../../proxy/shared-read.ts';

let server: net.Server;
let client: net.Socket;
let accepted: net.Socket;

beforeEach(async () => {
  server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = once(server, 'connection');
  client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  [accepted] = (await connection) as [net.Socket];
});

afterEach(() => {
  client.destroy();
  accepted.destroy();
  server.close();
});

test('everything comes in the given memory, and `data` is silent', async () => {
  const memory = Buffer.alloc(64);
  const chunks: string[] = [];
  let inside = true;
  let events = 0;
  const read = readInto(accepted, memory, (chunk) => {
    inside &&= chunk.buffer === memory.buffer && chunk.byteOffset === memory.byteOffset;
    chunks.push(chunk.toString());
  });
  // When this fails, Node changed: proxy/shared-read.ts says what it does then.
  expect(read).toBe(true);
  accepted.on('data', () => events++);
  const end = once(accepted, 'end');
  client.end('x'.repeat(1_000));
  await end;
  expect(chunks.join('')).toBe('x'.repeat(1_000));
  expect([inside, events]).toEqual([true, 0]);
});

test('pause and resume work as they do without it', async () => {
  const chunks: string[] = [];
  readInto(accepted, Buffer.alloc(64), (chunk) => chunks.push(chunk.toString()));
  accepted.pause();
  client.write('one');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(chunks).toEqual([]);
  const end = once(accepted, 'end');
  accepted.resume();
  client.end('two');
  await end;
  expect(chunks.join('')).toBe('onetwo');
});

test.each([
  { name: 'bytes were read before', prepare: (): void => accepted.unshift(Buffer.from('x')) },
  { name: 'the socket is gone', prepare: (): void => void accepted.destroy() },
])('changes nothing when $name', ({ prepare }) => {
  prepare();
  expect(readInto(accepted, Buffer.alloc(64), () => undefined)).toBe(false);
});
