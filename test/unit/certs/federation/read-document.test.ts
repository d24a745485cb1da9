// Bundle documents of partners: what is taken, what is ignored, and what is refused with which place.
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { basicConstraints, keyUsage } from '../../../../certs/authority/build-certificate.ts';
import { readBundleDocument } from '../../../../certs/federation/read-document.ts';
import { writeBundleDocument } from '../../../../certs/federation/write-document.ts';
import { Findings } from '../../../../certs/read-files.ts';
import { formatDiagnostic } from '../../../../core/errors.ts';

const TD = 'partner.example';
const FILE = 'https://partner.example/bundle.json';

type Jwk = Record<string, unknown>;

let ca: Authority;
let second: Authority;
let rsa: Authority;
let leafDer: Buffer;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: TD });
  second = await createAuthority({ trustDomain: TD });
  rsa = await createAuthority({ trustDomain: TD, keyType: 'rsa' });
  leafDer = (await ca.issue({ spiffeId: `spiffe://${TD}/x` })).certificateDer;
});

const jwkOf = (authority: Authority): Jwk =>
  JSON.parse(
    writeBundleDocument({ rootsDer: [authority.certificate.der], sequence: 1, refreshHintMs: 1_000 }),
  ).keys[0];
const without = (jwk: Jwk, ...names: string[]): Jwk =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)));
const document = (keys: unknown, rest: Jwk = {}): string => JSON.stringify({ keys, ...rest });

function read(text: string | Buffer, nowMs = Date.now()) {
  const findings = new Findings();
  const result = readBundleDocument(TD, { file: FILE, bytes: Buffer.from(text) }, nowMs, findings);
  return {
    result,
    said: findings.list.map((finding) => formatDiagnostic(finding).split('\n')[0] ?? ''),
    anchors: result?.bundle.anchors.map((anchor) => anchor.der) ?? null,
  };
}

describe('what is taken', () => {
  test.each(['ec', 'rsa', 'ed25519'] as const)('what the writer writes: %s', async (keyType) => {
    const authority = await createAuthority({ trustDomain: TD, keyType });
    const rootsDer = [authority.certificate.der, ca.certificate.der];
    const { result, said, anchors } = read(
      writeBundleDocument({ rootsDer, sequence: 18_446_744_073_709_551_615n, refreshHintMs: 60_000 }),
    );
    expect({ said, anchors }).toEqual({ said: [], anchors: rootsDer });
    expect(result).toMatchObject({
      bundle: { trustDomain: TD },
      sequence: 18_446_744_073_709_551_615n,
      refreshHintMs: 60_000,
    });
  });

  interface Row {
    readonly name: string;
    readonly make: () => string;
    readonly anchors: () => readonly Authority[];
    readonly said?: string;
  }
  const ROWS: readonly Row[] = [
    { name: 'neither sequence nor hint', make: () => document([jwkOf(ca)]), anchors: () => [ca] },
    {
      name: 'no key parameters',
      make: () => document([without(jwkOf(ca), 'crv', 'x', 'y')]),
      anchors: () => [ca],
    },
    {
      name: 'a kid, which publishers must not set',
      make: () => document([{ ...jwkOf(ca), kid: 'a' }]),
      anchors: () => [ca],
    },
    {
      name: 'members that are not known',
      make: () => document([{ ...jwkOf(ca), alg: 5, n: null }], { x: [{}] }),
      anchors: () => [ca],
    },
    { name: 'the same CA twice', make: () => document([jwkOf(ca), jwkOf(ca)]), anchors: () => [ca] },
    {
      name: 'keys for JWT-SVIDs beside it',
      make: () => document([{ use: 'jwt-svid', kty: 'EC', kid: 'a' }, jwkOf(ca)]),
      anchors: () => [ca],
    },
    {
      name: 'a use that is not known',
      make: () => document([{ use: 'X509-SVID', x5c: 1 }, jwkOf(ca)]),
      anchors: () => [ca],
    },
    {
      name: 'a key without use',
      make: () => document([without(jwkOf(second), 'use'), jwkOf(ca)]),
      anchors: () => [ca],
      said: '#/keys/0: warning: the key is ignored: it has no `use`',
    },
    {
      name: 'a kty that is not known',
      make: () => document([jwkOf(ca), { ...jwkOf(second), kty: 'AKP' }]),
      anchors: () => [ca],
      said: '#/keys/1/kty: warning: the key is ignored',
    },
    {
      name: 'no x5c',
      make: () => document([jwkOf(ca), without(jwkOf(second), 'x5c')]),
      anchors: () => [ca],
      said: '#/keys/1/x5c: warning: the key is ignored',
    },
    {
      name: 'an empty x5c',
      make: () => document([{ ...jwkOf(second), x5c: [] }, jwkOf(ca)]),
      anchors: () => [ca],
      said: '#/keys/0/x5c: warning: the key is ignored',
    },
    {
      name: 'a second certificate in x5c',
      make: () =>
        document([{ ...jwkOf(ca), x5c: [...[ca, second].map((a) => a.certificate.der.toString('base64'))] }]),
      anchors: () => [ca],
      said: '#/keys/0/x5c/1: warning: all but the first certificate is ignored',
    },
    {
      name: 'no key at all',
      make: () => document([]),
      anchors: () => [],
      said: '#/keys: warning: the bundle of `partner.example` has no CA certificate',
    },
    {
      name: 'keys for JWT-SVIDs alone',
      make: () => document([{ use: 'jwt-svid' }]),
      anchors: () => [],
      said: '#/keys: warning: the bundle',
    },
  ];
  test.each(ROWS)('$name', ({ make, anchors, said }) => {
    const got = read(make());
    expect(got.anchors).toEqual(anchors().map((authority) => authority.certificate.der));
    if (said === undefined) expect(got.said).toEqual([]);
    else expect(got.said[0]).toContain(FILE + said);
  });

  test('a CA that expired is kept, and verifies nothing', () => {
    const { anchors, said } = read(document([jwkOf(ca)]), ca.certificate.notAfterMs);
    expect(anchors).toHaveLength(1);
    expect(said[0]).toContain('LINT_BUNDLE_EXPIRED');
  });
});

describe('what is refused', () => {
  const mine = (change: Jwk): string => document([jwkOf(second), { ...jwkOf(ca), ...change }]);
  const base64 = (der: Buffer): string => der.toString('base64');
  const rows: readonly { name: string; make: () => string | Buffer; said: string }[] = [
    { name: 'no document', make: () => '', said: ':1:1: error: the text ends' },
    { name: 'an HTML page', make: () => '<html>', said: ':1:1: error: a value is expected, not `<`' },
    { name: 'a cut document', make: () => document([jwkOf(ca)]).slice(0, 200), said: ':1:' },
    { name: 'an array', make: () => '[]', said: ':1:1: error: the document is an array, not an object' },
    { name: 'null', make: () => 'null', said: ':1:1: error: the document is null' },
    { name: 'no keys', make: () => '{}', said: '#/keys: error: `keys` is missing' },
    {
      name: 'keys that are null',
      make: () => document(null),
      said: '#/keys: error: `keys` is null, not an array',
    },
    { name: 'keys that are an object', make: () => document({}), said: '#/keys: error: `keys` is an object' },
    {
      name: 'a key that is a string',
      make: () => document(['x']),
      said: '#/keys/0: error: the key is a string',
    },
    {
      name: 'two members `keys`',
      make: () => '{"keys":[],"keys":[]}',
      said: ':1:12: error: the member `keys` is there twice',
    },
    {
      name: 'two members `use`',
      make: () => '{"keys":[{"use":"jwt-svid","use":"x509-svid"}]}',
      said: ':1:28: error: the member `use`',
    },
    {
      name: 'a use that is a number',
      make: () => mine({ use: 1 }),
      said: '#/keys/1/use: error: `use` is a number',
    },
    {
      name: 'no kty',
      make: () => document([without(jwkOf(ca), 'kty')]),
      said: '#/keys/0/kty: error: `kty` is missing',
    },
    {
      name: 'a kty that is null',
      make: () => mine({ kty: null }),
      said: '#/keys/1/kty: error: `kty` is null',
    },
    {
      name: 'a kty of another key',
      make: () => mine({ kty: 'RSA' }),
      said: '#/keys/1/kty: error: `kty` is not that of',
    },
    {
      name: 'a crv of another key',
      make: () => mine({ crv: 'P-384' }),
      said: '#/keys/1/crv: error: `crv` is not that of',
    },
    {
      name: 'an x of another key',
      make: () => mine({ x: jwkOf(second)['x'] }),
      said: '#/keys/1/x: error: `x` is not that',
    },
    { name: 'a y that is a number', make: () => mine({ y: 5 }), said: '#/keys/1/y: error: `y` is not that' },
    {
      name: 'an n of another key',
      make: () => document([{ ...jwkOf(rsa), n: 'AQAB' }]),
      said: '#/keys/0/n: error: `n`',
    },
    {
      name: 'an e of another key',
      make: () => document([{ ...jwkOf(rsa), e: 'Aw' }]),
      said: '#/keys/0/e: error: `e`',
    },
    {
      name: 'the private key',
      make: () => mine({ d: 'AA' }),
      said: '#/keys/1/d: error: the key is published with',
    },
    {
      name: 'an x5c that is a string',
      make: () => mine({ x5c: 'AA' }),
      said: '#/keys/1/x5c: error: `x5c` is a string',
    },
    {
      name: 'a certificate that is a number',
      make: () => mine({ x5c: [1] }),
      said: '#/keys/1/x5c/0: error: the certificate is a number',
    },
    {
      name: 'an empty certificate',
      make: () => mine({ x5c: [''] }),
      said: '#/keys/1/x5c/0: error: the certificate is not base64',
    },
    {
      name: 'base64url',
      make: () => mine({ x5c: ['MIIB-_'] }),
      said: '#/keys/1/x5c/0: error: the certificate is not base64',
    },
    {
      name: 'base64 with a newline',
      make: () => mine({ x5c: [`${base64(ca.certificate.der)}\n`] }),
      said: '#/keys/1/x5c/0: error: the certificate is not base64',
    },
    {
      name: 'PEM',
      make: () => mine({ x5c: [ca.certificatePem] }),
      said: '#/keys/1/x5c/0: error: the certificate is not base64',
    },
    {
      name: 'what is no certificate',
      make: () => mine({ x5c: ['AAAA'] }),
      said: '#/keys/1/x5c/0:1:1: error: the certificate cannot be read',
    },
    {
      name: 'something behind the certificate',
      make: () => mine({ x5c: [base64(Buffer.concat([ca.certificate.der, Buffer.of(0)]))] }),
      said: '#/keys/1/x5c/0:1:1: error: the certificate cannot be read',
    },
    {
      name: 'a leaf',
      make: () => document([{ use: 'x509-svid', kty: 'EC', x5c: [base64(leafDer)] }]),
      said: '#/keys/0/x5c/0: error: ',
    },
    {
      name: 'a sequence that is a string',
      make: () => document([], { spiffe_sequence: '1' }),
      said: '#/spiffe_sequence: error: `spiffe_sequence` is a string',
    },
    {
      name: 'a sequence below 0',
      make: () => document([], { spiffe_sequence: -1 }),
      said: '#/spiffe_sequence: error: `spiffe_sequence` is `-1`',
    },
    {
      name: 'half a sequence',
      make: () => document([], { spiffe_sequence: 1.5 }),
      said: '#/spiffe_sequence: error: `spiffe_sequence` is `1.5`',
    },
    {
      name: 'a sequence with an exponent',
      make: () => '{"keys":[],"spiffe_sequence":1e3}',
      said: '#/spiffe_sequence: error: `spiffe_sequence` is `1e3`',
    },
    {
      name: 'a sequence above 64 bits',
      make: () => '{"keys":[],"spiffe_sequence":18446744073709551616}',
      said: '#/spiffe_sequence: error: ',
    },
    {
      name: 'a sequence of a thousand digits',
      make: () => `{"keys":[],"spiffe_sequence":${'9'.repeat(1_000)}}`,
      said: `#/spiffe_sequence: error: \`spiffe_sequence\` is \`${'9'.repeat(40)}\`,`,
    },
    {
      name: 'a hint that is null',
      make: () => document([], { spiffe_refresh_hint: null }),
      said: '#/spiffe_refresh_hint: error: `spiffe_refresh_hint` is null',
    },
    {
      name: 'a hint below 0',
      make: () => document([], { spiffe_refresh_hint: -5 }),
      said: '#/spiffe_refresh_hint: error: ',
    },
    {
      name: '10,000 keys',
      make: () => document(Array.from({ length: 10_000 }, () => ({}))),
      said: '#/keys: error: `keys` has 10000 entries, at most 1024',
    },
    {
      name: '10,000 keys with members',
      make: () => document(Array.from({ length: 10_000 }, () => ({ a: 1, b: 2 }))),
      said: ':1:',
    },
    {
      name: 'deep nesting',
      make: () => `{"keys":[],"x":${'['.repeat(1_000)}`,
      said: ':1:31: error: more than 16 levels',
    },
    {
      name: 'more than a mebibyte',
      make: () => ' '.repeat(1_048_577),
      said: ': error: the document is larger than 1048576 bytes',
    },
  ];
  test.each(rows)('$name', ({ make, said }) => {
    const got = read(make());
    expect(got.result).toBeNull();
    expect(got.said.find((line) => line.includes(': error: '))).toContain(FILE + said);
  });

  test('a key that OpenSSL cannot use, in the shape of a CA', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const publicKeySpki = publicKey.export({ format: 'der', type: 'spki' });
    publicKeySpki.subarray(-64).fill(0xff); // a point that is not on the curve
    const broken = await createAuthority({ trustDomain: TD, adjust: (spec) => ({ ...spec, publicKeySpki }) });
    const x5c = [broken.certificate.der.toString('base64')];
    const got = read(document([{ use: 'x509-svid', kty: 'EC', x5c }]));
    expect(got.result).toBeNull();
    expect(got.said).toEqual([
      expect.stringMatching(/#\/keys\/0\/x5c\/0: error: .*\[ERR_BUNDLE_CERTIFICATE\]$/),
    ]);
  });

  test('every fault is told, not the first alone', () => {
    const text = document(['x', { ...jwkOf(ca), d: 'A' }, { ...jwkOf(ca), x5c: 1 }], {
      spiffe_sequence: true,
    });
    expect(read(text).said).toHaveLength(4);
  });

  test('257 roots', async () => {
    // One signature is as good as another here: 257 certificates that differ in their serial number.
    const keys = Array.from({ length: 257 }, (_, i) => {
      const serial = Buffer.from([0x40, i >> 8, i & 0xff]);
      return { use: 'x509-svid', kty: 'EC', x5c: [ca.sign(specOf(ca, serial)).toString('base64')] };
    });
    expect(read(document(keys)).said).toEqual([
      expect.stringContaining(`${FILE}#/keys: error: 257 CA certificates, at most 256`),
    ]);
    expect(read(document(keys.slice(1))).result?.bundle.anchors).toHaveLength(256);
  });
});

const specOf = (authority: Authority, serial: Buffer) => ({
  serial,
  issuer: Buffer.from(authority.certificate.subject, 'latin1'),
  subject: Buffer.from(authority.certificate.subject, 'latin1'),
  notBeforeMs: authority.certificate.notBeforeMs,
  notAfterMs: authority.certificate.notAfterMs,
  publicKeySpki: authority.certificate.publicKey.spki,
  extensions: [basicConstraints(authority.encoder, true, null), keyUsage(authority.encoder, ['keyCertSign'])],
});
