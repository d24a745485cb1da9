// What the application is told: byte for byte, and read back by our own parser.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp } from '../../../../core/ip.ts';
import { encodeHeader, type HeaderFacts } from '../../../../proxy/proxy-protocol/encode-header.ts';
import { parsed, tlv, V4, V6, v2, v6 } from './header-bytes.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const RUNS = 500;

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const PLAIN: HeaderFacts = {
  source: { ip: '192.0.2.1', port: 56_324 },
  destination: { ip: '198.51.100.9', port: 443 },
  sni: null,
  tlsVersion: null,
  spiffeId: null,
};
const TLS_13 = tlv(0x21, 'TLSv1.3');

describe('byte for byte', () => {
  const rows: { name: string; input: Partial<HeaderFacts>; expect: Buffer }[] = [
    { name: 'a plaintext caller', input: {}, expect: v2({}) },
    {
      name: 'IPv6',
      input: { source: { ip: '2001:db8::1', port: 56_324 }, destination: { ip: '2001:db8::9', port: 443 } },
      expect: v2({ family: 0x21, rest: V6 }),
    },
    {
      name: 'an IPv4 client of an IPv6 address: both as IPv6',
      input: { destination: { ip: '2001:db8::9', port: 443 } },
      expect: v2({
        family: 0x21,
        rest: [...Array(10).fill(0), 0xff, 0xff, 192, 0, 2, 1, ...v6(9), 0xdc, 0x04, 0x01, 0xbb],
      }),
    },
    {
      name: 'a client whose port is not known',
      input: { source: { ip: '192.0.2.1', port: 0 } },
      expect: v2({ rest: [...V4.slice(0, 8), 0, 0, ...V4.slice(10)] }),
    },
    {
      name: 'mutual TLS: flags SSL, certificate in connection and session; verified; name; SPIFFE ID',
      input: { sni: 'cart.shop', tlsVersion: 'TLSv1.3', spiffeId: WEB },
      expect: v2({
        rest: [...V4, ...tlv(0x02, 'cart.shop'), ...tlv(0x20, [7, 0, 0, 0, 0, ...TLS_13]), ...tlv(0xe5, WEB)],
      }),
    },
    {
      name: 'TLS without certificate: flag SSL, nothing verified',
      input: { tlsVersion: 'TLSv1.3' },
      expect: v2({ rest: [...V4, ...tlv(0x20, [1, 0, 0, 0, 1, ...TLS_13])] }),
    },
  ];
  test.each(rows)('$name', ({ input, expect: wanted }) =>
    expect(encodeHeader({ ...PLAIN, ...input }).toString('hex')).toBe(wanted.toString('hex')),
  );
});

test(`whatever is written is read back (seed ${seed}, ${RUNS} runs)`, () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    // no mapped ones: those are IPv4 addresses to us
    fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((ip) => ip[0] !== 0),
  );
  const end = fc.record({ ip: bytes.map(formatIp), port: fc.integer({ min: 0, max: 65_535 }) });
  const facts = fc.record({
    source: end,
    destination: end,
    sni: fc.option(fc.string({ minLength: 1, maxLength: 255 })),
    tlsVersion: fc.option(fc.constantFrom('TLSv1.2', 'TLSv1.3')),
    spiffeId: fc.option(fc.string({ maxLength: 2000 }).map((path) => `spiffe://example.org/${path}`)),
  });
  fc.assert(
    fc.property(facts, fc.string(), (said, behind) => {
      const header = encodeHeader(said);
      const { source, destination } = said;
      const [from, to] = [`${source.ip} ${source.port}`, `${destination.ip} ${destination.port}`];
      const read = parsed(Buffer.concat([header, Buffer.from(behind)]));
      expect(read).toBe(`${from} > ${to}, ${header.length} bytes`);
    }),
    { numRuns: RUNS, seed },
  );
});

test(`any bytes are read without an error, in time, and never past their end (seed ${seed})`, () => {
  const headers = fc.constantFrom(
    v2({}),
    v2({ family: 0x21, rest: V6 }),
    Buffer.from('PROXY TCP4 '),
    V1_LINE,
  );
  const mutated = fc
    .tuple(headers, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }), fc.uint8Array())
    .map(([header, edits, tail]) => {
      const bytes = Buffer.concat([header, tail]);
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
      return bytes;
    });
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        fc.uint8Array().map((b) => Buffer.from(b)),
      ),
      (bytes) => {
        const length = /, (\d+) bytes$/.exec(parsed(bytes))?.[1];
        expect(Number(length ?? 0)).toBeLessThanOrEqual(bytes.length);
      },
    ),
    { numRuns: 20 * RUNS, seed },
  );
});

const V1_LINE = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n');
