// nghttp2 and we read each other's header blocks, thousands of them over one connection: with tables that
// live, in every size.
import { expect, test } from 'vitest';
import { HeadEncoder } from '../../proxy/http2/head-encoder.ts';
import { HpackDecoder, Scratch } from '../../proxy/http2/hpack/decoder.ts';
import { valueEnd, valueStart } from '../../proxy/http2/hpack/field.ts';
import { Output } from '../../proxy/http2/output.ts';
import { BlockClient, headersFrame, type Pairs, readAsServer } from '../fuzz/nghttp2.ts';
import { Random } from '../fuzz/random.ts';

const LISTS = 3_000;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);
const SCHEME = Buffer.from('http', 'latin1');

/** A list of fields, those of one name behind each other, as node:http2 sends them. */
function fields(random: Random): Pairs {
  const names = [
    'accept',
    'content-type',
    'date',
    'x-a',
    'x-b',
    'etag',
    'grpc-timeout',
    'cookie',
    'authorization',
  ];
  const list: Pairs = [];
  for (const name of [...names, `x-${random.below(60)}-c`]) {
    if (random.chance(0.5)) list.push([name, value(random)]);
    if (name === 'x-a' && random.chance(0.2)) list.push([name, value(random)]);
  }
  return list;
}

function value(random: Random): string {
  const byte = (): string =>
    String.fromCharCode(random.chance(0.8) ? 0x21 + random.below(94) : 0x80 + random.below(128));
  return random.pick([
    '',
    'a',
    'gzip, deflate',
    `v${random.below(30)}`,
    random.repeat(1 + random.below(40), byte),
    random.repeat(1 + random.below(1_500), () => 'e'),
    random.repeat(1 + random.below(300), byte),
  ]);
}

/** The pseudo-header fields of a request and `list`. */
const requestOf = (random: Random, list: Pairs): Pairs => [
  [':method', random.pick(['GET', 'POST', 'PURGE'])],
  [':scheme', 'http'],
  [':authority', random.pick(['a', 'shop.example:8080'])],
  [':path', random.pick(['/', '/index.html', `/items/${random.below(50)}`])],
  ...list,
];

/** As it arrives at HTTP/1.1, names in any case, with lines of the connection that stay behind. */
function headOf(random: Random, start: string, list: Pairs): Buffer {
  const lines = list.map(([name, text]) => `${random.chance(0.5) ? name.toUpperCase() : name}: ${text}`);
  for (const line of ['Connection: close', 'keep-alive: 5', 'Transfer-Encoding: chunked', 'upgrade: h2c'])
    if (random.chance(0.3)) lines.splice(random.below(lines.length + 1), 0, line);
  return Buffer.from(`${[start, ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
}

function decoded(decoder: HpackDecoder, block: Buffer): { list: Pairs; sensitive: string[] } {
  const list: Pairs = [];
  const sensitive: string[] = [];
  const read = decoder.decode(block, 0, block.length, {
    field(field) {
      const { source, start, nameEnd } = field;
      const name = source.toString('latin1', start, nameEnd);
      list.push([name, source.toString('latin1', valueStart(field), valueEnd(field))]);
      if (field.sensitive) sensitive.push(name);
    },
  });
  expect(read).toBe(true);
  return { list, sensitive };
}

const taken = (out: Output): Buffer => Buffer.from(out.bytes.subarray(0, out.length));

test(`${LISTS} requests of nghttp2 and our answers, seed ${seed}`, async () => {
  const random = new Random(seed);
  const decoder = new HpackDecoder(new Scratch());
  const encoder = new HeadEncoder();
  let read: { list: Pairs; sensitive: string[] } = { list: [], sensitive: [] };
  let answer: Pairs = [];
  let blockBytes = 0;
  const client = new BlockClient((_streamId, block) => {
    read = decoded(decoder, block);
    blockBytes += block.length;
    const out = new Output();
    encoder.response(out, headOf(random, 'HTTP/1.1 200 OK', answer));
    return taken(out);
  });
  let listBytes = 0;
  for (let i = 0; i < LISTS; i++) {
    const list = requestOf(random, fields(random));
    answer = fields(random);
    const received = await client.request(list, random.chance(0.3) ? ['x-b'] : []);
    expect(read.list, `list ${i}`).toEqual(list);
    expect(received, `answer ${i}`).toEqual([[':status', '200'], ...answer]);
    listBytes += list.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  }
  client.close();
  // Indexes and Huffman codes were among them, else the test shows nothing.
  expect(blockBytes).toBeLessThan(listBytes * 0.9);
});

test('nghttp2 reads each byte that a value may have, Huffman-coded, as we do', async () => {
  const decoder = new HpackDecoder(new Scratch());
  let list: Pairs = [];
  let coded = 0;
  const client = new BlockClient((_streamId, block) => {
    list = decoded(decoder, block).list;
    // Never indexed, so its value is the last: Huffman-coded text of 23 characters takes less.
    if (block.length < 30) coded++;
    return Buffer.of(0x88);
  });
  for (let c = 1; c < 256; c++) {
    const text = `${'e'.repeat(22)}${String.fromCharCode(c)}`;
    await client.request(
      [
        [':path', '/'],
        [':authority', 'a'],
        ['x', text],
      ],
      ['x'],
    );
    expect(list.at(-1), `byte ${c}`).toEqual(['x', text]);
  }
  client.close();
  expect(coded).toBeGreaterThan(250);
});

test.each([0, 60, 1_000, 4_096, 65_536])(
  'nghttp2 with a table of %i bytes reads what we encode',
  async (headerTableSize) => {
    const random = new Random(seed + headerTableSize);
    const encoder = new HeadEncoder();
    const lists: Pairs[] = [];
    const frames = Array.from({ length: 1_500 }, (_, i) => {
      // As if its settings came at any moment, and others before.
      if (i === 0) encoder.hpack.tableSizeMax = random.below(5_000);
      if (i === 0) encoder.hpack.tableSizeMax = headerTableSize;
      const list = requestOf(random, fields(random));
      lists.push(list);
      const [method, , authority, path] = list.map(([, text]) => text);
      const out = new Output();
      const lines: Pairs = [['host', authority ?? ''], ...list.slice(4)];
      encoder.request(out, headOf(random, `${method} ${path} HTTP/1.1`, lines), SCHEME);
      const block = taken(out);
      return headersFrame(1 + 2 * i, block, random.chance(0.1) ? random.below(block.length) : block.length);
    });
    const { requests, codes } = await readAsServer(frames, { headerTableSize });
    expect(codes).toEqual([]);
    expect(requests.size).toBe(lists.length);
    // We may say `te: trailers` for whoever asked.
    const sorted = (list: Pairs): string[] =>
      list.flatMap(([name, text]) => (name === 'te' ? [] : [`${name}: ${text}`])).sort();
    for (const [i, list] of lists.entries())
      expect(sorted(requests.get(1 + 2 * i) ?? []), `list ${i}`).toEqual(sorted(list));
  },
);
