// OpenSSL as the foreign oracle: it accepts what we issue, reads it the same way, and we accept what it
// issues.
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import { nameConstraints } from '../../../certs/authority/build-certificate.ts';
import type { KeyType } from '../../../certs/authority/certificate-profile.ts';
import { createTrustBundle } from '../../../certs/trust-bundle.ts';
import { parseCertificate } from '../../../certs/x509/certificate.ts';
import { readPem, writePem } from '../../../certs/x509/pem.ts';
import { ID, said, trust, verifierFor, withExtension } from './make-certificate.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-openssl-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string, content: string): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });

function opensslVerifies(root: Authority, chainPem: string, ...options: readonly string[]): boolean {
  const chain = file('chain.pem', chainPem);
  const ca = file('root.pem', root.certificatePem);
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslclient',
    '-CAfile',
    ca,
    '-untrusted',
    chain,
    ...options,
  ];
  return spawnSync('openssl', [...args, chain], { encoding: 'utf8' }).status === 0;
}

describe('what we issue', () => {
  test.each<KeyType>(['ec', 'rsa', 'ed25519'])(
    'verifies with openssl, two intermediates, %s keys',
    async (keyType) => {
      const root = await createAuthority({ trustDomain: 'example.org', keyType });
      const upper = await root.createIntermediate({ pathLength: 1, keyType });
      const lower = await upper.createIntermediate({ keyType });
      const svid = await lower.issue({ spiffeId: ID, ipAddresses: ['127.0.0.1', '2001:db8::1'], keyType });
      expect(opensslVerifies(root, svid.chainPem)).toBe(true);
      expect(opensslVerifies(await createAuthority({ trustDomain: 'example.org' }), svid.chainPem)).toBe(
        false,
      );
      const text = openssl('x509', '-in', join(dir, 'chain.pem'), '-noout', '-text');
      for (const part of [
        `URI:${ID}`,
        'DNS:web, DNS:web.shop, DNS:web.shop.svc, DNS:localhost',
        'IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1',
        'Key Usage: critical\n                Digital Signature\n',
        'TLS Web Server Authentication, TLS Web Client Authentication',
        'CA:FALSE',
      ])
        expect(text).toContain(part);
    },
  );

  test('a CRL is read and heeded by openssl', async () => {
    const root = await createAuthority({ trustDomain: 'example.org' });
    const svid = await root.issue({ spiffeId: ID });
    const other = await root.issue({ spiffeId: `${ID}2` });
    const crl = file('crl.pem', writePem('X509 CRL', root.issueCrl({ revokedSerials: [svid.serial, '80'] })));
    expect(opensslVerifies(root, other.chainPem, '-crl_check', '-CRLfile', crl)).toBe(true);
    expect(opensslVerifies(root, svid.chainPem, '-crl_check', '-CRLfile', crl)).toBe(false);
  });

  test.each([
    { name: 'permitted', permitted: ['example.org'], expected: true },
    { name: 'another host permitted', permitted: ['b.example'], expected: false },
  ])('URI name constraints: $name', async ({ permitted, expected }) => {
    const root = await createAuthority({
      trustDomain: 'example.org',
      adjust: withExtension((e) => nameConstraints(e, { permitted: { uris: permitted } })),
    });
    const svid = await root.issue({ spiffeId: ID });
    expect(opensslVerifies(root, svid.chainPem)).toBe(expected);
    expect(said(verifierFor(trust(root)).verify(svid.chainDer, Date.now())).startsWith('ok')).toBe(expected);
  });

  test('serials are positive, 20 bytes and different; validity starts a minute ago', async () => {
    const root = await createAuthority({ trustDomain: 'example.org' });
    const serials = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const { serial, certificateDer } = await root.issue({ spiffeId: ID });
      serials.add(serial);
      const x509 = new X509Certificate(certificateDer);
      expect(x509.serialNumber.toLowerCase()).toBe(serial);
      expect(serial).toMatch(/^[4-7][0-9a-f]{39}$/);
      expect(Date.now() - x509.validFromDate.getTime()).toBeGreaterThanOrEqual(60_000);
    }
    expect(serials.size).toBe(50);
  });
});

describe('what openssl issues', () => {
  const config = `
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
subjectAltName = URI:spiffe://example.org
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = URI:${ID},DNS:web
authorityKeyIdentifier = keyid
[two]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
subjectAltName = URI:${ID},URI:spiffe://example.org/other
[plain]
subjectAltName = URI:${ID}
`;

  test.each([
    { name: 'P-256', args: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] },
    { name: 'RSA', args: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] },
    { name: 'Ed25519', args: ['-algorithm', 'ED25519'] },
  ])('$name: read alike, the good one accepted, the bad ones refused', ({ args }) => {
    const cnf = file('openssl.cnf', config);
    for (const key of ['ca.key', 'leaf.key']) openssl('genpkey', ...args, '-out', key);
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      '/O=foreign/CN=CA',
      '-days',
      '2',
      '-config',
      cnf,
      '-extensions',
      'ca',
      '-out',
      'ca.pem',
    );
    openssl('req', '-new', '-key', 'leaf.key', '-subj', '/CN=web', '-config', cnf, '-out', 'leaf.csr');
    const state = {
      bundles: new Map([['example.org', createTrustBundle('example.org', [parsePem('ca.pem')])]]),
      crls: new Map(),
    };
    const verdict = (section: string): string => {
      openssl(
        'x509',
        '-req',
        '-in',
        'leaf.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-days',
        '1',
        '-extfile',
        cnf,
        '-extensions',
        section,
        '-out',
        'leaf.pem',
      );
      return said(verifierFor(state).verify([parsePem('leaf.pem').der], Date.now()));
    };
    expect(verdict('leaf')).toBe('ok');
    const ours = parsePem('leaf.pem');
    const theirs = new X509Certificate(ours.der);
    expect(ours.notAfterMs).toBe(theirs.validToDate.getTime());
    expect(ours.notBeforeMs).toBe(theirs.validFromDate.getTime());
    expect(ours.serial).toBe(theirs.serialNumber.toLowerCase());
    expect(ours.fingerprintSha256).toBe(theirs.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(ours.publicKey.spki.equals(theirs.publicKey.export({ format: 'der', type: 'spki' }))).toBe(true);
    expect(verdict('two')).toBe(
      'invalid-svid: it has 2 URI SANs, a leaf has exactly one (X509-SVID section 2)',
    );
    expect(verdict('plain')).toBe('invalid-svid: it has no key usage (X509-SVID section 4.3)');
  });

  const parsePem = (name: string): ReturnType<typeof parseCertificate> => {
    const [block] = readPem(readFileSync(join(dir, name), 'latin1')).blocks;
    if (block === undefined) throw new Error(`${name} is not PEM`);
    return parseCertificate(block.der);
  };
});
