// Whose key signed a certificate or a CRL, remembered for as long as the objects live.
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from './algorithms.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import type { Crl } from './crl.ts';

/** Signature checks that repeat, kept for as long as their objects: owned by a verifier. */
export interface SignatureMemo {
  /** Certificates whose signature by that issuer was found good. */
  readonly signedBy: WeakMap<Certificate, Certificate>;
  readonly keys: WeakMap<Certificate, KeyObject>;
  readonly crls: WeakMap<Crl, Map<string, boolean>>;
}

export const createSignatureMemo = (): SignatureMemo => ({
  keys: new WeakMap(),
  signedBy: new WeakMap(),
  crls: new WeakMap(),
});

/** True when `child` is signed with the key of `issuer`. */
export function signedBy(memo: SignatureMemo, child: Certificate, issuer: Certificate): boolean {
  if (memo.signedBy.get(child) === issuer) return true;
  if (child.signatureAlgorithm === null) return false;
  const signed = { data: child.tbs, signature: child.signature };
  if (!checkSignature(memo, signed, child.signatureAlgorithm, issuer)) return false;
  memo.signedBy.set(child, issuer);
  return true;
}

/** True when `crl` is. */
export function crlSignedBy(memo: SignatureMemo, crl: Crl, issuer: Certificate): boolean {
  const known = memo.crls.get(crl) ?? new Map<string, boolean>();
  memo.crls.set(crl, known);
  const issuerKey = issuer.publicKey.spki.toString('latin1');
  const answer =
    known.get(issuerKey) ??
    checkSignature(memo, { data: crl.tbs, signature: crl.signature }, crl.signatureAlgorithm, issuer);
  known.set(issuerKey, answer);
  return answer;
}

function checkSignature(
  memo: SignatureMemo,
  signed: { readonly data: Buffer; readonly signature: Buffer },
  algorithm: SignatureAlgorithm,
  issuer: Certificate,
): boolean {
  let key = memo.keys.get(issuer);
  if (key === undefined) {
    if (issuer.publicKey.fault !== null) return false;
    try {
      key = createPublicKey({ key: issuer.publicKey.spki, format: 'der', type: 'spki' });
    } catch {
      return false; // a point that is not on its curve
    }
    memo.keys.set(issuer, key);
  }
  return verifySignature(signed, algorithm, key);
}
