// The bundle document that is published: what the SPIFFE standards want in it, and nothing else.
import { createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { writeBundleDocument } from '../../../../certs/federation/write-document.ts';

const document = (
  authorities: readonly Authority[],
  sequence: number | bigint = 7,
  refreshHintMs = 300_000,
) =>
  writeBundleDocument({
    rootsDer: authorities.map(({ certificate }) => certificate.der),
    sequence,
    refreshHintMs,
  });

const KINDS = [
  { keyType: 'ec', expect: { kty: 'EC', crv: 'P-256' } },
  { keyType: 'rsa', expect: { kty: 'RSA', e: 'AQAB' } },
  { keyType: 'ed25519', expect: { kty: 'OKP', crv: 'Ed25519' } },
] as const;

test.each(KINDS)('a CA with a key of type $keyType is one entry', async ({ keyType, expect: wanted }) => {
  const ca = await createAuthority({ trustDomain: 'example.org', keyType });
  const { keys } = JSON.parse(document([ca]));
  expect(keys).toEqual([
    expect.objectContaining({
      ...wanted,
      use: 'x509-svid',
      x5c: [ca.certificate.der.toString('base64')],
    }),
  ]);
  expect(keys[0]).not.toHaveProperty('kid'); // X509-SVID section 6.1
  expect(keys[0]).not.toHaveProperty('d');
  const key = createPublicKey({ key: ca.certificate.publicKey.spki, format: 'der', type: 'spki' });
  expect(createPublicKey({ key: keys[0], format: 'jwk' }).equals(key)).toBe(true);
});

test('several roots keep their order, and the same roots give the same text', async () => {
  const roots = await Promise.all([1, 2, 3].map(() => createAuthority({ trustDomain: 'example.org' })));
  const text = document(roots);
  const { keys } = JSON.parse(text);
  expect(keys.map(({ x5c }: { x5c: string[] }) => x5c[0])).toEqual(
    roots.map(({ certificate }) => certificate.der.toString('base64')),
  );
  expect(document(roots)).toBe(text);
});

test.each([
  {
    name: 'small',
    sequence: 1,
    refreshHintMs: 300_000,
    expect: '"spiffe_sequence":1,"spiffe_refresh_hint":300',
  },
  {
    name: 'above 2^53',
    sequence: 18_446_744_073_709_551_615n,
    refreshHintMs: 1_999,
    expect: '"spiffe_sequence":18446744073709551615,"spiffe_refresh_hint":1',
  },
  {
    name: 'below a second',
    sequence: 2,
    refreshHintMs: 10,
    expect: '"spiffe_sequence":2,"spiffe_refresh_hint":1',
  },
])('integers are written whole: $name', ({ sequence, refreshHintMs, expect: wanted }) => {
  expect(document([], sequence, refreshHintMs)).toBe(`{"keys":[],${wanted}}\n`);
});

test('what is no certificate is not published', () => {
  expect(() =>
    writeBundleDocument({ rootsDer: [Buffer.from('no')], sequence: 1, refreshHintMs: 1_000 }),
  ).toThrow();
});
