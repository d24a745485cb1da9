// PKCS#10: every kind of key that an SVID may have, and nothing that is malformed, unsigned or wants more.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  basicConstraints,
  type ExtensionSpec,
  encodeName,
  keyUsage,
  nameConstraints,
  subjectAltName,
} from '../../../../certs/authority/build-certificate.ts';
import { type Asn1, type DerEncoder, loadEncoder } from '../../../../certs/authority/encode-der.ts';
import {
  localCertificateRequest,
  parseCertificateRequest,
  readCertificateRequest,
} from '../../../../certs/issuer/certificate-request.ts';
import { CSR_BYTES_MAX } from '../../../../certs/limits.ts';
import { writePem } from '../../../../certs/x509/pem.ts';
import { codeOf, temporaryFolder, WEB } from './open-test-issuer.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A request from its parts; every part can be wrong. */
interface Spec {
  readonly version?: number;
  readonly spki?: Buffer;
  readonly extensions?: readonly ExtensionSpec[];
  /** Instead of the attributes that `extensions` make. */
  readonly attributes?: (e: DerEncoder, made: readonly Asn1[]) => readonly Asn1[];
  readonly afterAttributes?: (e: DerEncoder) => readonly Asn1[];
  readonly algorithm?: (e: DerEncoder) => Asn1;
  readonly digest?: string | null;
  readonly signer?: KeyObject;
  readonly signature?: (signature: Buffer) => Buffer;
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7';
let e: DerEncoder;
let ec: Pair;
beforeAll(async () => {
  e = await loadEncoder();
  ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
});

const ecdsaSha256 = (encoder: DerEncoder): Asn1 => encoder.sequence([encoder.oid('1.2.840.10045.4.3.2')]);

function extensionRequest(extensions: readonly ExtensionSpec[]): Asn1 {
  const list = extensions.map(({ oid, critical, value }) =>
    e.sequence([e.oid(oid), ...(critical ? [e.boolean(true)] : []), e.octets(value)]),
  );
  return e.sequence([e.oid(EXTENSION_REQUEST), e.set([e.sequence(list)])]);
}

function request(pair: Pair, spec: Spec = {}): Buffer {
  const made = spec.extensions === undefined ? [] : [extensionRequest(spec.extensions)];
  const info = e.sequence([
    e.smallInteger(spec.version ?? 0),
    e.raw(encodeName(e, [['CN', 'web']])),
    e.raw(spec.spki ?? pair.publicKey.export({ format: 'der', type: 'spki' })),
    e.tagged(0, spec.attributes?.(e, made) ?? made),
    ...(spec.afterAttributes?.(e) ?? []),
  ]);
  const digest = spec.digest === undefined ? 'sha256' : spec.digest;
  const signature = sign(digest, e.encode(info), spec.signer ?? pair.privateKey);
  const algorithm = (spec.algorithm ?? ecdsaSha256)(e);
  return e.encode(e.sequence([info, algorithm, e.bits(spec.signature?.(signature) ?? signature)]));
}

describe('accepted', () => {
  const rows: { name: string; pair: () => Pair; spec: Spec; key: string }[] = [
    { name: 'P-256', pair: () => ec, spec: {}, key: 'EC P-256' },
    {
      name: 'P-384',
      pair: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      spec: { digest: 'sha384', algorithm: (x) => x.sequence([x.oid('1.2.840.10045.4.3.3')]) },
      key: 'EC P-384',
    },
    {
      name: 'RSA-2048',
      pair: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
      spec: { algorithm: (x) => x.sequence([x.oid('1.2.840.113549.1.1.11'), x.null()]) },
      key: 'RSA 2048',
    },
    {
      name: 'Ed25519',
      pair: () => generateKeyPairSync('ed25519'),
      spec: { digest: null, algorithm: (x) => x.sequence([x.oid('1.3.101.112')]) },
      key: 'Ed25519',
    },
  ];
  test.each(rows)('$name', ({ pair, spec, key }) => {
    expect(parseCertificateRequest(request(pair(), spec))).toMatchObject({
      publicKey: { text: key },
      uri: null,
    });
  });

  test('the URI is read, other wishes have no effect', () => {
    const extensions = [
      subjectAltName(e, { uris: [WEB], dnsNames: ['evil.example'] }),
      keyUsage(e, ['digitalSignature']),
      basicConstraints(e, false, null),
    ];
    const read = parseCertificateRequest(request(ec, { extensions }));
    expect(Object.keys(read).sort()).toEqual(['publicKey', 'uri']);
    expect(read.uri).toBe(WEB);
  });

  test('other attributes are passed over', () => {
    const challenge = e.sequence([e.oid(CHALLENGE_PASSWORD), e.set([e.utf8('x')])]);
    const attributes: Spec['attributes'] = (_, made) => [challenge, ...made];
    expect(parseCertificateRequest(request(ec, { attributes })).uri).toBeNull();
  });

  test('PEM, old PEM and base64', () => {
    const der = request(ec);
    for (const text of [
      writePem('CERTIFICATE REQUEST', der),
      `prose\n${writePem('NEW CERTIFICATE REQUEST', der)}`,
      der.toString('base64'),
      `\n${der.toString('base64')}\n`,
    ])
      expect(codeOf(() => readCertificateRequest(text))).toBe('ok');
  });

  test('what openssl writes', () => {
    const folder = temporaryFolder();
    const configuration = '[req]\ndistinguished_name=dn\n[dn]\n';
    writeFileSync(join(folder, 'c.cnf'), configuration);
    for (const [algorithm, ...more] of [
      ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ['rsa:2048'],
      ['ed25519'],
    ] as const) {
      const key = ['req', '-new', '-nodes', '-newkey', algorithm, ...more, '-keyout', join(folder, 'k.pem')];
      const rest = [
        '-subj',
        '/CN=web',
        '-addext',
        `subjectAltName=URI:${WEB}`,
        '-config',
        join(folder, 'c.cnf'),
      ];
      const pem = execFileSync('openssl', [...key, ...rest], { encoding: 'utf8', stdio: 'pipe' });
      expect(readCertificateRequest(pem).uri).toBe(WEB);
    }
  });
});

describe('refused', () => {
  const san = (): ExtensionSpec => subjectAltName(e, { uris: [WEB] });
  const rows: { name: string; der: () => Buffer; says: string }[] = [
    { name: 'nothing', der: () => Buffer.alloc(0), says: 'cut short' },
    { name: 'bytes behind', der: () => Buffer.concat([request(ec), Buffer.of(0)]), says: 'left over' },
    { name: 'too many bytes', der: () => Buffer.alloc(CSR_BYTES_MAX + 1, 0x30), says: 'larger than' },
    { name: 'version 2', der: () => request(ec, { version: 1 }), says: 'unknown version' },
    {
      name: 'the signature of another key',
      der: () => request(ec, { signer: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }),
      says: 'not signed by its own key',
    },
    {
      name: 'no signature',
      der: () => request(ec, { signature: () => Buffer.alloc(0) }),
      says: 'not signed',
    },
    {
      name: 'the key of another',
      der: () =>
        request(ec, {
          spki: generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }),
        }),
      says: 'not signed',
    },
    {
      name: 'SHA-1',
      der: () => request(ec, { digest: 'sha1', algorithm: (x) => x.sequence([x.oid('1.2.840.10045.4.1')]) }),
      says: 'algorithm 1.2.840.10045.4.1, which is not accepted',
    },
    {
      name: 'another digest than it says',
      der: () => request(ec, { digest: 'sha384' }),
      says: 'not signed by its own key',
    },
    {
      name: 'parameters of ECDSA',
      der: () => request(ec, { algorithm: (x) => x.sequence([x.oid('1.2.840.10045.4.3.2'), x.null()]) }),
      says: 'left over',
    },
    {
      name: 'RSA-1024',
      der: () =>
        request(generateKeyPairSync('rsa', { modulusLength: 1024 }), {
          algorithm: (x) => x.sequence([x.oid('1.2.840.113549.1.1.11'), x.null()]),
        }),
      says: 'an RSA key of 1024 bits',
    },
    {
      name: 'secp256k1',
      der: () => request(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
      says: 'a curve other than',
    },
    {
      name: 'a point that is not on the curve',
      der() {
        const spki = Buffer.from(ec.publicKey.export({ format: 'der', type: 'spki' }));
        spki[spki.length - 1] = (spki[spki.length - 1] ?? 0) ^ 1;
        return request(ec, { spki });
      },
      says: 'no uncompressed point of P-256',
    },
    {
      name: 'a CA',
      der: () => request(ec, { extensions: [basicConstraints(e, true, null)] }),
      says: 'asks for a CA certificate',
    },
    {
      name: 'the key usage of a CA',
      der: () => request(ec, { extensions: [keyUsage(e, ['digitalSignature', 'keyCertSign'])] }),
      says: 'the key usage of a CA',
    },
    {
      name: 'signing CRLs',
      der: () => request(ec, { extensions: [keyUsage(e, ['cRLSign'])] }),
      says: 'the key usage of a CA',
    },
    {
      name: 'name constraints',
      der: () => request(ec, { extensions: [nameConstraints(e, { permitted: { uris: ['.a'] } })] }),
      says: 'name constraints',
    },
    {
      name: 'a critical extension that nobody knows',
      der: () => request(ec, { extensions: [{ oid: '1.2.3', critical: true, value: Buffer.of(5, 0) }] }),
      says: 'critical extension 1.2.3',
    },
    {
      name: 'two URIs',
      der: () => request(ec, { extensions: [subjectAltName(e, { uris: [WEB, WEB] })] }),
      says: 'more than one URI',
    },
    {
      name: 'an extension twice',
      der: () => request(ec, { extensions: [san(), san()] }),
      says: 'comes twice',
    },
    {
      name: 'a thousand DNS names',
      der: () =>
        request(ec, {
          extensions: [subjectAltName(e, { dnsNames: Array.from({ length: 1_025 }, () => 'a') })],
        }),
      says: 'more than 1024 names',
    },
    {
      name: 'two lists of extensions',
      der: () => request(ec, { extensions: [san()], attributes: (_, made) => [...made, ...made] }),
      says: 'twice',
    },
    {
      name: 'a list of extensions with two values',
      der: () =>
        request(ec, {
          attributes: (x) => [
            x.sequence([x.oid(EXTENSION_REQUEST), x.set([x.sequence([]), x.sequence([])])]),
          ],
        }),
      says: 'left over',
    },
    {
      name: 'an empty list of extensions',
      der: () => request(ec, { extensions: [] }),
      says: 'missing',
    },
    {
      name: 'seventeen attributes',
      der: () =>
        request(ec, {
          attributes: (x) =>
            Array.from({ length: 17 }, (_, i) => x.sequence([x.oid(`1.2.${i + 3}`), x.set([x.null()])])),
        }),
      says: 'more than 16 attributes',
    },
    {
      name: 'something behind the attributes',
      der: () => request(ec, { afterAttributes: (x) => [x.null()] }),
      says: 'left over',
    },
  ];
  test.each(rows)('$name', ({ der, says }) => {
    const bytes = der();
    expect(() => parseCertificateRequest(bytes)).toThrow(says);
    expect(codeOf(() => parseCertificateRequest(bytes))).toBe('ERR_ISSUER_CSR');
  });

  test.each([
    { name: 'no text', text: () => '', says: 'neither PEM nor base64' },
    { name: 'a novel', text: () => 'x'.repeat(CSR_BYTES_MAX * 2 + 1), says: 'longer than' },
    {
      name: 'base64 with a gap',
      text: () => request(ec).toString('base64').replace('A', 'A '),
      says: 'neither',
    },
    { name: 'base64url', text: () => `${request(ec).toString('base64').slice(0, -4)}-_-_`, says: 'neither' },
    { name: 'a certificate', text: () => writePem('CERTIFICATE', request(ec)), says: 'of another kind' },
    {
      name: 'two requests',
      text: () => writePem('CERTIFICATE REQUEST', request(ec)).repeat(2),
      says: 'other PEM blocks',
    },
    {
      name: 'half a PEM',
      text: () => writePem('CERTIFICATE REQUEST', request(ec)).slice(0, 80),
      says: 'line 1',
    },
  ])('as text: $name', ({ text, says }) => {
    expect(() => readCertificateRequest(text())).toThrow(says);
  });

  test('a key of this process that an SVID may not have', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    expect(codeOf(() => localCertificateRequest(spki))).toBe('ERR_ISSUER_CSR');
  });
});

test('every other byte in every position is refused: all is signed, or is the signature', () => {
  const der = request(ec, { extensions: [subjectAltName(e, { uris: [WEB] })] });
  let accepted = 0;
  for (let at = 0; at < der.length; at++)
    for (let value = 0; value < 256; value++) {
      if (value === der[at]) continue;
      const changed = Buffer.from(der);
      changed[at] = value;
      if (codeOf(() => parseCertificateRequest(changed)) === 'ok') accepted++;
    }
  expect(accepted).toBe(0);
}, 60_000);
