// The wire format of Protocol Buffers, byte by byte: what is skipped, and what is refused.
import { describe, expect, test } from 'vitest';
import { readX509SvidResponse, writeX509SvidResponse } from '../../../../certs/workload-api/messages.ts';
import { MessageError, readMessage, readText, writeField } from '../../../../certs/workload-api/protobuf.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The content of field 1, in the order of the message. */
function fieldOne(message: Buffer): string[] {
  const found: string[] = [];
  readMessage(message, new Map([[1, (content) => found.push(content.toString('hex'))]]));
  return found;
}

const READ: readonly { name: string; message: string; expect: string[] }[] = [
  { name: 'nothing', message: '', expect: [] },
  { name: 'a field', message: '0a 02 abcd', expect: ['abcd'] },
  { name: 'an empty field', message: '0a 00', expect: [''] },
  { name: 'a field that comes twice', message: '0a 01 01 0a 01 02', expect: ['01', '02'] },
  { name: 'an unknown varint', message: '10 ffffffffffffffffff01 0a 01 01', expect: ['01'] },
  { name: 'an unknown fixed64', message: '11 0102030405060708 0a 01 01', expect: ['01'] },
  { name: 'unknown bytes', message: '12 03 0a0a0a 0a 01 01', expect: ['01'] },
  { name: 'an unknown fixed32', message: '15 01020304 0a 01 01', expect: ['01'] },
  { name: 'an unknown group', message: '13 0a0102 1b 08 01 1c 14 0a 01 01', expect: ['01'] },
  { name: 'an empty group', message: '13 14', expect: [] },
  { name: 'a tag and a length that are longer than need be', message: '8a 00 81 00 ff', expect: ['ff'] },
  { name: 'the highest field number', message: 'fa ff ff ff 0f 01 00 0a 01 01', expect: ['01'] },
  { name: 'groups as deep as allowed', message: '13'.repeat(32) + '14'.repeat(32), expect: [] },
];

const REFUSED: readonly { name: string; message: string; says: string }[] = [
  { name: 'a tag alone', message: '0a', says: 'cut short' },
  { name: 'half a tag', message: '8a', says: 'cut short' },
  { name: 'half a length', message: '0a 80', says: 'cut short' },
  { name: 'less than the length', message: '0a 03 0102', says: 'cut short' },
  { name: 'a length of 4 GiB', message: '0a ff ff ff ff 0f', says: 'cut short' },
  {
    name: 'a length of more than 32 bits',
    message: '0a ff ff ff ff 1f',
    says: 'a length has more than 32 bits',
  },
  { name: 'a length of six bytes', message: '0a 80 80 80 80 80 00', says: 'a length has more than 32 bits' },
  { name: 'a tag of more than 32 bits', message: 'fa ff ff ff 7f 00', says: 'a tag has more than 32 bits' },
  { name: 'field 0', message: '02 00', says: 'number 0' },
  { name: 'a varint of eleven bytes', message: `10${'80'.repeat(10)}00`, says: 'more than 64 bits' },
  { name: 'a varint without end', message: '10 8080', says: 'cut short' },
  { name: 'half a fixed64', message: '11 01020304', says: 'cut short' },
  { name: 'half a fixed32', message: '15 0102', says: 'cut short' },
  { name: 'wire type 6', message: '16 00', says: 'wire type 6' },
  { name: 'wire type 7', message: '17 00', says: 'wire type 7' },
  { name: 'the end of a group that never began', message: '14', says: 'wire type 4' },
  { name: 'a group without end', message: '13 0a 00', says: 'has no end' },
  { name: 'the end of another group', message: '13 1c', says: 'stands in group 2' },
  { name: 'groups too deep', message: '13'.repeat(33) + '14'.repeat(33), says: 'too deeply' },
  { name: 'groups without limit', message: '13'.repeat(100_000), says: 'too deeply' },
  { name: 'a known field as a varint', message: '08 01', says: 'another type' },
  { name: 'a known field as a group', message: '0b 0c', says: 'another type' },
];

describe('a message', () => {
  test.each(READ)('$name', ({ message, expect: found }) => expect(fieldOne(hex(message))).toEqual(found));

  test.each(REFUSED)('$name is refused', ({ message, says }) => {
    expect(() => fieldOne(hex(message))).toThrow(MessageError);
    expect(() => fieldOne(hex(message))).toThrow(says);
  });

  test('lengths around every size of a varint', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const content = Buffer.alloc(length, 7);
      expect(fieldOne(writeField(1, content))[0]?.length).toBe(2 * length);
    }
  });
});

test.each([
  ['c3a4', 'ä'],
  ['f09f9880', '😀'],
])('the text %s', (bytes, text) => expect(readText(hex(bytes))).toBe(text));
test.each(['ff', 'c3', 'c0af', 'eda080', 'f4908080'])('the text %s is refused', (bytes) => {
  expect(() => readText(hex(bytes))).toThrow(MessageError);
});

describe('X509SVIDResponse', () => {
  const TOO_MANY: readonly { name: string; message: Buffer; says: string }[] = [
    { name: 'SVIDs', message: Buffer.concat(Array(65).fill(hex('0a 00'))), says: 'more than 64 SVIDs' },
    { name: 'CRLs', message: Buffer.concat(Array(1_025).fill(hex('12 00'))), says: 'more than 1024 CRLs' },
    {
      name: 'bundles',
      message: Buffer.concat(Array.from({ length: 1_025 }, (_, i) => writeField(3, writeField(1, `d${i}`)))),
      says: 'more than 1024 bundles',
    },
  ];
  test.each(TOO_MANY)('too many $name', ({ message, says }) => {
    expect(() => readX509SvidResponse(message)).toThrow(says);
  });

  test('the last of what comes twice counts', () => {
    const twice = Buffer.concat([writeField(1, 'a'), writeField(1, 'b')]);
    const bundle = (der: string): Buffer =>
      writeField(3, Buffer.concat([writeField(1, 'x'), writeField(2, der)]));
    const { svids, federatedBundles } = readX509SvidResponse(
      Buffer.concat([writeField(1, twice), bundle('1'), bundle('2')]),
    );
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['b']);
    expect([...federatedBundles].map(([name, der]) => [name, der.toString()])).toEqual([['x', '2']]);
  });

  test('is read as it was written', () => {
    const svid = { spiffeId: 'a', x509Svid: hex('01'), x509SvidKey: hex('02'), bundle: hex('03'), hint: 'b' };
    const nothing = { ...svid, x509Svid: Buffer.alloc(0), hint: '' };
    const response = {
      svids: [svid, nothing],
      crls: [hex('04'), hex('')],
      federatedBundles: new Map([['', hex('')]]),
    };
    expect(readX509SvidResponse(writeX509SvidResponse(response))).toEqual(response);
  });
});
