// JSON as strangers send it: what is refused, and where it says that the fault is.
import { describe, expect, test } from 'vitest';
import { type Json, JsonError, JsonNumber, readJson } from '../../../../certs/federation/json.ts';

const LIMITS = { depthMax: 4, valuesMax: 20 };

/** What was read, as plain values; or `line:column message`. */
function read(input: string | Buffer, limits = LIMITS): unknown {
  try {
    return plain(readJson(Buffer.from(input), limits));
  } catch (error) {
    if (error instanceof JsonError) return `${error.line}:${error.column} ${error.message}`;
    throw error;
  }
}

function plain(value: Json): unknown {
  if (value instanceof JsonNumber) return { number: value.text };
  if (Array.isArray(value)) return value.map((item: Json) => plain(item));
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]));
  return value;
}

describe('a document', () => {
  const GOOD: readonly { name: string; input: string; expect: unknown }[] = [
    { name: 'null', input: 'null', expect: null },
    { name: 'space around it', input: ' \t\r\n[true , false]\n', expect: [true, false] },
    { name: 'nothing in it', input: '{"a":{},"b":[]}', expect: { a: {}, b: [] } },
    { name: 'every escape', input: '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9"', expect: '"\\/\b\f\n\r\tAé' },
    { name: 'a surrogate pair', input: '"\\ud83d\\ude00"', expect: '😀' },
    { name: 'UTF-8', input: '"é😀"', expect: 'é😀' },
    { name: 'a NUL as an escape', input: '"a\\u0000b"', expect: 'a\0b' },
    {
      name: 'a name that objects have',
      input: '{"__proto__":1}',
      expect: Object.fromEntries([['__proto__', { number: '1' }]]),
    },
    {
      name: 'an integer above 2^53',
      input: '18446744073709551615',
      expect: { number: '18446744073709551615' },
    },
    { name: 'every part of a number', input: '-0.5e+10', expect: { number: '-0.5e+10' } },
    { name: 'the greatest depth', input: '[[[[]]]]', expect: [[[[]]]] },
  ];
  test.each(GOOD)('with $name is read', ({ input, expect: wanted }) => expect(read(input)).toEqual(wanted));

  const BAD: readonly { name: string; input: string | Buffer; expect: string }[] = [
    { name: 'nothing', input: '', expect: '1:1 the text ends where a value is expected' },
    { name: 'space alone', input: ' \n ', expect: '2:2 the text ends where a value is expected' },
    {
      name: 'a cut object',
      input: '{"keys":[\n {"use":"x509-svid"',
      expect: '2:20 the text ends where `,` or `}`',
    },
    { name: 'a cut string', input: '{"keys":"abc', expect: '1:9 a string without end' },
    { name: 'a cut escape', input: '"a\\u00', expect: '1:3 an escape that JSON does not have' },
    { name: 'a cut literal', input: 'tru', expect: '1:1 a value is expected, not `t`' },
    { name: 'something behind it', input: '{} {}', expect: '1:4 something follows' },
    { name: 'a NUL behind it', input: '{}\0', expect: '1:3 something follows' },
    { name: 'a NUL in front', input: '\0{}', expect: '1:1 a value is expected, not U+0000' },
    { name: 'a NUL in a string', input: '"a\0"', expect: '1:3 a control character' },
    { name: 'a newline in a string', input: '"a\n"', expect: '1:3 a control character' },
    { name: 'a byte order mark', input: '\ufeff{}', expect: '1:1 a value is expected, not U+FEFF' },
    {
      name: 'bytes that are not UTF-8',
      input: Buffer.from([0x22, 0xff, 0x22]),
      expect: '1:1 the text is not UTF-8',
    },
    {
      name: 'an overlong slash',
      input: Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
      expect: '1:1 the text is not UTF-8',
    },
    { name: 'half of a surrogate pair', input: '["\\ud83d"]', expect: '1:2 half of a surrogate pair' },
    { name: 'an unknown escape', input: '"\\x41"', expect: '1:2 an escape' },
    { name: 'an escape with a sign', input: '"\\u+041"', expect: '1:2 an escape' },
    { name: 'a name twice', input: '{"a":1,\n"a":2}', expect: '2:1 the member `a` is there twice' },
    { name: 'a name twice, once escaped', input: '{"a":1,"\\u0061":2}', expect: '1:8 the member `a`' },
    {
      name: 'a long name with controls twice',
      input: `{"\\u001b${'x'.repeat(50)}":1,"\\u001b${'x'.repeat(50)}":1}`,
      expect: `1:63 the member \`?${'x'.repeat(39)}…\``,
    },
    {
      name: 'a comma too many in an object',
      input: '{"a":1,}',
      expect: '1:8 a member name is expected, not `}`',
    },
    { name: 'a comma too many in an array', input: '[1,]', expect: '1:4 a value is expected, not `]`' },
    { name: 'no comma', input: '[1 2]', expect: '1:4 `,` or `]` is expected, not `2`' },
    { name: 'no colon', input: '{"a" 1}', expect: '1:6 `:` is expected, not `1`' },
    { name: 'a name without quotes', input: '{a:1}', expect: '1:2 a member name is expected, not `a`' },
    { name: 'single quotes', input: "['a']", expect: '1:2 a value is expected' },
    { name: 'a comment', input: '{/*x*/}', expect: '1:2 a member name is expected, not `/`' },
    { name: 'NaN', input: 'NaN', expect: '1:1 a value is expected' },
    { name: 'a leading zero', input: '[01]', expect: '1:3 `,` or `]` is expected, not `1`' },
    { name: 'a leading plus', input: '+1', expect: '1:1 a value is expected' },
    { name: 'no digit behind the point', input: '[1.]', expect: '1:4 a digit is expected' },
    { name: 'no digit in front of the point', input: '.5', expect: '1:1 a value is expected' },
    { name: 'no digit in the exponent', input: '1e+', expect: '1:4 the text ends where a digit' },
    { name: 'a minus alone', input: '-', expect: '1:2 the text ends where a digit' },
    { name: 'a level too many', input: '[[[[[]]]]]', expect: '1:5 more than 4 levels' },
    { name: 'levels of both kinds', input: '{"a":[{"b":[{}]}]}', expect: '1:13 more than 4 levels' },
    { name: 'a value too many', input: `[${'1,'.repeat(19)}1]`, expect: '1:40 more than 20 values' },
    {
      name: 'names count as values',
      input: '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1}',
      expect: '1:60 more than 20 values',
    },
  ];
  test.each(BAD)('of $name is refused', ({ input, expect: wanted }) => {
    expect(read(input)).toEqual(expect.stringContaining(wanted));
  });

  test('of a million opening brackets ends at the limit, not at the end of the stack', () => {
    expect(read('['.repeat(1_000_000))).toBe('1:5 more than 4 levels');
  });
});

// Each position of a small document that has one of everything, with each of the 256 byte values in it:
// refused, or the same as JSON.parse reads, which is lenient only about the second of two equal names.
test('every byte in every position is read as JSON.parse reads it, or refused', () => {
  const document = Buffer.from('{"keys":[{"use":"a","n":-1.5e3}],"s":[true,null]}');
  let refused = 0;
  for (let at = 0; at < document.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(document);
      bytes[at] = byte;
      const ours = read(bytes);
      if (typeof ours === 'string') refused++;
      else expect(numbersRead(ours)).toEqual(JSON.parse(bytes.toString()));
    }
  }
  expect(refused).toBeGreaterThan(9_000);
});

/** What JSON.parse would have made of the numbers. */
const numbersRead = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'object' && item !== null && 'number' in item ? Number(item.number) : item,
  );
