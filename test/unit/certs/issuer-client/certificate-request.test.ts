// Certificate requests, judged by OpenSSL, and the one file of DER that they are written with.
import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  certificateRequest,
  generateKey,
  REQUEST_KEY_TYPES,
} from '../../../../certs/issuer-client/certificate-request.ts';
import { DerReader, TAG } from '../../../../certs/x509/der.ts';
import { bitString, element, objectIdentifier } from '../../../../certs/x509/write-der.ts';
import { ID } from '../make-certificate.ts';

const openssl = (der: Buffer, ...args: string[]): { code: number | null; text: string } => {
  const run = spawnSync('openssl', ['req', '-inform', 'der', '-noout', ...args], { input: der });
  return { code: run.status, text: run.stdout.toString() + run.stderr.toString() };
};

describe.each(REQUEST_KEY_TYPES)('a request of key %s', (type) => {
  test.each([
    { name: 'without an ID', spiffeId: null },
    { name: 'with an ID', spiffeId: ID },
  ])('$name is what OpenSSL verifies', async ({ spiffeId }) => {
    const key = await generateKey(type);
    const der = certificateRequest(key, spiffeId);
    const { code, text } = openssl(der, '-verify', '-text');
    expect({ code, text }).toMatchObject({ code: 0 });
    expect(text).toContain('verify OK');
    expect(text).toMatch(/Subject: *\n/);
    if (spiffeId === null) expect(text).not.toContain('Subject Alternative Name');
    else expect(text).toMatch(new RegExp(`Subject Alternative Name: critical\\n *URI:${spiffeId}\n`));
    const publicKey = openssl(der, '-pubkey').text;
    expect(createPublicKey(publicKey).equals(createPublicKey(key))).toBe(true);
  });

  test('changed in any of its last bytes is refused', async () => {
    const der = certificateRequest(await generateKey(type), ID);
    for (const back of [1, 2, 9]) {
      const changed = Buffer.from(der);
      changed[changed.length - back] = (changed[changed.length - back] ?? 0) ^ 1;
      expect(openssl(changed, '-verify').text).not.toContain('verify OK');
    }
  });
});

test('two keys are never the same', async () => {
  const [one, two] = await Promise.all([generateKey('ec-p256'), generateKey('ec-p256')]);
  expect(one.equals(two)).toBe(false);
});

describe('DER as it is written, read back by the strict reader', () => {
  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000])('an element of %i bytes', (length) => {
    const content = Buffer.alloc(length, 7);
    expect(new DerReader(element(TAG.octetString, content)).content(TAG.octetString)).toEqual(content);
  });

  test.each([
    { arcs: [2, 5, 29, 17], text: '2.5.29.17' },
    { arcs: [1, 2, 840, 113549, 1, 1, 11], text: '1.2.840.113549.1.1.11' },
    { arcs: [1, 3, 101, 112], text: '1.3.101.112' },
    { arcs: [0, 0, 127, 128, 16_383, 16_384, 2_147_483_647], text: '0.0.127.128.16383.16384.2147483647' },
    { arcs: [2, 999, 1], text: '2.999.1' },
  ])('the OID $text', ({ arcs: [first = 0, second = 0, ...rest], text }) => {
    expect(new DerReader(objectIdentifier(first, second, ...rest)).oid()).toBe(text);
  });

  test('a bit string', () => {
    expect(new DerReader(bitString(Buffer.of(1, 2))).octetAlignedBits()).toEqual(Buffer.of(1, 2));
  });
});
