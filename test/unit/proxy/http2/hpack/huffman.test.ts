// The Huffman code: RFC 7541 section 5.2 and appendix B. That all 256 bytes have the code that nghttp2 gives
// them is shown in test/property/hpack-nghttp2.test.ts.
import { describe, expect, test } from 'vitest';
import { decodeHuffman } from '../../../../../proxy/http2/hpack/huffman.ts';

/** `bits` as bytes; blanks are for the reader. */
function bytesOf(bits: string): Buffer {
  const all = bits.replaceAll(' ', '');
  expect(all.length % 8).toBe(0);
  return Buffer.from(
    Array.from({ length: all.length / 8 }, (_, i) => Number.parseInt(all.slice(8 * i, 8 * i + 8), 2)),
  );
}

/** The text that `bits`, within other bytes, stand for, or null. */
function decoded(bits: string): string | null {
  const bytes = bytesOf(bits);
  const source = Buffer.concat([Buffer.of(0xff), bytes, Buffer.of(0x00)]);
  const room = Math.ceil((bytes.length * 8) / 5);
  const target = Buffer.alloc(3 + room + 1, 0x2e);
  const end = decodeHuffman(source, 1, 1 + bytes.length, target, 3);
  expect(target.toString('latin1', 0, 3)).toBe('...');
  expect(target[3 + room]).toBe(0x2e);
  return end < 0 ? null : target.toString('latin1', 3, end);
}

const A = '00011';
const EOS = '1'.repeat(30);

describe('is a text', () => {
  const rows: { name: string; bits: string; expect: string }[] = [
    { name: 'nothing', bits: '', expect: '' },
    { name: 'no padding', bits: A.repeat(8), expect: 'aaaaaaaa' },
    { name: 'a code of eight bits', bits: '11111000', expect: '&' },
    { name: 'one bit of padding', bits: '1111011 1', expect: 'z' },
    { name: 'two bits of padding', bits: '010100 11', expect: ' ' },
    { name: 'three bits of padding', bits: `${A} 111`, expect: 'a' },
    { name: 'four bits of padding', bits: `${A} 1011100 1111`, expect: 'a:' },
    { name: 'five bits of padding', bits: `${A} 010100 11111`, expect: 'a ' },
    { name: 'six bits of padding', bits: `${A} ${A} 111111`, expect: 'aa' },
    { name: 'seven bits of padding', bits: `${A.repeat(5)} 1111111`, expect: 'aaaaa' },
    { name: 'NUL, which a field may not have', bits: '1111111111000 111', expect: '\0' },
    { name: 'LF, a code of thirty bits', bits: `${'1'.repeat(28)} 00 11`, expect: '\n' },
    { name: 'CR, a code of thirty bits', bits: `${'1'.repeat(28)} 01 11`, expect: '\r' },
    { name: '0x16, beside EOS', bits: `${'1'.repeat(28)} 10 11`, expect: '\x16' },
    { name: '0xff', bits: '11111111111111111111101110 111111', expect: '\xff' },
  ];
  test.each(rows)('$name', ({ bits, expect: want }) => expect(decoded(bits)).toBe(want));
});

describe('is none', () => {
  const rows: { name: string; bits: string }[] = [
    { name: 'eight bits of padding', bits: '1'.repeat(8) },
    { name: 'eight bits of padding behind a text', bits: `11111000 ${'1'.repeat(8)}` },
    { name: 'ten bits of padding', bits: `010100 ${'1'.repeat(10)}` },
    { name: 'sixteen bits of padding', bits: '1'.repeat(16) },
    { name: 'twenty-four bits of padding', bits: '1'.repeat(24) },
    { name: 'padding with zeros', bits: `${A} 000` },
    { name: 'padding that ends with a zero', bits: `${A} 110` },
    { name: 'padding that begins with a zero', bits: `${A} 011` },
    { name: 'seven bits of padding with a zero', bits: `${A.repeat(5)} 1111110` },
    { name: 'EOS', bits: `${EOS} 11` },
    { name: 'EOS behind a text', bits: `${A} ${EOS} 11111` },
    { name: 'EOS before a text', bits: `${EOS} ${A} 11111` },
    { name: 'EOS and more ones', bits: '1'.repeat(40) },
    { name: 'a code that is cut off after a byte', bits: '11111111' },
    { name: 'a code that is cut off and is no padding', bits: '11111110' },
    { name: 'a long code that is cut off', bits: `${'1'.repeat(20)} 0111` },
  ];
  test.each(rows)('$name', ({ bits }) => expect(decoded(bits)).toBeNull());
});

test('no text has two codes', () => {
  // Each value of 16 bits is a text or is none.
  const texts = new Map<string, number>();
  const target = Buffer.alloc(8);
  for (let value = 0; value < 65_536; value++) {
    const end = decodeHuffman(Buffer.of(value >> 8, value & 0xff), 0, 2, target, 0);
    if (end < 0) continue;
    const text = target.toString('latin1', 0, end);
    expect(texts.get(text), `${value}`).toBeUndefined();
    texts.set(text, value);
  }
  expect(texts.size).toBeGreaterThan(1_000);
});
