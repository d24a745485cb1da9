// What is in a file that somebody wants to have inspected: PEM of any kind, one DER, or a SPIFFE bundle
// document.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readBundleDocument } from '../certs/federation/read-document.ts';
import { Findings, isJsonObject } from '../certs/read-files.ts';
import { type Certificate, parseCertificate } from '../certs/x509/certificate.ts';
import { type Crl, parseCrl } from '../certs/x509/crl.ts';
import { DerError } from '../certs/x509/der.ts';
import { printable } from '../certs/x509/names.ts';
import { readPem, writePem } from '../certs/x509/pem.ts';

/** One thing found; `line` of its PEM block, 0 for DER. */
export type Item = { readonly line: number } & (
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'crl'; readonly crl: Crl }
  /** `spki` null when the key is encrypted or cannot be read: then `text` says so. Never the key itself. */
  | { readonly kind: 'key'; readonly text: string; readonly spki: Buffer | null }
  /** What a bundle document says beside its certificates, which are items of their own. */
  | {
      readonly kind: 'document';
      readonly sequence: bigint | null;
      readonly refreshHintMs: number | null;
    }
  | { readonly kind: 'fault'; readonly what: string; readonly error: string }
);

/** Everything in `bytes`, in its order. */
export function readItems(bytes: Buffer): readonly Item[] {
  const { blocks, fault } = readPem(bytes.toString('latin1'));
  const items = blocks
    .filter(({ label }) => label !== 'EC PARAMETERS') // which OpenSSL writes before an EC key
    .map(({ label, der, line }) => readBlock(label, der, line));
  if (fault !== null) items.push({ kind: 'fault', what: 'PEM', error: fault.message, line: fault.line });
  if (items.length > 0) return items;
  if (bytes.length === 0) return [{ kind: 'fault', what: 'file', error: 'it is empty', line: 0 }];
  return isJsonObject(bytes) ? readDocument(bytes) : [readDer(bytes)];
}

/** The document does not say whose it is. */
const ANY_TRUST_DOMAIN = 'this.document';

function readDocument(bytes: Buffer): readonly Item[] {
  const findings = new Findings();
  const document = readBundleDocument(ANY_TRUST_DOMAIN, { file: '', bytes }, Date.now(), findings);
  if (document === null)
    return findings.list
      .filter(({ severity }) => severity === 'error')
      .map(({ message, at }) => {
        const pointer = at?.file === undefined || at.file === '' ? '' : `${at.file}: `;
        const error = `${pointer}${message}`;
        return { kind: 'fault', what: 'bundle document', error, line: at?.line ?? 0 };
      });
  const { bundle, sequence, refreshHintMs } = document;
  const certificates = bundle.anchors.map(
    (certificate): Item => ({ kind: 'certificate', line: 0, certificate }),
  );
  return [{ kind: 'document', line: 0, sequence, refreshHintMs }, ...certificates];
}

function readBlock(label: string, der: Buffer, line: number): Item {
  if (label.endsWith('PRIVATE KEY')) return readKey(label, der, line);
  if (label === 'X509 CRL') return readAs('CRL', line, () => ({ kind: 'crl', line, crl: parseCrl(der) }));
  if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE')
    return readAs('certificate', line, () => ({
      kind: 'certificate',
      line,
      certificate: parseCertificate(der),
    }));
  const error = 'only certificates, CRLs and private keys are inspected';
  return { kind: 'fault', what: `\`${printable(label)}\``, error, line };
}

/** By trial: a certificate, a CRL, a key; else the certificate's fault. */
function readDer(der: Buffer): Item {
  const certificate = readBlock('CERTIFICATE', der, 0);
  if (certificate.kind !== 'fault') return certificate;
  const crl = readBlock('X509 CRL', der, 0);
  if (crl.kind !== 'fault') return crl;
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    const key = tryKey(() => createPrivateKey({ key: der, format: 'der', type }));
    if (key !== null) return { kind: 'key', line: 0, ...describeKey(key) };
  }
  return certificate;
}

function readKey(label: string, der: Buffer, line: number): Item {
  if (label.startsWith('ENCRYPTED') || der.length === 0)
    return { kind: 'key', line, text: 'encrypted', spki: null };
  const key = tryKey(() => createPrivateKey(writePem(label, der)));
  if (key === null) return { kind: 'fault', what: 'private key', error: 'it cannot be read', line };
  return { kind: 'key', line, ...describeKey(key) };
}

function describeKey(key: KeyObject): { text: string; spki: Buffer } {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const detail = modulusLength ?? namedCurve;
  const type = key.asymmetricKeyType ?? 'unknown';
  return { text: detail === undefined ? type : `${type} ${detail}`, spki };
}

function readAs(what: string, line: number, read: () => Item): Item {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { kind: 'fault', what, error: error.message, line };
  }
}

function tryKey(read: () => KeyObject): KeyObject | null {
  try {
    return read();
  } catch {
    return null; // not this kind of key
  }
}
