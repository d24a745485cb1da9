// A new private key and the request to have it certified: PKCS#10 (RFC 2986), signed by the key itself as
// proof that whoever asks holds it. Who it is for, the issuer knows from the attestation.
import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { TAG } from '../x509/der.ts';
import { bitString, element, objectIdentifier } from '../x509/write-der.ts';

/** The keys that can be asked for; the first is the default. */
export const REQUEST_KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'ed25519'] as const;

/** One of `REQUEST_KEY_TYPES`. */
export type RequestKeyType = (typeof REQUEST_KEY_TYPES)[number];

/** Makes a private key off the main thread: an RSA key takes a tenth of a second and more. */
export async function generateKey(type: RequestKeyType): Promise<KeyObject> {
  const generate = promisify(generateKeyPair);
  switch (type) {
    case 'ec-p256':
      return (await generate('ec', { namedCurve: 'prime256v1' })).privateKey;
    case 'ec-p384':
      return (await generate('ec', { namedCurve: 'secp384r1' })).privateKey;
    case 'rsa-2048':
      return (await generate('rsa', { modulusLength: 2048 })).privateKey;
    case 'rsa-3072':
      return (await generate('rsa', { modulusLength: 3072 })).privateKey;
    case 'ed25519':
      return (await generate('ed25519')).privateKey;
  }
}

/**
 * DER of a CertificationRequest for `key`, with an empty subject; `spiffeId`: the URI SAN, when it is known.
 * @see RFC 2986 section 4
 */
export function certificateRequest(key: KeyObject, spiffeId: string | null): Buffer {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const attributes = spiffeId === null ? [] : [extensionRequest(uriAltName(spiffeId))];
  const info = element(
    TAG.sequence,
    element(TAG.integer, Buffer.of(0)), // v1, the only one there is
    element(TAG.sequence), // the empty name
    spki,
    element(0xa0, ...attributes), // [0] IMPLICIT SET OF Attribute, there even when empty
  );
  const { algorithm, digest } = signatureOf(key);
  return element(TAG.sequence, info, algorithm, bitString(sign(digest, info, key)));
}

// RFC 2985 section 5.4.2: the extensionRequest attribute, pkcs-9-at 14.
const extensionRequest = (extension: Buffer): Buffer =>
  element(
    TAG.sequence,
    objectIdentifier(1, 2, 840, 113549, 1, 9, 14),
    element(TAG.set, element(TAG.sequence, extension)),
  );

// RFC 5280 section 4.2.1.6: critical, since the subject is empty; [6] is uniformResourceIdentifier.
const uriAltName = (uri: string): Buffer =>
  element(
    TAG.sequence,
    objectIdentifier(2, 5, 29, 17),
    element(TAG.boolean, Buffer.of(0xff)),
    element(TAG.octetString, element(TAG.sequence, element(0x86, Buffer.from(uri, 'latin1')))),
  );

/** The AlgorithmIdentifier that goes with the key. */
function signatureOf(key: KeyObject): { algorithm: Buffer; digest: 'sha256' | 'sha384' | null } {
  // RFC 8410 section 3: no parameters, and the key fixes the digest
  if (key.asymmetricKeyType === 'ed25519')
    return { algorithm: element(TAG.sequence, objectIdentifier(1, 3, 101, 112)), digest: null };
  // RFC 4055 section 5: NULL parameters
  if (key.asymmetricKeyType === 'rsa') {
    const oid = objectIdentifier(1, 2, 840, 113549, 1, 1, 11);
    return { algorithm: element(TAG.sequence, oid, element(TAG.null)), digest: 'sha256' };
  }
  const wide = key.asymmetricKeyDetails?.namedCurve === 'secp384r1';
  const oid = objectIdentifier(1, 2, 840, 10045, 4, 3, wide ? 3 : 2);
  return { algorithm: element(TAG.sequence, oid), digest: wide ? 'sha384' : 'sha256' };
}
