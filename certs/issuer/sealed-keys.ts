// CA keys at rest: AES-256-GCM (NIST SP 800-38D) under a key derived from the operator's secret by scrypt
// (RFC 7914). In memory they are KeyObjects only.
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createSecretKey,
  type KeyObject,
  randomBytes,
  scryptSync,
} from 'node:crypto';
import { SECRET_BYTES_MIN } from '../limits.ts';
import { IssuerError } from './issuer-error.ts';

/** How the wrapping key was derived; stored beside what it wraps. */
export interface KdfParameters {
  readonly salt: Buffer;
  /** CPU and memory cost, a power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

// RFC 7914 section 2: memory is 128 * r * n bytes. 2^16 and 8: 64 MB and about 150 ms, once at the start.
const COST = { n: 2 ** 16, r: 8, p: 1 } as const;
// A damaged database must not ask for all the memory of the machine.
const COST_MAX = { n: 2 ** 20, r: 16, p: 4 } as const;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export const newKdfParameters = (): KdfParameters => ({ salt: randomBytes(SALT_BYTES), ...COST });

/** Derives the wrapping key. @throws ERR_ISSUER_SECRET, ERR_ISSUER_STATE */
export function deriveWrappingKey(secret: Buffer, { salt, n, r, p }: KdfParameters): KeyObject {
  if (secret.length < SECRET_BYTES_MIN)
    throw new IssuerError('ERR_ISSUER_SECRET', `the secret is shorter than ${SECRET_BYTES_MIN} bytes`, {
      hint: 'make one with `openssl rand -base64 32`',
    });
  if (n > COST_MAX.n || r > COST_MAX.r || p > COST_MAX.p)
    throw new IssuerError('ERR_ISSUER_STATE', 'the parameters of the key derivation are out of range');
  const derived = scryptSync(secret, salt, 32, { N: n, r, p, maxmem: 256 * n * r });
  const key = createSecretKey(derived);
  derived.fill(0);
  return key;
}

/** What a sealed key belongs to: it opens nowhere else. */
export interface KeyPlace {
  readonly trustDomain: string;
  /** Of the CA, lower-case hex. */
  readonly keyId: string;
}

/** Nonce, tag and ciphertext of the PKCS#8 form of `key`. */
export function sealKey(key: KeyObject, wrapping: KeyObject, place: KeyPlace): Buffer {
  // SAFETY: 96 random bits a key; a state has a handful of keys, far from 2^32 (SP 800-38D section 8.3)
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', wrapping, nonce).setAAD(associatedData(place));
  const plain = key.export({ format: 'der', type: 'pkcs8' });
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** @throws ERR_ISSUER_SECRET */
export function unsealKey(sealed: Buffer, wrapping: KeyObject, place: KeyPlace): KeyObject {
  const start = NONCE_BYTES + TAG_BYTES;
  try {
    const decipher = createDecipheriv('aes-256-gcm', wrapping, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(place)).setAuthTag(sealed.subarray(NONCE_BYTES, start));
    const plain = Buffer.concat([decipher.update(sealed.subarray(start)), decipher.final()]);
    const key = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
    plain.fill(0);
    return key;
  } catch (cause) {
    throw new IssuerError(
      'ERR_ISSUER_SECRET',
      `the secret does not open CA key ${place.keyId}, or the key was changed`,
      { cause },
    );
  }
}

function associatedData({ trustDomain, keyId }: KeyPlace): Buffer {
  return Buffer.from(`sallyport issuer, CA signing key, version 1\n${trustDomain}\n${keyId}`);
}
