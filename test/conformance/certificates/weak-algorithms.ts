// Keys and signatures that are not accepted: weak, unusual, or not what they say (certs/x509/algorithms.ts;
// RFC 3279, RFC 4055, RFC 5480, RFC 5758, RFC 8410).
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createAuthority } from '../../../certs/authority/authority.ts';
import type { KeyType } from '../../../certs/authority/certificate-profile.ts';
import { bits, type Change, children, integer, NULL, oid, rework, sequence, tlv } from './der-parts.ts';
import { leaf, type Row, rooted, type Sample } from './sample.ts';

const KEYS = 'accepted algorithms (NIST SP 800-131A, RFC 5480)';
const SIGNATURES = 'accepted algorithms (RFC 4055, RFC 5758, RFC 8410)';
const RSA = '1.2.840.113549.1.1.1';
const EC = '1.2.840.10045.2.1';
const P256 = '1.2.840.10045.3.1.7';
const SHA256_RSA = '1.2.840.113549.1.1.11';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

const bad = (what: string, section: string, make: Row['make'], expect = 'invalid-svid: '): Row => ({
  name: what,
  section,
  make,
  expect,
});

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

/** A leaf with another public key; its owner still holds the first one. */
const withKey = (spki: () => Buffer): Row['make'] => leaf(() => ({ spki: spki() }));
/** A leaf with the key of this kind, which its owner holds. */
const withPair =
  (pair: () => { publicKey: KeyObject; privateKey: KeyObject }): Row['make'] =>
  async (cast) => {
    const { publicKey, privateKey } = pair();
    const { chain } = await leaf(() => ({ spki: spkiOf(publicKey) }))(cast);
    return { chain, key: privateKey };
  };

const curve = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve });
const rsa =
  (modulusLength: number, publicExponent = 0x10001) =>
  () =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent });

const rsaKey = (modulus: Buffer, exponent: Buffer, parameters = NULL): Buffer =>
  sequence(sequence(oid(RSA), parameters), bits(sequence(tlv(0x02, modulus), tlv(0x02, exponent))));
const MODULUS = Buffer.concat([Buffer.of(0, 0xc1), Buffer.alloc(254, 0x5a), Buffer.of(0x5b)]);
const F4 = Buffer.of(1, 0, 1);
const ecKey = (point: Buffer, parameters = oid(P256)): Buffer =>
  sequence(sequence(oid(EC), parameters), bits(point));
const ed25519 = (key: Buffer, parameters: Buffer = Buffer.alloc(0)): Buffer =>
  sequence(sequence(oid('1.3.101.112'), parameters), bits(key));

const p256Point = (): Buffer => spkiOf(curve('prime256v1')().publicKey).subarray(-65);
const compressed = (): Buffer => {
  const point = p256Point();
  return Buffer.concat([Buffer.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33)]);
};
const hybrid = (): Buffer => {
  const point = Buffer.from(p256Point());
  point[0] = 6 + ((point[64] ?? 0) & 1);
  return point;
};

export const WEAK_KEYS: readonly Row[] = [
  bad('RSA of 512 bits', KEYS, withPair(rsa(512))),
  bad('RSA of 1024 bits', KEYS, withPair(rsa(1024))),
  bad('RSA of 2040 bits', KEYS, withPair(rsa(2040))),
  bad(
    'RSA of 16384 bits',
    KEYS,
    withKey(() => rsaKey(Buffer.concat([Buffer.of(0), Buffer.alloc(2048, 0xc1)]), F4)),
  ),
  bad(
    'RSA with exponent 1',
    KEYS,
    withKey(() => rsaKey(MODULUS, Buffer.of(1))),
  ),
  bad('RSA with exponent 3', KEYS, withPair(rsa(2048, 3)), 'invalid-svid: '),
  bad(
    'RSA with an even exponent',
    KEYS,
    withKey(() => rsaKey(MODULUS, Buffer.of(1, 0, 2))),
  ),
  bad(
    'RSA with exponent 0',
    KEYS,
    withKey(() => rsaKey(MODULUS, Buffer.of(0))),
  ),
  bad(
    'RSA with a negative exponent',
    KEYS,
    withKey(() => rsaKey(MODULUS, Buffer.of(0xff))),
  ),
  bad(
    'RSA with an exponent of 40 bits',
    KEYS,
    withKey(() => rsaKey(MODULUS, Buffer.alloc(6, 1))),
  ),
  bad(
    'RSA with a negative modulus',
    KEYS,
    withKey(() => rsaKey(MODULUS.subarray(1), F4)),
  ),
  bad(
    'RSA with an even modulus',
    KEYS,
    withKey(() => rsaKey(Buffer.concat([MODULUS.subarray(0, -1), Buffer.of(2)]), F4)),
  ),
  bad(
    'RSA without parameters',
    'RFC 3279 section 2.3.1',
    withKey(() => rsaKey(MODULUS, F4, Buffer.alloc(0))),
  ),
  bad(
    'RSA-PSS',
    KEYS,
    withPair(() => generateKeyPairSync('rsa-pss', { modulusLength: 2048 })),
  ),
  bad(
    'DSA',
    KEYS,
    withKey(() => sequence(sequence(oid('1.2.840.10040.4.1')), bits(integer(5)))),
  ),
  bad('P-192', KEYS, withPair(curve('prime192v1'))),
  bad('P-224', KEYS, withPair(curve('secp224r1')), 'invalid-svid: '),
  bad('secp256k1', KEYS, withPair(curve('secp256k1')), 'invalid-svid: '),
  bad('brainpoolP256r1', KEYS, withPair(curve('brainpoolP256r1')), 'invalid-svid: '),
  bad('a binary curve', KEYS, withPair(curve('sect233r1')), 'invalid-svid: '),
  bad(
    'explicit curve parameters',
    'RFC 5480 section 2.1.1',
    withKey(() => ecKey(p256Point(), sequence(integer(1)))),
  ),
  bad(
    'an implicit curve',
    'RFC 5480 section 2.1.1',
    withKey(() => ecKey(p256Point(), NULL)),
  ),
  bad(
    'a compressed point',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(compressed())),
    'invalid-svid: ',
  ),
  bad(
    'a hybrid point',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(hybrid())),
    'invalid-svid: ',
  ),
  bad(
    'the point at infinity',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(Buffer.of(0))),
  ),
  bad(
    'a point beside its curve',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]))),
  ),
  bad(
    'coordinates above the prime',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)]))),
  ),
  bad(
    'a point of P-384 on P-256',
    'RFC 5480 section 2.2',
    withKey(() => ecKey(spkiOf(curve('secp384r1')().publicKey).subarray(-97))),
  ),
  bad(
    'Ed448',
    KEYS,
    withPair(() => generateKeyPairSync('ed448')),
    'invalid-svid: ',
  ),
  bad(
    'X25519',
    KEYS,
    withKey(() => spkiOf(generateKeyPairSync('x25519').publicKey)),
  ),
  bad(
    'Ed25519 with parameters',
    'RFC 8410 section 3',
    withKey(() => ed25519(Buffer.alloc(32, 1), NULL)),
  ),
  bad(
    'Ed25519 of 31 bytes',
    'RFC 8410 section 3',
    withKey(() => ed25519(Buffer.alloc(31, 1))),
  ),
  bad(
    'ML-DSA-65',
    KEYS,
    withPair(() => generateKeyPairSync('ml-dsa-65')),
    'invalid-svid: ',
  ),
  bad(
    'a key of unknown algorithm',
    KEYS,
    withKey(() => sequence(sequence(oid('1.2.3.4')), bits(Buffer.of(1)))),
  ),
];

const alg = (id: string, parameters: Buffer = Buffer.alloc(0)): Buffer => sequence(oid(id), parameters);
const claims =
  (id: string, parameters?: Buffer): Change =>
  () => ({ algorithm: alg(id, parameters) });

/** A leaf by a root of this kind, signed and labelled as told. */
const signedBy =
  (keyType: KeyType, change: Change, digest?: string): Row['make'] =>
  async ({ nowMs }) => {
    const root = await createAuthority({ trustDomain: 'example.org', nowMs, keyType });
    const signer = { key: root.signer.key, ...(digest === undefined ? {} : { digest }) };
    const sample = await leaf(change, { by: () => root, signer })({ root, partner: root, nowMs });
    return { ...sample, roots: [root.certificate.der] };
  };

/** Signed with PSS, and saying so. */
const pss = async (cast: Parameters<Row['make']>[0]): Promise<Sample> => {
  const root = await createAuthority({ trustDomain: 'example.org', nowMs: cast.nowMs, keyType: 'rsa' });
  const { key } = root.signer;
  const sample = await leaf(undefined, { by: () => root })(cast);
  const hash = sequence(oid('2.16.840.1.101.3.4.2.1'));
  const mask = sequence(oid('1.2.840.113549.1.1.8'), hash);
  const parameters = sequence(tlv(0xa0, hash), tlv(0xa1, mask), tlv(0xa2, integer(32)));
  const algorithm = alg('1.2.840.113549.1.1.10', parameters);
  const unsigned = rework(sample.chain[0] ?? Buffer.alloc(0), { key }, () => ({ algorithm }));
  const [tbs = unsigned] = children(unsigned);
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const signature = bits(sign('sha256', tbs, options));
  return { ...sample, chain: [sequence(tbs, algorithm, signature)], roots: [root.certificate.der] };
};

const UNTRUSTED = 'untrusted-certificate: ';

/** ECDSA-Sig-Value: r and s as told. */
const ecdsa = (edit: (r: Buffer, s: Buffer) => Buffer): Row['make'] =>
  leaf(() => ({
    signature: (bytes) => {
      const [r = bytes, s = bytes] = children(bytes);
      return edit(r, s);
    },
  }));

export const WEAK_SIGNATURES: readonly Row[] = [
  bad('ECDSA with SHA-1', SIGNATURES, signedBy('ec', claims('1.2.840.10045.4.1'), 'sha1')),
  bad('ECDSA with SHA-224', SIGNATURES, signedBy('ec', claims('1.2.840.10045.4.3.1'), 'sha224')),
  bad('RSA with SHA-1', SIGNATURES, signedBy('rsa', claims('1.2.840.113549.1.1.5', NULL), 'sha1')),
  bad('RSA with MD5', SIGNATURES, signedBy('rsa', claims('1.2.840.113549.1.1.4', NULL), 'md5')),
  bad('RSA-PSS', SIGNATURES, pss),
  bad('RSA without NULL', 'RFC 4055 section 5', signedBy('rsa', claims(SHA256_RSA))),
  bad('ECDSA with NULL', 'RFC 5758 section 3.2', leaf(claims(ECDSA_SHA256, NULL))),
  bad('Ed25519 with NULL', 'RFC 8410 section 3', signedBy('ed25519', claims('1.3.101.112', NULL))),
  bad(
    'two algorithms that differ',
    'RFC 5280 section 4.1.1.2',
    leaf(() => ({ outer: alg('1.2.840.10045.4.3.3') })),
  ),
  bad('an algorithm that is unknown', SIGNATURES, leaf(claims('1.2.3.4'))),
  bad(
    'another digest than it says',
    'RFC 5280 section 6.1.3 (a)',
    leaf(claims('1.2.840.10045.4.3.3')),
    UNTRUSTED,
  ),
  bad('RSA named, EC signed', 'RFC 5280 section 6.1.3 (a)', leaf(claims(SHA256_RSA, NULL)), UNTRUSTED),
  bad(
    'a bit of the signature flipped',
    'RFC 5280 section 6.1.3 (a)',
    leaf(() => ({ signature: flipped })),
    UNTRUSTED,
  ),
  bad(
    'an empty signature',
    'RFC 5280 section 6.1.3 (a)',
    leaf(() => ({ signature: () => Buffer.alloc(0) })),
    UNTRUSTED,
  ),
  bad(
    'a signature with a byte behind',
    'RFC 3279 section 2.2.3',
    leaf(() => ({ signature: (s) => Buffer.concat([s, Buffer.of(0)]) })),
    UNTRUSTED,
  ),
  bad(
    'r and s of zero',
    'RFC 3279 section 2.2.3',
    ecdsa(() => sequence(integer(0), integer(0))),
    UNTRUSTED,
  ),
  bad(
    'r with a zero in front',
    'RFC 3279 section 2.2.3',
    ecdsa((r, s) => sequence(tlv(0x02, Buffer.of(0, 0), r.subarray(2)), s)),
    UNTRUSTED,
  ),
  bad(
    'a length that is not minimal inside',
    'RFC 3279 section 2.2.3',
    ecdsa((r, s) => Buffer.concat([Buffer.of(0x30, 0x81, r.length + s.length), r, s])),
    UNTRUSTED,
  ),
  bad(
    'a third integer',
    'RFC 3279 section 2.2.3',
    ecdsa((r, s) => sequence(r, s, integer(1))),
    UNTRUSTED,
  ),
  bad(
    'the name changed after signing',
    'RFC 5280 section 6.1.3 (a)',
    leaf(() => ({ whole: renamed })),
    UNTRUSTED,
  ),
  {
    name: 'a root of RSA 1024',
    section: KEYS,
    make: rooted(() => ({ spki: spkiOf(rsa(1024)().publicKey) })),
    expect: 'ERR_BUNDLE_CERTIFICATE: ',
  },
  {
    name: 'a root of secp256k1',
    section: KEYS,
    make: rooted(() => ({ spki: spkiOf(curve('secp256k1')().publicKey) })),
    expect: 'ERR_BUNDLE_CERTIFICATE: ',
  },
  {
    name: 'an intermediate of RSA 1024',
    section: KEYS,
    make: async ({ root, nowMs }) => {
      const middle = await root.createIntermediate({ nowMs });
      const { publicKey, privateKey } = rsa(1024)();
      const weak = rework(middle.certificate.der, root.signer, () => ({ spki: spkiOf(publicKey) }));
      const svid = await middle.issue({ spiffeId: 'spiffe://example.org/x', nowMs });
      const algorithm = alg(SHA256_RSA, NULL);
      const der = rework(svid.certificateDer, { key: privateKey }, () => ({ algorithm }));
      return { chain: [der, weak], key: middle.signer.key };
    },
    expect: UNTRUSTED,
  },
];

function flipped(signature: Buffer): Buffer {
  const copy = Buffer.from(signature);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

function renamed(der: Buffer): Buffer {
  const copy = Buffer.from(der);
  copy.write('adm', copy.indexOf('/sa/web') + 4, 'latin1');
  return copy;
}
