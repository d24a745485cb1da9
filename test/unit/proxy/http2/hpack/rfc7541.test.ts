// RFC 7541 appendix C: every example, by its section.
import { describe, expect, test } from 'vitest';
import { HpackDecoder, Scratch } from '../../../../../proxy/http2/hpack/decoder.ts';
import { decode, hex, indexed, integer, type Pair } from '../coding.ts';

const REQUEST: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const THIRD_REQUEST: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const AT_21 = 'Mon, 21 Oct 2013 20:13:21 GMT';
const AT_22 = 'Mon, 21 Oct 2013 20:13:22 GMT';
const SET_COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const RESPONSE = (status: string, date: string): readonly Pair[] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', date],
  ['location', 'https://www.example.com'],
];

interface Example {
  readonly section: string;
  readonly block: string;
  readonly expect: readonly Pair[];
  /** The dynamic table afterwards, newest first. */
  readonly table: readonly Pair[];
}

const REQUEST_TABLES: readonly (readonly Pair[])[] = [
  [[':authority', 'www.example.com']],
  [
    ['cache-control', 'no-cache'],
    [':authority', 'www.example.com'],
  ],
  [
    ['custom-key', 'custom-value'],
    ['cache-control', 'no-cache'],
    [':authority', 'www.example.com'],
  ],
];
const RESPONSE_TABLES: readonly (readonly Pair[])[] = [
  [
    ['location', 'https://www.example.com'],
    ['date', AT_21],
    ['cache-control', 'private'],
    [':status', '302'],
  ],
  [
    [':status', '307'],
    ['location', 'https://www.example.com'],
    ['date', AT_21],
    ['cache-control', 'private'],
  ],
  [
    ['set-cookie', SET_COOKIE],
    ['content-encoding', 'gzip'],
    ['date', AT_22],
  ],
];

const requests = (section: string, blocks: readonly string[]): Example[] => {
  const lists = [REQUEST, [...REQUEST, ['cache-control', 'no-cache'] as const], THIRD_REQUEST];
  return blocks.map((block, i) => ({
    section: `${section}.${i + 1}`,
    block,
    expect: lists[i] ?? [],
    table: REQUEST_TABLES[i] ?? [],
  }));
};
const responses = (section: string, blocks: readonly string[]): Example[] => {
  const third: readonly Pair[] = [
    ...RESPONSE('200', AT_22),
    ['content-encoding', 'gzip'],
    ['set-cookie', SET_COOKIE],
  ];
  const lists = [RESPONSE('302', AT_21), RESPONSE('307', AT_21), third];
  return blocks.map((block, i) => ({
    section: `${section}.${i + 1}`,
    block,
    expect: lists[i] ?? [],
    table: RESPONSE_TABLES[i] ?? [],
  }));
};

const sequences: { name: string; tableBytes: number; examples: readonly Example[] }[] = [
  {
    name: 'C.3: requests without Huffman coding',
    tableBytes: 4_096,
    examples: requests('C.3', [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]),
  },
  {
    name: 'C.4: requests with Huffman coding',
    tableBytes: 4_096,
    examples: requests('C.4', [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]),
  },
  {
    name: 'C.5: responses without Huffman coding',
    tableBytes: 256,
    examples: responses('C.5', [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
       2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
       54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
       5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ]),
  },
  {
    name: 'C.6: responses with Huffman coding',
    tableBytes: 256,
    examples: responses('C.6', [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
       2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
       77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
       9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ]),
  },
];

describe.each(sequences)('$name', ({ tableBytes, examples }) => {
  const decoder = new HpackDecoder(new Scratch());
  decode(decoder, integer(0x20, 5, tableBytes));
  test.each(examples)('$section', ({ block, expect: want, table }) => {
    expect(decode(decoder, hex(block))?.list).toEqual(want);
    const entries = Buffer.concat(table.map((_, i) => indexed(62 + i)));
    expect(decode(decoder, entries)?.list).toEqual(table);
    // One more is an index beyond the table: it is looked up last, as it breaks the connection.
    expect(decode(decoder, indexed(62 + table.length))).toBeNull();
  });
});

describe('C.1: integers, here as the sizes and indexes that they stand for', () => {
  test('C.1.1: 10 with a prefix of 5 bits', () => expect(integer(0, 5, 10)).toEqual(hex('0a')));
  test('C.1.2: 1337 with a prefix of 5 bits', () => {
    const bytes = hex('3f9a0a');
    expect(integer(0x20, 5, 1_337)).toEqual(bytes);
    const decoder = new HpackDecoder(new Scratch());
    // A table of 1337 bytes takes an entry of 1337 and not one of 1338.
    const add = (size: number): Buffer =>
      Buffer.concat([hex('4001 61'), integer(0, 7, size - 33), Buffer.alloc(size - 33, 'v')]);
    expect(decode(decoder, Buffer.concat([bytes, add(1_337)]))).not.toBeNull();
    expect(decode(decoder, indexed(62))?.list).toEqual([['a', 'v'.repeat(1_304)]]);
    decode(decoder, add(1_338));
    expect(decode(decoder, indexed(62))).toBeNull();
  });
  test('C.1.3: 42 with a prefix of 8 bits', () => {
    // No representation has such a prefix; 42 as the length of a text has one of 7.
    const value = 'x'.repeat(42);
    const list = decode(
      new HpackDecoder(new Scratch()),
      Buffer.concat([hex('0001612a'), Buffer.from(value)]),
    );
    expect(list?.list).toEqual([['a', value]]);
  });
});

describe('C.2: one field', () => {
  const rows: { name: string; block: string; expect: Pair; table: Pair[]; sensitive?: boolean }[] = [
    {
      name: 'C.2.1: literal with indexing',
      block: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      expect: ['custom-key', 'custom-header'],
      table: [['custom-key', 'custom-header']],
    },
    {
      name: 'C.2.2: literal without indexing',
      block: '040c 2f73 616d 706c 652f 7061 7468',
      expect: [':path', '/sample/path'],
      table: [],
    },
    {
      name: 'C.2.3: literal never indexed',
      block: '1008 7061 7373 776f 7264 0673 6563 7265 74',
      expect: ['password', 'secret'],
      table: [],
      sensitive: true,
    },
    { name: 'C.2.4: indexed', block: '82', expect: [':method', 'GET'], table: [] },
  ];
  test.each(rows)('$name', ({ block, expect: want, table, sensitive = false }) => {
    const decoder = new HpackDecoder(new Scratch());
    const fields = decode(decoder, hex(block));
    expect(fields?.list).toEqual([want]);
    expect(fields?.fields[0]?.sensitive).toBe(sensitive);
    for (const [i, entry] of table.entries()) expect(decode(decoder, indexed(62 + i))?.list).toEqual([entry]);
    expect(decode(decoder, indexed(62 + table.length))).toBeNull();
  });
});
