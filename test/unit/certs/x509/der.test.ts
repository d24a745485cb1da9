// The DER reader: every form that BER allows and DER does not is refused; mutated certificates never slip
// through.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { type Certificate, parseCertificate } from '../../../../certs/x509/certificate.ts';
import { DerError, DerReader, TAG } from '../../../../certs/x509/der.ts';
import { ID, trust, verifierFor } from '../make-certificate.ts';

const reader = (hex: string): DerReader => new DerReader(Buffer.from(hex, 'hex'));

describe('DerReader accepts', () => {
  test.each([
    { name: 'true', read: () => reader('0101ff').boolean(), expected: true },
    { name: 'false', read: () => reader('010100').boolean(), expected: false },
    { name: 'a small integer', read: () => reader('02020100').smallInteger(), expected: 256 },
    { name: 'zero', read: () => reader('020100').smallInteger(), expected: 0 },
    { name: 'an OID', read: () => reader('0603551d0f').oid(), expected: '2.5.29.15' },
    {
      name: 'an OID with a large arc',
      read: () => reader('060a2b0601040183fcffff7f').oid(),
      expected: '1.3.6.1.4.1.1067450367',
    },
    { name: 'a UUID OID', read: () => reader('0602690f').oid(), expected: '2.25.15' },
    {
      name: 'UTCTime 1950',
      read: () => reader('170d3530303130313030303030305a').time(),
      expected: -631152000000,
    },
    {
      name: 'UTCTime 2049',
      read: () => reader('170d3439313233313233353935395a').time(),
      expected: 2524607999000,
    },
    {
      name: 'leap day',
      read: () => reader('170d3234303232393030303030305a').time(),
      expected: 1709164800000,
    },
    {
      name: 'the end of time',
      read: () => reader('180f39393939313233313233353935395a').time(),
      expected: 253402300799000,
    },
    {
      name: 'a length of two bytes',
      read: () => reader(`0481c8${'00'.repeat(200)}`).content(4).length,
      expected: 200,
    },
  ])('$name', ({ read, expected }) => {
    expect(read()).toBe(expected);
  });
});

describe('DerReader refuses', () => {
  test.each([
    { name: 'nothing', read: () => reader('').raw(TAG.sequence) },
    { name: 'a tag alone', read: () => reader('30').raw(TAG.sequence) },
    { name: 'another tag', read: () => reader('3100').raw(TAG.sequence) },
    { name: 'an indefinite length', read: () => reader('3080020100' + '0000').raw(TAG.sequence) },
    { name: 'a long form below 128', read: () => reader('04810100').content(4) },
    { name: 'a long form with a leading zero', read: () => reader(`048200c8${'00'.repeat(200)}`).content(4) },
    { name: 'a length of four bytes', read: () => reader('0484000000ff').content(4) },
    { name: 'the reserved length ff', read: () => reader('04ff').content(4) },
    { name: 'a length past the end', read: () => reader('040200').content(4) },
    { name: 'a high tag number', read: () => reader('1f8100').any() },
    { name: 'a child past its parent', read: () => reader('30030402ff').enter(TAG.sequence).content(4) },
    { name: 'left-over data', read: () => reader('0500').finish() },
    { name: 'a BOOLEAN of 01', read: () => reader('010101').boolean() },
    { name: 'a BOOLEAN of two bytes', read: () => reader('0102ffff').boolean() },
    { name: 'an empty INTEGER', read: () => reader('0200').integer() },
    { name: 'an INTEGER with a leading 00', read: () => reader('02020001').integer() },
    { name: 'an INTEGER with a leading ff', read: () => reader('0202ff80').integer() },
    { name: 'a negative small INTEGER', read: () => reader('0201ff').smallInteger() },
    { name: 'a small INTEGER of five bytes', read: () => reader('02050100000000').smallInteger() },
    { name: 'an empty OID', read: () => reader('0600').oid() },
    { name: 'an OID cut short', read: () => reader('06025581').oid() },
    { name: 'an OID arc with a leading 80', read: () => reader('060355801d').oid() },
    { name: 'an OID of 65 bytes', read: () => reader(`0641${'01'.repeat(65)}`).oid() },
    { name: 'an empty BIT STRING', read: () => reader('0300').bits() },
    { name: 'eight unused bits', read: () => reader('03020800').bits() },
    { name: 'unused bits of nothing', read: () => reader('030101').bits() },
    { name: 'unused bits that are set', read: () => reader('03020101').bits() },
    { name: 'a key of partial bytes', read: () => reader('03020100').octetAlignedBits() },
    { name: 'a time without seconds', read: () => reader('170b323430313031303030305a').time() },
    { name: 'a time with an offset', read: () => reader('17113234303130313030303030302b30313030').time() },
    { name: 'a time with a fraction', read: () => reader('181132303234303130313030303030302e355a').time() },
    { name: 'a time of letters', read: () => reader('170d3234303130313030303078305a').time() },
    { name: '30 February', read: () => reader('170d3234303233303030303030305a').time() },
    { name: '29 February of 2023', read: () => reader('170d3233303232393030303030305a').time() },
    { name: 'month 13', read: () => reader('170d3234313330313030303030305a').time() },
    { name: 'hour 24', read: () => reader('170d3234303130313234303030305a').time() },
    { name: 'second 60', read: () => reader('170d3234303130313030303036305a').time() },
    { name: 'an integer as time', read: () => reader('020100').time() },
  ])('$name', ({ read }) => {
    expect(read).toThrow(DerError);
  });

  test('thirty thousand nested sequences, without recursion', () => {
    const bomb = Buffer.alloc(65_000, '3080', 'hex');
    expect(() => parseCertificate(bomb)).toThrow(DerError);
  });
});

describe('mutated certificates', () => {
  let ca: Authority;
  let leaf: Buffer;
  let parsed: Certificate;
  beforeAll(async () => {
    ca = await createAuthority({ trustDomain: 'example.org' });
    leaf = (await ca.issue({ spiffeId: ID })).certificateDer;
    parsed = parseCertificate(leaf);
  });

  /** Reads and verifies; an accepted certificate has the signed part unchanged. */
  const check = (der: Buffer): boolean => {
    const verdict = verifierFor(trust(ca)).verify([der], Date.now());
    if (!verdict.ok) return false;
    expect(parseCertificate(der).tbs.equals(parsed.tbs)).toBe(true);
    expect(der.equals(leaf)).toBe(true);
    return true;
  };

  test('every single flipped bit is refused', () => {
    let accepted = 0;
    for (let at = 0; at < leaf.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const copy = Buffer.from(leaf);
        copy[at] = (copy[at] ?? 0) ^ (1 << bit);
        if (check(copy)) accepted++;
      }
    }
    expect(accepted).toBe(0);
  });

  test('every cut, and bytes behind the end', () => {
    for (let length = 0; length < leaf.length; length++) expect(check(leaf.subarray(0, length))).toBe(false);
    expect(check(Buffer.concat([leaf, Buffer.of(0)]))).toBe(false);
    expect(check(leaf)).toBe(true);
  });

  test('an element behind the signature, inside the certificate', () => {
    const longer = Buffer.concat([leaf, Buffer.from('0500', 'hex')]);
    longer.writeUInt16BE(longer.length - 4, 2); // the header is 30 82 and two bytes of length
    expect(() => parseCertificate(longer)).toThrow('data is left over');
  });

  test('random edits, insertions, removals and copied ranges', () => {
    const edit = fc.record({
      kind: fc.constantFrom('set', 'insert', 'remove', 'copy'),
      at: fc.nat(2000),
      length: fc.integer({ min: 1, max: 8 }),
      bytes: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      from: fc.nat(2000),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let der = Buffer.from(leaf);
        for (const { kind, at: position, length, bytes, from } of edits) {
          const at = position % (der.length + 1);
          const chunk =
            kind === 'copy' ? der.subarray(from % der.length).subarray(0, length) : bytes.subarray(0, length);
          const resume = kind === 'insert' ? at : at + length;
          der = Buffer.concat([
            der.subarray(0, at),
            kind === 'remove' ? Buffer.alloc(0) : chunk,
            der.subarray(resume),
          ]);
        }
        check(der); // throws on anything but a verdict
      }),
      { numRuns: 3_000 },
    );
  });
});
