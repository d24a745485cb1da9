// Path search: anchors, cross-signing, loops, bounds, algorithms, and the memory of verified leaves.
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import type { CertificateSpec } from '../../../../certs/authority/build-certificate.ts';
import {
  basicConstraints,
  buildCertificate,
  keyUsage,
  nameConstraints,
  subjectAltName,
} from '../../../../certs/authority/build-certificate.ts';
import { createTrustBundle } from '../../../../certs/trust-bundle.ts';
import { parseCertificate } from '../../../../certs/x509/certificate.ts';
import { ID, said, trust, verifierFor, withExtension, withoutExtension } from '../make-certificate.ts';

let ca: Authority;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
});

const verify = (
  chain: readonly Buffer[],
  state = trust(ca),
  purpose: 'client' | 'server' = 'client',
): string => said(verifierFor(state, purpose).verify(chain, Date.now()));

/** The certificate of `subject` signed by `issuer` instead: a cross-signed twin, without a key identifier. */
function crossSign(subject: Authority, issuer: Authority): Buffer {
  const { certificate } = subject;
  return issuer.sign({
    serial: Buffer.of(7),
    issuer: Buffer.from(issuer.certificate.subject, 'latin1'),
    subject: Buffer.from(certificate.subject, 'latin1'),
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
    publicKeySpki: certificate.publicKey.spki,
    extensions: [basicConstraints(issuer.encoder, true, null), keyUsage(issuer.encoder, ['keyCertSign'])],
  });
}

describe('trust anchors', () => {
  test('a self-signed root', async () => {
    expect(verify((await ca.issue({ spiffeId: ID })).chainDer)).toBe('ok');
  });

  test('an intermediate alone in the bundle is an anchor (partial chain)', async () => {
    const middle = await ca.createIntermediate();
    const { chainDer } = await middle.issue({ spiffeId: ID });
    expect(verify(chainDer, trust(['example.org', [middle]]))).toBe('ok');
    expect(verify(chainDer.slice(0, 1), trust(['example.org', [middle]]))).toBe('ok');
    const sibling = await (await ca.createIntermediate()).issue({ spiffeId: ID });
    expect(verify(sibling.chainDer, trust(['example.org', [middle]]))).toMatch(/^untrusted-certificate/);
  });

  test('a root without key usage, as plain openssl makes it', async () => {
    const root = await createAuthority({ trustDomain: 'example.org', adjust: withoutExtension('2.5.29.15') });
    expect(verify((await root.issue({ spiffeId: ID })).chainDer, trust(root))).toBe('ok');
  });

  test('the root sent along changes nothing', async () => {
    const { chainDer } = await ca.issue({ spiffeId: ID });
    expect(verify([...chainDer, ca.certificate.der])).toBe('ok');
  });

  test('two CAs of one name and two keys, with and without key identifiers', async () => {
    const sameName = (spec: CertificateSpec): CertificateSpec => ({
      ...spec,
      subject: Buffer.from(ca.certificate.subject, 'latin1'),
      issuer: Buffer.from(ca.certificate.subject, 'latin1'),
    });
    const noKeyId = (spec: CertificateSpec): CertificateSpec => ({
      ...spec,
      extensions: spec.extensions.filter((x) => x.oid !== '2.5.29.14' && x.oid !== '2.5.29.35'),
    });
    const second = await createAuthority({ trustDomain: 'example.org', adjust: (s) => noKeyId(sameName(s)) });
    const state = trust(['example.org', [ca, second]]);
    expect(verify((await ca.issue({ spiffeId: ID })).chainDer, state)).toBe('ok');
    expect(verify((await second.issue({ spiffeId: ID, adjust: noKeyId })).chainDer, state)).toBe('ok');
    const stranger = await createAuthority({
      trustDomain: 'example.org',
      adjust: (s) => noKeyId(sameName(s)),
    });
    expect(verify((await stranger.issue({ spiffeId: ID, adjust: noKeyId })).chainDer, state)).toMatch(
      /^untrusted-certificate: .* is not signed by /,
    );
  });

  test('constraints of the anchor itself count', async () => {
    const narrow = await createAuthority({
      trustDomain: 'example.org',
      pathLength: 0,
      adjust: withExtension((e) => nameConstraints(e, { permitted: { uris: ['example.org'] } })),
    });
    expect(verify((await narrow.issue({ spiffeId: ID })).chainDer, trust(narrow))).toBe('ok');
    const middle = await narrow.createIntermediate();
    expect(verify((await middle.issue({ spiffeId: ID })).chainDer, trust(narrow))).toMatch(/path length/);
  });
});

describe('cross-signing', () => {
  test('a path over a cross-signed CA is found among dead ends', async () => {
    const old = await createAuthority({ trustDomain: 'example.org' });
    const twin = crossSign(ca, old);
    const { chainDer } = await ca.issue({ spiffeId: ID });
    expect(verify([...chainDer, ca.certificate.der, twin], trust(old))).toBe('ok');
    expect(verify([...chainDer, twin], trust(old))).toBe('ok');
    expect(verify(chainDer, trust(old))).toMatch(/^untrusted-certificate: no path/);
  });

  test('CAs that sign each other end the search', async () => {
    const a = await createAuthority({ trustDomain: 'example.org' });
    const b = await createAuthority({ trustDomain: 'example.org' });
    const loop = [crossSign(a, b), crossSign(b, a)];
    const { chainDer } = await a.issue({ spiffeId: ID });
    expect(verify([...chainDer, ...loop, a.certificate.der, b.certificate.der])).toMatch(
      /^untrusted-certificate/,
    );
  });
});

describe('bounds', () => {
  test.each([
    { cas: 6, expected: 'ok' }, // leaf, six intermediates, root: a path of 8
    { cas: 7, expected: 'untrusted-certificate: no path' },
  ])('$cas intermediates: $expected', async ({ cas, expected }) => {
    let lowest = ca;
    for (let i = 0; i < cas; i++) lowest = await lowest.createIntermediate({ pathLength: null });
    const { chainDer } = await lowest.issue({ spiffeId: ID });
    expect(verify(chainDer).slice(0, expected.length)).toBe(expected);
  });

  test('nine certificates, and more than 64 KiB', async () => {
    const { certificateDer } = await ca.issue({ spiffeId: ID });
    expect(verify(Array<Buffer>(9).fill(certificateDer))).toBe(
      'untrusted-certificate: the chain has more than 8 certificates',
    );
    expect(verify([certificateDer, randomBytes(65_536)])).toBe(
      'untrusted-certificate: the chain is larger than 65536 bytes',
    );
    expect(verify([randomBytes(65_537)])).toBe('untrusted-certificate: the chain is larger than 65536 bytes');
  });

  test('a bundle of 100 CAs of one name stops the search, without an answer of yes', async () => {
    const name = Buffer.from(ca.certificate.subject, 'latin1');
    const certificates = Array.from({ length: 100 }, () => anonymousCa(name));
    const bundle = createTrustBundle('example.org', certificates);
    const { chainDer } = await ca.issue({ spiffeId: ID, adjust: withoutExtension('2.5.29.35') });
    const state = { bundles: new Map([['example.org', bundle]]), crls: new Map() };
    expect(verify(chainDer, state)).toBe('untrusted-certificate: the path search stopped after 64 steps');
  });
});

/** A self-signed CA of the given name, of a new key, without key identifiers. */
function anonymousCa(name: Buffer): ReturnType<typeof parseCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return parseCertificate(
    buildCertificate(
      ca.encoder,
      {
        serial: Buffer.of(1),
        issuer: name,
        subject: name,
        notBeforeMs: Date.now() - 60_000,
        notAfterMs: Date.now() + 60_000,
        publicKeySpki: publicKey.export({ format: 'der', type: 'spki' }),
        extensions: [{ oid: '2.5.29.19', critical: true, value: Buffer.from('30030101ff', 'hex') }],
      },
      { key: privateKey },
    ),
  );
}

describe('algorithms', () => {
  const rsa = (modulusLength: number): KeyObject =>
    generateKeyPairSync('rsa', { modulusLength }).publicKey as KeyObject;
  const ec = (namedCurve: string): KeyObject =>
    generateKeyPairSync('ec', { namedCurve }).publicKey as KeyObject;

  test.each([
    { name: 'RSA 2048', key: () => rsa(2048), expected: 'ok' },
    { name: 'P-384', key: () => ec('secp384r1'), expected: 'ok' },
    { name: 'P-521', key: () => ec('secp521r1'), expected: 'ok' },
    { name: 'RSA 1024', key: () => rsa(1024), expected: 'invalid-svid: it has an RSA key of 1024 bits' },
    { name: 'RSA 2040', key: () => rsa(2040), expected: 'invalid-svid: it has an RSA key of 2040 bits' },
    {
      name: 'RSA with an exponent of 40 bits',
      key: () =>
        createPublicKey({ key: { ...rsa(2048).export({ format: 'jwk' }), e: '_____w8' }, format: 'jwk' }),
      expected: 'invalid-svid: it has an RSA key with an exponent above 32 bits',
    },
    { name: 'P-224', key: () => ec('secp224r1'), expected: 'invalid-svid: it has an EC key on a curve' },
    { name: 'secp256k1', key: () => ec('secp256k1'), expected: 'invalid-svid: it has an EC key on a curve' },
    {
      name: 'Ed448',
      key: () => generateKeyPairSync('ed448').publicKey as KeyObject,
      expected: 'invalid-svid: it has a public key of algorithm 1.3.101.113',
    },
    {
      name: 'X25519',
      key: () => generateKeyPairSync('x25519').publicKey as KeyObject,
      expected: 'invalid-svid: it has a public key of algorithm 1.3.101.110',
    },
  ])('a leaf key of $name', async ({ key, expected }) => {
    const publicKeySpki = key().export({ format: 'der', type: 'spki' });
    const { chainDer } = await ca.issue({ spiffeId: ID, publicKeySpki });
    expect(verify(chainDer).slice(0, expected.length)).toBe(expected);
  });

  test.each([
    { keyType: 'ec', digest: 'sha384', expected: 'ok' },
    { keyType: 'ec', digest: 'sha512', expected: 'ok' },
    {
      keyType: 'ec',
      digest: 'sha1',
      expected: 'invalid-svid: it is signed with algorithm 1.2.840.10045.4.1',
    },
    { keyType: 'rsa', digest: 'sha256', expected: 'ok' },
    { keyType: 'rsa', digest: 'sha384', expected: 'ok' },
    { keyType: 'rsa', digest: 'sha512', expected: 'ok' },
    {
      keyType: 'rsa',
      digest: 'sha1',
      expected: 'invalid-svid: it is signed with algorithm 1.2.840.113549.1.1.5',
    },
    { keyType: 'ed25519', digest: 'sha256', expected: 'ok' },
  ] as const)('signed by $keyType with $digest', async ({ keyType, digest, expected }) => {
    const root = await createAuthority({ trustDomain: 'example.org', keyType });
    let spec: CertificateSpec | undefined;
    await root.issue({ spiffeId: ID, adjust: (s) => (spec = s) });
    if (spec === undefined) throw new Error('no spec');
    const der = buildCertificate(root.encoder, spec, { key: root.signer.key, digest });
    expect(verify([der], trust(root)).slice(0, expected.length)).toBe(expected);
  });

  test('a key that claims another type than the signature', async () => {
    const rsaRoot = await createAuthority({ trustDomain: 'example.org', keyType: 'rsa' });
    let spec: CertificateSpec | undefined;
    await rsaRoot.issue({ spiffeId: ID, adjust: (s) => (spec = s) });
    if (spec === undefined) throw new Error('no spec');
    const der = buildCertificate(ca.encoder, spec, ca.signer);
    expect(verify([der], trust(rsaRoot))).toMatch(/^untrusted-certificate: .* is not signed by /);
  });
});

describe('purpose', () => {
  test('a server with clientAuth only', async () => {
    const eku = { oid: '2.5.29.37', critical: false, value: Buffer.from('300a06082b06010505070302', 'hex') };
    const { chainDer } = await ca.issue({ spiffeId: ID, adjust: withExtension(() => eku) });
    expect(verify(chainDer)).toBe('ok');
    expect(verify(chainDer, trust(ca), 'server')).toMatch(
      /^invalid-svid: extended key usage lacks serverAuth/,
    );
  });
});

describe('memory of verified leaves', () => {
  test('validity is asked again each time', async () => {
    const now = Date.now();
    const { chainDer, notAfterMs } = await ca.issue({ spiffeId: ID, ttlMs: 60_000 });
    const verifier = verifierFor(trust(ca));
    const first = verifier.verify(chainDer, now);
    expect(verifier.verify(chainDer, now)).toBe(first);
    expect(said(verifier.verify(chainDer, now - 120_000))).toMatch(
      /^expired-certificate: .* is not valid before/,
    );
    expect(said(verifier.verify(chainDer, now))).toBe('ok');
    expect(said(verifier.verify(chainDer, notAfterMs + 1000))).toMatch(
      /^expired-certificate: the certificate expired/,
    );
    expect(said(verifier.verify(chainDer, now))).toBe('ok');
  });

  test('the identity ends with the earliest certificate of its path', async () => {
    const middle = await ca.createIntermediate({ ttlMs: 30_000 });
    const late = (spec: CertificateSpec): CertificateSpec => ({
      ...spec,
      notAfterMs: Date.now() + 86_400_000,
    });
    const { chainDer } = await middle.issue({ spiffeId: ID, adjust: late });
    const verdict = verifierFor(trust(ca)).verify(chainDer, Date.now());
    expect(verdict.ok && verdict.identity.notAfterMs).toBe(middle.certificate.notAfterMs);
  });

  test('a remembered intermediate is judged again', async () => {
    const middle = await ca.createIntermediate({ ttlMs: 30_000 });
    const late = (spec: CertificateSpec): CertificateSpec => ({
      ...spec,
      notAfterMs: Date.now() + 86_400_000,
    });
    const verifier = verifierFor(trust(ca));
    const leaf = async (): Promise<readonly Buffer[]> =>
      (await middle.issue({ spiffeId: ID, adjust: late })).chainDer;
    expect(said(verifier.verify(await leaf(), Date.now()))).toBe('ok');
    expect(said(verifier.verify(await leaf(), Date.now() + 31_000))).toMatch(
      /^expired-certificate: `O=example.org/,
    );
    expect(said(verifier.verify((await leaf()).slice(0, 1), Date.now()))).toMatch(
      /^untrusted-certificate: no path/,
    );
  });

  test('a known leaf does not vouch for another with the same ID', async () => {
    const verifier = verifierFor(trust(ca));
    expect(said(verifier.verify((await ca.issue({ spiffeId: ID })).chainDer, Date.now()))).toBe('ok');
    const stranger = await createAuthority({ trustDomain: 'example.org' });
    const forged = await stranger.issue({ spiffeId: ID });
    expect(said(verifier.verify(forged.chainDer, Date.now()))).toMatch(/^untrusted-certificate/);
  });

  test('the forged ID in an adjusted SAN is not remembered as the true one', async () => {
    const verifier = verifierFor(trust(ca));
    const bad = withExtension((e) => subjectAltName(e, { uris: [ID, ID] }));
    const { chainDer } = await ca.issue({ spiffeId: ID, adjust: bad });
    for (let i = 0; i < 3; i++) expect(said(verifier.verify(chainDer, Date.now()))).toMatch(/^invalid-svid/);
  });
});

test('verifying does not load node-forge', () => {
  const script = `
    await import('./certs/verify.ts');
    await import('./certs/files/file-source.ts');
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    process.stdout.write(String(loaded.filter((file) => file.includes('node-forge')).length));`;
  const root = join(import.meta.dirname, '../../../..');
  const args = ['--input-type=module', '--eval', script];
  expect(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })).toBe('0');
});
