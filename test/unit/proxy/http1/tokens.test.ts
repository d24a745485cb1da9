// Comparisons that ignore case: every byte against every byte.
import { expect, test } from 'vitest';
import { bytesEqual, equalsIgnoringCase } from '../../../../proxy/http1/tokens.ts';

const BYTES = Array.from({ length: 256 }, (_, c) => c);
const isCapital = (c: number): boolean => c >= 0x41 && c <= 0x5a;

test('two bytes are equal when they are the same, or the same ASCII letter', () => {
  for (const wanted of BYTES.filter((c) => !isCapital(c))) {
    const lower = String.fromCharCode(wanted);
    for (const c of BYTES) {
      const same = c === wanted || (isCapital(c) && c + 0x20 === wanted);
      const text = String.fromCharCode(c);
      expect(equalsIgnoringCase(text, 0, 1, lower), `text ${c}, ${wanted}`).toBe(same);
      expect(bytesEqual(Uint8Array.of(c), 0, 1, lower), `byte ${c}, ${wanted}`).toBe(same);
    }
  }
});

test.each([
  { name: 'a longer text', text: 'x-users', start: 0, end: 7, lower: 'x-user', expect: false },
  { name: 'a shorter text', text: 'x-use', start: 0, end: 5, lower: 'x-user', expect: false },
  { name: 'a range', text: 'A: X-User\r\n', start: 3, end: 9, lower: 'x-user', expect: true },
  { name: 'an underscore', text: 'X_User', start: 0, end: 6, lower: 'x_user', expect: true },
  { name: 'an underscore for a dash', text: 'X_User', start: 0, end: 6, lower: 'x-user', expect: false },
])('$name: $expect', ({ text, start, end, lower, expect: same }) => {
  expect(equalsIgnoringCase(text, start, end, lower)).toBe(same);
  expect(bytesEqual(Buffer.from(text, 'latin1'), start, end, lower)).toBe(same);
});
