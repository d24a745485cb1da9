// A header block in pieces: few and small enough (RFC 9113 sections 4.3 and 10.5.1).
import { describe, expect, test } from 'vitest';
import { HeaderBlock } from '../../../../proxy/http2/header-block.ts';

const HEAD = { streamId: 1, last: true };

/** How many of the pieces go in, and what the block is then. */
function add(bytesMax: number, sizes: readonly number[]): { taken: number; bytes: string } {
  const block = new HeaderBlock(bytesMax);
  block.begin(HEAD);
  let taken = 0;
  for (const size of sizes) {
    const piece = Buffer.alloc(size + 2, 0x61 + (taken % 26));
    if (!block.add(piece, 1, 1 + size)) break;
    piece.fill(0x2e);
    taken++;
  }
  return { taken, bytes: block.bytes.toString('latin1', 0, block.length) };
}

describe('pieces', () => {
  const rows: { name: string; max: number; sizes: number[]; expect: number }[] = [
    { name: 'one', max: 100, sizes: [10], expect: 1 },
    { name: 'one as large as all', max: 100, sizes: [100], expect: 1 },
    { name: 'one larger', max: 100, sizes: [101], expect: 0 },
    { name: 'as large as all together', max: 100, sizes: [50, 50], expect: 2 },
    { name: 'a byte more', max: 100, sizes: [50, 50, 1], expect: 2 },
    {
      name: 'empty ones (CVE-2019-9516)',
      max: 16_384,
      sizes: Array.from({ length: 20 }, () => 0),
      expect: 9,
    },
    { name: 'of one byte', max: 16_384, sizes: Array.from({ length: 20 }, () => 1), expect: 9 },
    {
      name: 'of one byte, where more fits',
      max: 65_536,
      sizes: Array.from({ length: 20 }, () => 1),
      expect: 12,
    },
    { name: 'full frames', max: 65_536, sizes: [16_384, 16_384, 16_384, 16_384], expect: 4 },
  ];
  test.each(rows)('$name', ({ max, sizes, expect: want }) => {
    const { taken, bytes } = add(max, sizes);
    expect(taken).toBe(want);
    const pieces = sizes.slice(0, want).map((size, i) => String.fromCharCode(0x61 + i).repeat(size));
    expect(bytes).toBe(pieces.join(''));
  });
});

test('the next block has nothing of the one before', () => {
  const block = new HeaderBlock(100);
  for (const text of ['first block', 'second']) {
    block.begin(HEAD);
    expect(block.head).toBe(HEAD);
    for (let i = 0; i < text.length; i += 3)
      block.add(Buffer.from(text.slice(i, i + 3)), 0, text.slice(i, i + 3).length);
    const { bytes, length } = block;
    block.end();
    expect(bytes.toString('latin1', 0, length)).toBe(text);
    expect([block.head, block.bytes.length]).toEqual([null, 0]);
  }
});
