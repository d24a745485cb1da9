// The scanner against JSON.parse: the same lines are JSON, and the values that it finds are the values.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineScanner } from '../../../../policy/simulate/scan.ts';
import { Values } from '../../../../policy/simulate/slots.ts';

const KEYS = { a: 0, b: [1, { a: 2, long_name: 3 }], '': 4 } as const;
const SLOTS = 5;
const SEED = Number(process.env['SALLYPORT_SCAN_SEED'] ?? Date.now() & 0x7fffffff);

interface Found {
  readonly end: number;
  readonly repeated: boolean;
  readonly values: readonly unknown[];
}

const scanner = new LineScanner(KEYS, SLOTS);

function scan(text: string): Found {
  const bytes = Buffer.from(`${text}\n`);
  const end = scanner.scan(bytes, 0);
  const values = new Values(scanner, bytes);
  const all = Array.from({ length: SLOTS }, (_, slot) => (end < 0 ? undefined : values.of(slot)));
  return { end, repeated: scanner.repeated, values: all };
}

describe('values', () => {
  test.each([
    { text: '{}', values: [] },
    { text: '{"a":1}', values: [1] },
    { text: ' {"a":1}'.trim(), values: [1] },
    { text: '{ "a" : -1.5e+3 , "z":[1,{"a":2}] }', values: [-1500] },
    {
      text: '{"a":"\\u0041\\"","b":{"a":null,"long_name":[1]}}',
      values: ['A"', { a: null, long_name: [1] }, null, [1]],
    },
    { text: '{"\\u0061":7}', values: [7] },
    { text: '{"b":"other"}', values: [undefined, 'other'] },
    { text: '{"a":"é\u2028"}', values: ['é\u2028'] },
    { text: '{"c":{"a":1},"":true}', values: [undefined, undefined, undefined, undefined, true] },
  ])('of $text', ({ text, values }) => {
    const found = scan(text);
    expect(found.end).toBe(Buffer.byteLength(text));
    expect(found.values).toEqual(Array.from({ length: SLOTS }, (_, i) => values[i]));
  });

  test.each(['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"b":1,"b":{"a":2}}'])(
    '%s names a key twice',
    (text) => {
      expect(scan(text).repeated).toBe(true);
    },
  );
});

describe('what is no JSON object', () => {
  test.each([
    ...[
      '',
      '[]',
      '1',
      '"a"',
      '{',
      '{"a"',
      '{"a":',
      '{"a":1',
      '{"a":1,',
      '{"a":1,}',
      '{,}',
      '{"a" 1}',
      '{a:1}',
    ],
    ...['{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":1e}', '{"a":--1}', '{"a":tru}', '{"a":True}'],
    ...[
      '{"a":nul',
      '{"a":"x}',
      '{"a":"\t"}',
      '{"a":"x\\',
      '{"a":[1,]}',
      '{"a":[1}',
      '{"a":{]}',
      '{"a":[1 2]}',
    ],
    ...[`{"a":${'['.repeat(64)}${']'.repeat(64)}}`, '{"a":}', '{"a":,}', '{"b":{"a":1}', "{'a':1}"],
  ])('%s', (text) => {
    expect(scan(text).end).toBe(-1);
  });
});

test(`agrees with JSON.parse on lines that were changed somewhere (seed ${SEED})`, () => {
  const json = fc
    .jsonValue({ maxDepth: 4 })
    .map((value) => JSON.stringify({ a: 1, z: value, b: { a: value } }));
  const change = fc.tuple(
    fc.nat(),
    fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '0', '.', 'e', '-', 'n', '\u0001', 'é'),
  );
  fc.assert(
    fc.property(json, fc.array(change, { maxLength: 2 }), (line, changes) => {
      const text = changes
        .reduce((all, [at, piece]) => {
          const place = at % (all.length + 1);
          return all.slice(0, place) + piece + all.slice(place + 1);
        }, line)
        .trim();
      const parsed = parse(text);
      const found = (() => {
        try {
          return scan(text);
        } catch {
          return null; // a bad escape in a value that was asked for
        }
      })();
      const whole = found !== null && found.end === Buffer.byteLength(text) && !text.includes('\n');
      // A bad escape, or UTF-8, in what nobody asks for is passed over.
      if (parsed !== undefined && found !== null && !found.repeated) {
        expect(whole).toBe(true);
        expect(found.values[0]).toEqual(parsed['a']);
      }
      if (parsed === undefined && whole) expect(text).toContain('\\');
    }),
    { seed: SEED, numRuns: 5000 },
  );
});

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
