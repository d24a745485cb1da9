// Version 1, the line of text: exactly section 2.1, no byte more tolerant.
import { describe, expect, test } from 'vitest';
import { parsed } from './header-bytes.ts';

const LONGEST_V6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
const REST = '192.0.2.1 198.51.100.9 56324 443';

describe('read', () => {
  const rows: { name: string; input: string; expect: string }[] = [
    {
      name: 'TCP4',
      input: `PROXY TCP4 ${REST}\r\n`,
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 45 bytes',
    },
    {
      name: 'the longest TCP4',
      input: 'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n',
      expect: '255.255.255.255 65535 > 255.255.255.255 65535, 56 bytes',
    },
    {
      name: 'the longest TCP6',
      input: `PROXY TCP6 ${LONGEST_V6} ${LONGEST_V6} 65535 65535\r\n`,
      expect: `${LONGEST_V6} 65535 > ${LONGEST_V6} 65535, 104 bytes`,
    },
    {
      name: 'TCP6 in upper case and not shortened: canonical text',
      input: 'PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::1 1 2\r\n',
      expect: '2001:db8::1 1 > ::1 2, 42 bytes',
    },
    {
      name: 'an IPv4-mapped address: the IPv4 one, so that no block misses it',
      input: 'PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6409 1 2\r\n',
      expect: '192.0.2.1 1 > 198.51.100.9 2, 50 bytes',
    },
    {
      name: 'ports 0',
      input: 'PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n',
      expect: '0.0.0.0 0 > 0.0.0.0 0, 32 bytes',
    },
    { name: 'UNKNOWN alone', input: 'PROXY UNKNOWN\r\n', expect: 'own, 15 bytes' },
    { name: 'UNKNOWN with what has no meaning', input: 'PROXY UNKNOWN x y  z\r\n', expect: 'own, 22 bytes' },
    {
      name: 'the longest UNKNOWN',
      input: `PROXY UNKNOWN ${LONGEST_V6} ${LONGEST_V6} 65535 65535\r\n`,
      expect: 'own, 107 bytes',
    },
    {
      name: 'followed by a request',
      input: `PROXY TCP4 ${REST}\r\nGET / HTTP/1.1\r\n`,
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 45 bytes',
    },
    {
      name: 'followed by another header, which is not read',
      input: 'PROXY UNKNOWN\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
      expect: 'own, 15 bytes',
    },
  ];
  test.each(rows)('$name', ({ input, expect: wanted }) => expect(parsed(input)).toBe(wanted));
});

describe('refused', () => {
  const PROTOCOL = 'refused: the PROXY line has an unknown protocol';
  const COUNT = 'refused: the PROXY line does not have two addresses and two ports';
  const TCP4 = 'refused: the PROXY line has an address or a port that is none of TCP4';
  const TCP6 = 'refused: the PROXY line has an address or a port that is none of TCP6';
  const BYTE = 'refused: a byte in the PROXY line is no printable ASCII';
  const rows: { name: string; input: string; expect: string }[] = [
    {
      name: 'lower case',
      input: `proxy TCP4 ${REST}\r\n`,
      expect: 'refused: the first bytes are no PROXY header',
    },
    {
      name: 'another method',
      input: 'POST / HTTP/1.1\r\n',
      expect: 'refused: the first bytes are no PROXY header',
    },
    {
      name: 'no space',
      input: `PROXYTCP4 ${REST}\r\n`,
      expect: 'refused: the first bytes are no PROXY header',
    },
    {
      name: 'a tab',
      input: `PROXY\tTCP4 ${REST}\r\n`,
      expect: 'refused: the first bytes are no PROXY header',
    },
    {
      name: 'white space before it',
      input: ` PROXY TCP4 ${REST}\r\n`,
      expect: 'refused: the first bytes are no PROXY header',
    },
    {
      name: 'an empty line before it',
      input: `\r\nPROXY TCP4 ${REST}\r\n`,
      expect: 'refused: the first bytes are no PROXY header',
    },
    { name: 'two spaces', input: `PROXY  TCP4 ${REST}\r\n`, expect: PROTOCOL },
    { name: 'no protocol', input: 'PROXY \r\n', expect: PROTOCOL },
    { name: 'UDP', input: `PROXY UDP4 ${REST}\r\n`, expect: PROTOCOL },
    { name: 'TCP', input: `PROXY TCP ${REST}\r\n`, expect: PROTOCOL },
    { name: 'tcp4', input: `PROXY tcp4 ${REST}\r\n`, expect: PROTOCOL },
    { name: 'UNKNOWNX', input: 'PROXY UNKNOWNX\r\n', expect: PROTOCOL },
    { name: 'unknown', input: 'PROXY unknown\r\n', expect: PROTOCOL },
    { name: 'only the protocol', input: 'PROXY TCP4\r\n', expect: COUNT },
    { name: 'one port', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 1\r\n', expect: COUNT },
    { name: 'a fifth field', input: `PROXY TCP4 ${REST} 5\r\n`, expect: COUNT },
    { name: 'a space at the end', input: `PROXY TCP4 ${REST} \r\n`, expect: COUNT },
    { name: 'two spaces within', input: 'PROXY TCP4 192.0.2.1  198.51.100.9 1 2\r\n', expect: COUNT },
    { name: 'IPv6 as TCP4', input: 'PROXY TCP4 ::1 ::1 1 2\r\n', expect: TCP4 },
    { name: 'mapped IPv6 as TCP4', input: 'PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n', expect: TCP4 },
    { name: 'IPv4 as TCP6', input: `PROXY TCP6 ${REST}\r\n`, expect: TCP6 },
    { name: 'mixed families', input: 'PROXY TCP6 ::1 1.2.3.4 1 2\r\n', expect: TCP6 },
    { name: 'an octal address', input: 'PROXY TCP4 192.0.2.01 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'a short address', input: 'PROXY TCP4 192.0.2 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'a number as address', input: 'PROXY TCP4 3221225985 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: '256', input: 'PROXY TCP4 192.0.2.256 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'a name', input: 'PROXY TCP4 localhost 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'a destination that is none', input: 'PROXY TCP4 192.0.2.1 x 1 2\r\n', expect: TCP4 },
    { name: 'an address with port', input: 'PROXY TCP4 192.0.2.1:80 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'a block', input: 'PROXY TCP4 192.0.2.1/8 198.51.100.9 1 2\r\n', expect: TCP4 },
    { name: 'brackets', input: 'PROXY TCP6 [::1] ::1 1 2\r\n', expect: TCP6 },
    { name: 'a zone', input: 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', expect: TCP6 },
    { name: 'two gaps', input: 'PROXY TCP6 1::2::3 ::1 1 2\r\n', expect: TCP6 },
    { name: 'nine groups', input: 'PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n', expect: TCP6 },
    { name: 'port 65536', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 65536 2\r\n', expect: TCP4 },
    { name: 'port 99999', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 1 99999\r\n', expect: TCP4 },
    { name: 'a port of six digits', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 100000 2\r\n', expect: TCP4 },
    { name: 'a leading zero', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 01 2\r\n', expect: TCP4 },
    { name: 'two zeros', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 00 2\r\n', expect: TCP4 },
    { name: 'a sign', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 +1 2\r\n', expect: TCP4 },
    { name: 'a negative port', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 -1 2\r\n', expect: TCP4 },
    { name: 'a hexadecimal port', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 0x1 2\r\n', expect: TCP4 },
    { name: 'an exponent', input: 'PROXY TCP4 192.0.2.1 198.51.100.9 1e2 2\r\n', expect: TCP4 },
    { name: 'a bare LF', input: `PROXY TCP4 ${REST}\n`, expect: BYTE },
    { name: 'a bare LF after UNKNOWN', input: 'PROXY UNKNOWN\n', expect: BYTE },
    {
      name: 'a bare CR',
      input: `PROXY TCP4 ${REST}\rG`,
      expect: 'refused: a CR without LF in the PROXY line',
    },
    {
      name: 'CR CR LF',
      input: `PROXY TCP4 ${REST}\r\r\n`,
      expect: 'refused: a CR without LF in the PROXY line',
    },
    { name: 'a NUL', input: 'PROXY UNKNOWN \0\r\n', expect: BYTE },
    {
      name: 'one byte too long',
      input: `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
      expect: 'refused: the PROXY line has more than 107 bytes',
    },
    {
      name: 'no end',
      input: `PROXY UNKNOWN ${'x'.repeat(93)}`,
      expect: 'refused: the PROXY line has more than 107 bytes',
    },
    {
      name: 'no end, and far more',
      input: `PROXY TCP4 ${'1'.repeat(9000)}`,
      expect: 'refused: the PROXY line has more than 107 bytes',
    },
  ];
  test.each(rows)('$name', ({ input, expect: wanted }) => expect(parsed(input)).toBe(wanted));
});

describe('every byte value', () => {
  const line = `PROXY TCP4 ${REST}\r\n`;
  /** How often each of the 256 values is accepted at a position of `line`. */
  const accepted = (at: number): string =>
    Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
      .filter((x) => {
        const read = parsed(`${line.slice(0, at)}${x}${line.slice(at + 1)}`);
        return !read.startsWith('refused') && read !== 'partial';
      })
      .join('');

  const rows: { name: string; at: number; accepted: string }[] = [
    { name: 'of the word', at: 0, accepted: 'P' },
    { name: 'after the word', at: 5, accepted: ' ' },
    { name: 'of the protocol', at: 9, accepted: '4' },
    { name: 'after the protocol', at: 10, accepted: ' ' },
    // 192, 292 and more are not below 256, and a leading zero is refused
    { name: 'first of an address', at: 11, accepted: '1' },
    { name: 'a dot', at: 14, accepted: '.' },
    { name: 'between the addresses', at: 20, accepted: ' ' },
    { name: 'last of the second address', at: 32, accepted: '0123456789' },
    // 56324, of at most 65535
    { name: 'first of a port', at: 34, accepted: '12345' },
    { name: 'inside a port', at: 36, accepted: '0123456789' },
    { name: 'between the ports', at: 39, accepted: ' ' },
    { name: 'the CR', at: 43, accepted: '\r' },
    { name: 'the LF', at: 44, accepted: '\n' },
  ];
  test.each(rows)('$name', ({ at, accepted: wanted }) => expect(accepted(at)).toBe(wanted));

  test('at each other position leaves either the same shape or no header', () => {
    for (let at = 0; at < line.length; at++)
      for (const x of accepted(at)) expect('0123456789. PROXYTC\r\n'.includes(x), `${at}`).toBe(true);
  });
});

test('every beginning is partial until the LF is there', () => {
  for (const line of [`PROXY TCP4 ${REST}\r\n`, 'PROXY UNKNOWN\r\n'])
    for (let end = 0; end < line.length; end++) expect(parsed(line.slice(0, end))).toBe('partial');
});
