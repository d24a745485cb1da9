// Version 2, the binary header: section 2.2 and the checksum of section 2.2.3.
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../../proxy/proxy-protocol/crc32c.ts';
import { parsed, summed, tlv, V4, V6, v2, v6 } from './header-bytes.ts';

const UNIX = Array<number>(216).fill(0x2f);
const NO_HEADER = 'refused: the first bytes are no PROXY header';

describe('read', () => {
  const rows: { name: string; input: Buffer; expect: string }[] = [
    { name: 'TCP over IPv4', input: v2({}), expect: '192.0.2.1 56324 > 198.51.100.9 443, 28 bytes' },
    {
      name: 'TCP over IPv6',
      input: v2({ family: 0x21, rest: V6 }),
      expect: '2001:db8::1 56324 > 2001:db8::9 443, 52 bytes',
    },
    {
      name: 'an IPv4-mapped address: the IPv4 one, so that no block misses it',
      input: v2({
        family: 0x21,
        rest: [...Array(10).fill(0), 0xff, 0xff, 192, 0, 2, 1, ...v6(9), 0, 1, 0, 2],
      }),
      expect: '192.0.2.1 1 > 2001:db8::9 2, 52 bytes',
    },
    { name: 'LOCAL', input: v2({ command: 0x20, family: 0, rest: [] }), expect: 'own, 16 bytes' },
    {
      name: 'LOCAL with addresses, which have no meaning',
      input: v2({ command: 0x20 }),
      expect: 'own, 28 bytes',
    },
    {
      name: 'LOCAL with any family and anything behind it',
      input: v2({ command: 0x20, family: 0xff, rest: [1, 2, 3] }),
      expect: 'own, 19 bytes',
    },
    { name: 'no family', input: v2({ family: 0, rest: [] }), expect: 'own, 16 bytes' },
    {
      name: 'no family, and something behind it',
      input: v2({ family: 0, rest: [9, 9] }),
      expect: 'own, 18 bytes',
    },
    {
      name: 'a Unix socket of the sender',
      input: v2({ family: 0x31, rest: UNIX }),
      expect: 'own, 232 bytes',
    },
    {
      name: 'values that are not read',
      input: v2({ rest: [...V4, ...tlv(0x04, 'pad'), ...tlv(0xe5, 'spiffe://evil'), ...tlv(0x02, '')] }),
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 53 bytes',
    },
    {
      name: 'a checksum that holds',
      input: summed([...V4, ...tlv(0x02, 'cart.shop')]),
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 47 bytes',
    },
    {
      name: 'the longest',
      input: v2({ rest: [...V4, ...tlv(0x04, 'x'.repeat(4096 - 16 - 12 - 3))] }),
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 4096 bytes',
    },
    {
      name: 'followed by a ClientHello',
      input: Buffer.concat([v2({}), Buffer.from([0x16, 3, 1])]),
      expect: '192.0.2.1 56324 > 198.51.100.9 443, 28 bytes',
    },
  ];
  test.each(rows)('$name', ({ input, expect: wanted }) => expect(parsed(input)).toBe(wanted));
});

describe('refused', () => {
  const COMMAND = 'refused: the PROXY header has an unknown version or command';
  const FAMILY = 'refused: the PROXY header is for a protocol that is not TCP';
  const SHORT = 'refused: the PROXY header is too short for its addresses';
  const LONG = 'refused: the PROXY header has more than 4096 bytes';
  const CUT = 'refused: the PROXY header ends within a value';
  const SUM = 'refused: the checksum of the PROXY header does not hold';
  const SUM_FORM = 'refused: the PROXY header has a malformed checksum';
  const rows: { name: string; input: Buffer; expect: string }[] = [
    {
      name: 'empty lines before a request',
      input: Buffer.from('\r\n\r\nGET / HTTP/1.1\r\n'),
      expect: NO_HEADER,
    },
    { name: 'a ClientHello', input: Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]), expect: NO_HEADER },
    { name: 'version 1', input: v2({ command: 0x11 }), expect: COMMAND },
    { name: 'version 3', input: v2({ command: 0x31 }), expect: COMMAND },
    { name: 'version 0', input: v2({ command: 0x01 }), expect: COMMAND },
    { name: 'command 2', input: v2({ command: 0x22 }), expect: COMMAND },
    { name: 'command 15', input: v2({ command: 0x2f }), expect: COMMAND },
    { name: 'UDP over IPv4', input: v2({ family: 0x12 }), expect: FAMILY },
    { name: 'UDP over IPv6', input: v2({ family: 0x22, rest: V6 }), expect: FAMILY },
    { name: 'a Unix datagram', input: v2({ family: 0x32, rest: UNIX }), expect: FAMILY },
    { name: 'a family without transport', input: v2({ family: 0x10 }), expect: FAMILY },
    { name: 'a transport without family', input: v2({ family: 0x01 }), expect: FAMILY },
    { name: 'transport 3', input: v2({ family: 0x13 }), expect: FAMILY },
    { name: 'family 4', input: v2({ family: 0x41 }), expect: FAMILY },
    { name: 'family 15', input: v2({ family: 0xf1 }), expect: FAMILY },
    { name: 'IPv4 without addresses', input: v2({ rest: [] }), expect: SHORT },
    { name: 'IPv4 with one byte too few', input: v2({ rest: V4.slice(1) }), expect: SHORT },
    { name: 'IPv6 with the addresses of IPv4', input: v2({ family: 0x21 }), expect: SHORT },
    {
      name: 'a Unix socket with one byte too few',
      input: v2({ family: 0x31, rest: UNIX.slice(1) }),
      expect: SHORT,
    },
    { name: 'one byte too long', input: v2({ length: 4081 }), expect: LONG },
    { name: 'the longest that can be said', input: v2({ length: 65_535 }), expect: LONG },
    { name: 'LOCAL, too long', input: v2({ command: 0x20, length: 65_535 }), expect: LONG },
    { name: 'one byte of a value', input: v2({ rest: [...V4, 0x04] }), expect: CUT },
    { name: 'a type and half a length', input: v2({ rest: [...V4, 0x04, 0] }), expect: CUT },
    {
      name: 'a value longer than the header',
      input: v2({ rest: [...V4, ...tlv(0x04, 'ab', 3)] }),
      expect: CUT,
    },
    { name: 'a value of 65535', input: v2({ rest: [...V4, ...tlv(0x04, 'ab', 65_535)] }), expect: CUT },
    { name: 'a second value that is cut', input: v2({ rest: [...V4, ...tlv(0x04, 'ab'), 5] }), expect: CUT },
    { name: 'zeros as padding', input: v2({ rest: [...V4, 0, 0, 0, 0] }), expect: CUT },
    {
      name: 'a value that is cut, of a Unix socket',
      input: v2({ family: 0x31, rest: [...UNIX, 1] }),
      expect: CUT,
    },
    { name: 'a checksum of zeros', input: v2({ rest: [...V4, ...tlv(0x03, [0, 0, 0, 0])] }), expect: SUM },
    { name: 'a checksum with one bit flipped', input: summed(V4, 1), expect: SUM },
    { name: 'a checksum with the top bit flipped', input: summed(V4, 0x8000_0000), expect: SUM },
    {
      name: 'a checksum of 3 bytes',
      input: v2({ rest: [...V4, ...tlv(0x03, [0, 0, 0])] }),
      expect: SUM_FORM,
    },
    {
      name: 'a checksum of 5 bytes',
      input: v2({ rest: [...V4, ...tlv(0x03, [0, 0, 0, 0, 0])] }),
      expect: SUM_FORM,
    },
    { name: 'no checksum in its value', input: v2({ rest: [...V4, ...tlv(0x03, [])] }), expect: SUM_FORM },
    {
      name: 'a second checksum',
      input: (() => {
        const bytes = v2({ rest: [...V4, ...tlv(0x03, [0, 0, 0, 0]), ...tlv(0x03, [0, 0, 0, 0])] });
        bytes.writeUInt32BE(crc32c(bytes, 31), 31);
        return bytes;
      })(),
      expect: SUM_FORM,
    },
  ];
  test.each(rows)('$name', ({ input, expect: wanted }) => expect(parsed(input)).toBe(wanted));

  test('any bit flipped under a checksum', () => {
    const good = summed([...V4, ...tlv(0x02, 'cart.shop')]);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // Bit 0 of the command makes it LOCAL, whose rest has no meaning; another type than 3 is no checksum.
      if (bit === 12 * 8 || bit >> 3 === good.length - 7) continue;
      expect(parsed(bytes), `bit ${bit}`).toMatch(/^refused|^partial$/);
    }
  });
});

describe('every byte value', () => {
  /** The values that some header of 232 bytes may have at `at`. */
  const accepted = (at: number): number[] =>
    Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => {
      const bytes = v2({ family: 0x00, rest: UNIX });
      bytes[at] = byte;
      return parsed(bytes).endsWith('bytes') && !parsed(bytes).startsWith('refused');
    });

  test('of the signature', () => {
    const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
    expect(signature.map((_, at) => accepted(at))).toEqual(signature.map((byte) => [byte]));
  });

  test('of version and command', () => expect(accepted(12)).toEqual([0x20, 0x21]));

  test('of family and transport', () => {
    const families = Array.from({ length: 256 }, (_, family) => family).filter(
      (family) => !parsed(v2({ family, length: 216, rest: [] })).startsWith('refused'),
    );
    expect(families).toEqual([0x00, 0x11, 0x21, 0x31]);
  });

  test('of an address', () => {
    for (let byte = 0; byte < 256; byte++) {
      const read = parsed(v2({ rest: [byte, ...V4.slice(1)] }));
      expect(read).toBe(`${byte}.0.2.1 56324 > 198.51.100.9 443, 28 bytes`);
    }
  });

  test('of the type of a value', () => {
    const types = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
      parsed(v2({ rest: [...V4, ...tlv(type, 'abcd')] })).startsWith('refused'),
    );
    expect(types).toEqual([0x03]);
  });
});

test('every beginning is partial until the last byte is there', () => {
  const rest = [...V6, ...tlv(0x02, 'cart.shop')];
  for (const whole of [v2({ family: 0x21, rest }), summed(V4), v2({ command: 0x20, family: 0, rest: [] })])
    for (let end = 0; end < whole.length; end++) expect(parsed(whole.subarray(0, end))).toBe('partial');
});

describe('CRC-32C', () => {
  // RFC 3720 appendix B.4: the same polynomial, with its test values.
  const rows = [
    { name: 'zeros', input: Buffer.alloc(32), expect: 0x8a9136aa },
    { name: 'ones', input: Buffer.alloc(32, 0xff), expect: 0x62a8ab43 },
    { name: 'counting up', input: Buffer.from(Array.from({ length: 32 }, (_, i) => i)), expect: 0x46dd794e },
    { name: 'nothing', input: Buffer.alloc(0), expect: 0 },
    { name: 'digits', input: Buffer.from('123456789'), expect: 0xe3069283 },
  ];
  test.each(rows)('of $name', ({ input, expect: wanted }) => expect(crc32c(input)).toBe(wanted));
});
