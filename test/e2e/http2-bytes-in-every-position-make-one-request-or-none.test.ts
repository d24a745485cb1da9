// Every byte in every position of a request over HTTP/2: what the application reads is the line that was
// sent, in one request, or nothing (RFC 9113 section 8.2.1, RFC 9110 section 5.5).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Downgrade } from './stage/downgrade.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field } from './stage/http2-frames.ts';

const BYTES = Array.from({ length: 256 }, (_, c) => String.fromCharCode(c));
const TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** RFC 9110 section 5.5. */
const isField = (c: string): boolean => c === '\t' || (c >= ' ' && c !== '\x7f');

let to: Downgrade;
beforeAll(async () => {
  to = await Downgrade.start();
});
afterAll(() => to.close());

interface Position {
  readonly name: string;
  /** The fields with `c` in the position. */
  readonly fields: (c: string) => readonly Field[];
  /** `reset`, a status, or the line that arrives. */
  readonly expect: (c: string) => 'reset' | 'refused' | string;
}

const reset = 'reset';
const refused = 'refused';
const token = (c: string, line: string): string => (`${TCHARS}${CAPITALS}`.includes(c) ? line : reset);
const instead = (name: string, value: string): Field[] =>
  h.get('/a').map((field) => (field[0] === name ? [name, value] : field));
const authority = (c: string): string => {
  if (c <= ' ' || c === '\x7f') return reset;
  return /[-._~!$&'()*+;=\w]/.test(c) && c < '\x80' ? `host: a${c}b` : refused;
};
/** Of a path: what cannot be read in two ways arrives. */
const path = (c: string): string => {
  if (c <= ' ' || c === '\x7f') return reset;
  if (c >= '\x80' || '#\\%'.includes(c)) return refused;
  // What RFC 3986 has no place for gets the escape that every application reads it as.
  const escaped = '"<>[]^`{|}'.includes(c) ? `%${c.charCodeAt(0).toString(16).toUpperCase()}` : c;
  return `GET /a${escaped}b HTTP/1.1`;
};

const POSITIONS: readonly Position[] = [
  {
    name: 'first in a name',
    fields: (c) => h.get('/a', [[`${c}x-a`, 'b']]),
    expect: (c) => (TCHARS.includes(c) ? `${c}x-a: b` : reset),
  },
  {
    name: 'within a name',
    fields: (c) => h.get('/a', [[`x${c}a`, 'b']]),
    expect: (c) => (TCHARS.includes(c) ? `x${c}a: b` : reset),
  },
  {
    name: 'last in a name',
    fields: (c) => h.get('/a', [[`x-a${c}`, 'b']]),
    expect: (c) => (TCHARS.includes(c) ? `x-a${c}: b` : reset),
  },
  {
    name: 'first in a value',
    fields: (c) => h.get('/a', [['x-a', `${c}b`]]),
    expect: (c) => (isField(c) && !' \t'.includes(c) ? `x-a: ${c}b` : reset),
  },
  {
    name: 'within a value',
    fields: (c) => h.get('/a', [['x-a', `a${c}b`]]),
    expect: (c) => (isField(c) ? `x-a: a${c}b` : reset),
  },
  {
    name: 'last in a value',
    fields: (c) => h.get('/a', [['x-a', `b${c}`]]),
    expect: (c) => (isField(c) && !' \t'.includes(c) ? `x-a: b${c}` : reset),
  },
  {
    name: 'within a cookie',
    fields: (c) =>
      h.get('/a', [
        ['cookie', `a=${c}b`],
        ['cookie', 'c=d'],
      ]),
    expect: (c) => (isField(c) ? `cookie: a=${c}b; c=d` : reset),
  },
  {
    name: 'within :method',
    fields: (c) => instead(':method', `G${c}T`),
    expect: (c) => token(c, `G${c}T /a HTTP/1.1`),
  },
  {
    name: 'last in :method',
    fields: (c) => instead(':method', `GET${c}`),
    expect: (c) => token(c, `GET${c} /a HTTP/1.1`),
  },
  { name: 'within :path', fields: (c) => instead(':path', `/a${c}b`), expect: path },
  { name: 'within :authority', fields: (c) => instead(':authority', `a${c}b`), expect: authority },
  {
    name: 'last in :scheme',
    fields: (c) => instead(':scheme', `http${c}`),
    expect: (c) => (c === 's' ? 'GET /a HTTP/1.1' : reset),
  },
  {
    name: 'all of a content-length',
    fields: (c) => h.post('/a', [['content-length', c]]),
    expect: (c) => length(c),
  },
];

/** Without data. */
function length(c: string): string {
  if (c === '0') return 'content-length: 0';
  if (c >= '1' && c <= '9') return reset;
  return isField(c) && !' \t'.includes(c) ? refused : reset;
}

describe('each of 256 bytes', () => {
  test.each(POSITIONS)('$name', { timeout: 60_000 }, async ({ fields, expect: wanted }) => {
    for (const c of BYTES) {
      const before = to.arrived.length;
      const { reset: code, status } = await to.send({ fields: fields(c) });
      const want = wanted(c);
      const said = `byte ${c.charCodeAt(0).toString(16)}`;
      const came = to.arrived.slice(before);
      if (want === reset)
        expect({ said, code, status, came }).toEqual({
          said,
          code: CODE.PROTOCOL_ERROR,
          status: 0,
          came: '',
        });
      else if (want === refused) expect({ said, status, came }).toEqual({ said, status: 400, came: '' });
      else {
        expect({ said, status }).toEqual({ said, status: 200 });
        expect(came.split('\r\n')).toContain(want);
        expect(came.match(/ HTTP\/1\.1\r\n/g)).toHaveLength(1);
        expect(came.indexOf('\r\n\r\n')).toBe(came.length - 4);
      }
    }
  });
});
