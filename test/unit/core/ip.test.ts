// IP text to bytes: net.isIP is the oracle for what is an address at all; ours is stricter only where the row
// says so.
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalIp, formatIp, ipInCidr, parseCidr, parseIp } from '../../../core/ip.ts';

describe('addresses', () => {
  const accepts: [string, string][] = [
    ['0.0.0.0', '0.0.0.0'],
    ['10.0.0.7', '10.0.0.7'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['1::3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::10.0.0.1', '::a00:1'],
  ];
  test.each(accepts)('%s is %s', (text, expected) => {
    expect(isIP(text)).not.toBe(0);
    expect(canonicalIp(text)).toBe(expected);
  });

  const rejects = [
    ...[
      '',
      ' ',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.',
      '.1.2.3',
      '1..2.3',
      '256.0.0.1',
      '1.2.3.1000',
      '01.2.3.4',
    ],
    ...['1.2.3.04', '00.0.0.0', '0x7f.0.0.1', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4/8', '+1.2.3.4', '1.2.3.-4'],
    ...[
      '1e1.0.0.1',
      '١.2.3.4',
      ':',
      ':::',
      '1:::2',
      '1::2::3',
      ':1',
      '1:',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
    ],
    ...[
      '1:2:3:4:5:6:7:8::',
      '::1:2:3:4:5:6:7:8',
      '12345::',
      'g::',
      'fe80::1%eth0',
      '[::1]',
      '::1.2.3',
      '::01.2.3.4',
    ],
    ...['1.2.3.4::', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3.4:5', '::1 ', '0'.repeat(46), '::ffff:1.2.3.4.5'],
  ];
  test.each(rejects)('%j is no address', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  test('every byte value in the middle of an address', () => {
    for (let c = 0; c < 256; c++) {
      const v4 = `1.2${String.fromCharCode(c)}.3.4`;
      const v6 = `1:2${String.fromCharCode(c)}::4`;
      expect(parseIp(v4) !== null, v4).toBe(isIP(v4) === 4);
      expect(parseIp(v6) !== null, v6).toBe(isIP(v6) === 6);
    }
  });

  test('agrees with node:net on generated text and round-trips', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom(...'0123456789abcfF:.'), maxLength: 42 }),
    );
    fc.assert(
      fc.property(address, (text) => {
        const bytes = parseIp(text);
        expect(bytes !== null).toBe(isIP(text) !== 0);
        if (bytes === null) return;
        const again = parseIp(formatIp(bytes));
        expect(again === null ? null : Array.from(again)).toEqual(Array.from(bytes));
      }),
      { numRuns: 5000, verbose: 1 },
    );
  });
});

describe('blocks', () => {
  const rows: { block: string; ip: string; expect: boolean }[] = [
    { block: '10.0.0.0/8', ip: '10.255.0.1', expect: true },
    { block: '10.0.0.0/8', ip: '11.0.0.1', expect: false },
    { block: '10.1.2.3/8', ip: '10.9.9.9', expect: true },
    { block: '10.0.0.7', ip: '10.0.0.7', expect: true },
    { block: '10.0.0.7', ip: '10.0.0.6', expect: false },
    { block: '10.0.0.4/31', ip: '10.0.0.5', expect: true },
    { block: '10.0.0.4/31', ip: '10.0.0.6', expect: false },
    { block: '0.0.0.0/0', ip: '203.0.113.9', expect: true },
    { block: '0.0.0.0/0', ip: '2001:db8::1', expect: false },
    { block: '::/0', ip: '2001:db8::1', expect: true },
    { block: '::/0', ip: '10.0.0.1', expect: false },
    { block: '2001:db8::/33', ip: '2001:db8:7fff::1', expect: true },
    { block: '2001:db8::/33', ip: '2001:db8:8000::1', expect: false },
    { block: '::ffff:10.0.0.0/104', ip: '10.200.0.1', expect: true },
    { block: '::ffff:10.0.0.0/104', ip: '11.0.0.1', expect: false },
    { block: '::ffff:10.0.0.1', ip: '10.0.0.1', expect: true },
    { block: '10.0.0.1', ip: '::ffff:10.0.0.1', expect: true },
  ];
  test.each(rows)('$ip in $block: $expect', (row) => {
    const block = parseCidr(row.block);
    const ip = parseIp(row.ip);
    if (block === null || ip === null) throw new Error('row does not parse');
    expect(ipInCidr(ip, block)).toBe(row.expect);
  });

  test.each([
    ...[
      '',
      '/',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8/8',
      '10.0.0/8',
      '10.0.0.0/ 8',
    ],
    ...[
      '::/129',
      '::/',
      '::ffff:10.0.0.0/95',
      '::ffff:10.0.0.0/8',
      '*',
      '10.*',
      'a.b.c.d/8',
      '10.0.0.0/255.0.0.0',
    ],
  ])('%j is no block', (text) => {
    expect(parseCidr(text)).toBeNull();
  });
});
