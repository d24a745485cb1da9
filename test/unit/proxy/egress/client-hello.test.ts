// The server name of a ClientHello: real ones in every cut and fragmentation, and everything that is not one.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ClientHelloReader, type Hello } from '../../../../proxy/egress/client-hello.ts';

const NAME = 'api.example.com';
const NOT_TLS = { fault: 'not-tls' };

let real: Buffer;

beforeAll(async () => {
  real = await helloOf(NAME);
});

/** What Node's own client sends first. */
async function helloOf(servername: string): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The first answer to `bytes`, cut into `pieces`. */
function read(bytes: Buffer, size = bytes.length): Hello | null {
  const reader = new ClientHelloReader();
  for (let at = 0; at < bytes.length; at += size) {
    const hello = reader.push(bytes.subarray(at, at + size));
    if (hello !== null) return hello;
  }
  return null;
}

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const vector16 = (...parts: Buffer[]): Buffer => {
  const all = Buffer.concat(parts);
  return Buffer.concat([u16(all.length), all]);
};
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), vector16(body)]);
const sni = (...names: string[]): Buffer =>
  extension(0, vector16(...names.map((name) => Buffer.concat([Buffer.of(0), vector16(Buffer.from(name))]))));

/** The handshake message with these extensions; null = none at all. */
function message(extensions: Buffer | null, after = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    vector16(u16(0x1301)),
    Buffer.from([1, 0]),
    extensions === null ? Buffer.alloc(0) : vector16(extensions),
    after,
  ]);
  return Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
}

/** `bytes` as handshake records of `size`. */
function records(bytes: Buffer, size = 16_384): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    out.push(Buffer.from([22, 3, 1]), u16(part.length), part);
  }
  return Buffer.concat(out);
}

describe('a real ClientHello', () => {
  test('names its server', () => {
    expect(read(real)).toEqual({ name: NAME });
  });

  test.each([1, 2, 3, 5, 7, 100])('in pieces of %i bytes', (size) => {
    expect(read(real, size)).toEqual({ name: NAME });
  });

  test.each([1, 4, 5, 60, 255])('in records of %i bytes', (size) => {
    expect(read(records(real.subarray(5), size))).toEqual({ name: NAME });
  });

  test('in any pieces and records', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }));
    fc.assert(
      fc.property(sizes, ([record, piece]) => {
        expect(read(records(real.subarray(5), record), piece)).toEqual({ name: NAME });
      }),
    );
  });

  test('is not known before its last byte', () => {
    expect(read(real.subarray(0, -1))).toBe(null);
  });

  test('cut off or changed anywhere never throws, and never makes up a name', () => {
    fc.assert(
      fc.property(fc.nat(real.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(real);
        changed[at] = byte;
        const hello = read(changed);
        if (hello !== null && 'name' in hello && hello.name !== null)
          expect(hello.name).toHaveLength(NAME.length);
      }),
    );
  });
});

const ROWS: { name: string; bytes: Buffer; expect: Hello | null }[] = [
  { name: 'no extensions', bytes: records(message(null)), expect: { name: null } },
  { name: 'no server name', bytes: records(message(extension(10, Buffer.alloc(2)))), expect: { name: null } },
  { name: 'a name', bytes: records(message(sni('a.b'))), expect: { name: 'a.b' } },
  {
    name: 'bytes of the next message in the same record',
    bytes: records(Buffer.concat([message(sni('a.b')), Buffer.from('rest')])),
    expect: { name: 'a.b' },
  },
  { name: 'the first byte of a record', bytes: Buffer.of(22), expect: null },
  { name: 'a record header alone', bytes: Buffer.from([22, 3, 1, 1, 0]), expect: null },
];

const REFUSED: { name: string; bytes: Buffer; expect?: Hello }[] = [
  { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
  { name: 'SSH', bytes: Buffer.from('SSH-2.0-x\r\n') },
  { name: 'an alert record', bytes: Buffer.from([21, 3, 1, 0, 2, 1, 0]) },
  { name: 'application data', bytes: Buffer.from([23, 3, 3, 0, 1, 0]) },
  { name: 'SSL 2', bytes: Buffer.from([0x80, 0x2e, 1, 3, 1]) },
  { name: 'a record version that is none', bytes: Buffer.from([22, 2, 1, 0, 1, 1]) },
  { name: 'an empty record', bytes: Buffer.from([22, 3, 1, 0, 0]) },
  { name: 'a record that is too long', bytes: Buffer.from([22, 3, 1, 0x40, 1]) },
  {
    name: 'another record in between',
    bytes: Buffer.concat([records(message(null)).subarray(0, 5), Buffer.alloc(10)]),
  },
  { name: 'a ServerHello', bytes: records(Buffer.from([2, 0, 0, 1, 0])) },
  { name: 'a message that is too long', bytes: records(Buffer.from([1, 1, 0, 0])) },
  { name: 'an empty ClientHello', bytes: records(Buffer.from([1, 0, 0, 0])) },
  { name: 'bytes after the extensions', bytes: records(message(sni('a.b'), Buffer.of(0))) },
  { name: 'the same extension twice', bytes: records(message(Buffer.concat([sni('a.b'), sni('a.b')]))) },
  { name: 'two names', bytes: records(message(sni('a.b', 'c.d'))) },
  { name: 'an empty name', bytes: records(message(sni(''))) },
  { name: 'an empty list of names', bytes: records(message(sni())) },
  { name: 'an empty server name', bytes: records(message(extension(0, Buffer.alloc(0)))) },
  {
    name: 'a name of another type',
    bytes: records(
      message(extension(0, vector16(Buffer.concat([Buffer.of(1), vector16(Buffer.from('a'))])))),
    ),
  },
  {
    name: 'an extension that reaches past its list',
    bytes: records(message(Buffer.concat([u16(0), u16(200), Buffer.alloc(3)]))),
  },
  {
    name: 'more extensions than anybody has',
    bytes: records(
      message(Buffer.concat(Array.from({ length: 80 }, (_, i) => extension(1000 + i, Buffer.alloc(0))))),
    ),
  },
  {
    name: 'an encrypted ClientHello',
    bytes: records(message(Buffer.concat([sni('a.b'), extension(0xfe0d, Buffer.alloc(8))]))),
    expect: { fault: 'hidden-name' },
  },
  {
    name: 'records without end',
    bytes: records(Buffer.concat([Buffer.from([1, 0, 0x7f, 0xff]), Buffer.alloc(20_000)]), 1),
  },
];

test.each(ROWS)('$name', ({ bytes, expect: expected }) => {
  expect(read(bytes)).toEqual(expected);
});

test.each(REFUSED)('refused: $name', ({ bytes, expect: expected = NOT_TLS }) => {
  expect(read(bytes)).toEqual(expected);
  expect(read(bytes, 3)).toEqual(expected);
});

test('every first byte but that of a handshake record is refused at once', () => {
  for (let byte = 0; byte < 256; byte++) expect(read(Buffer.of(byte))).toEqual(byte === 22 ? null : NOT_TLS);
});
