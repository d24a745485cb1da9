// A SPIFFE bundle document as a partner serves it: bytes in, trust anchors out, each fault with its place.
// SPIFFE Trust Domain and Bundle section 4; X509-SVID section 6.2.
import { createPublicKey, type webcrypto } from 'node:crypto';
import type { Position } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { BUNDLE_CERTIFICATES_MAX, BUNDLE_DOCUMENT_BYTES_MAX, BUNDLE_DOCUMENT_KEYS_MAX } from '../limits.ts';
import { type FileContent, type Findings, readBundle } from '../read-files.ts';
import { createTrustBundle, type TrustBundle } from '../trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import { writePem } from '../x509/pem.ts';
import { type Json, JsonError, JsonNumber, type JsonObject, readJson } from './json.ts';

/** What a document says about X509-SVIDs. */
export interface ReadDocument {
  /** Without anchors when the document has no key for X509-SVIDs: nobody of the trust domain is trusted. */
  readonly bundle: TrustBundle;
  /** `spiffe_sequence`; null when it is not given. */
  readonly sequence: bigint | null;
  /** `spiffe_refresh_hint`, milliseconds; null when it is not given. */
  readonly refreshHintMs: number | null;
}

/**
 * Reads and verifies `content`, of trust domain `trustDomain`; null when `findings` has errors. A fault in
 * JSON has line and column, any other a JSON pointer behind the name of the document.
 */
export function readBundleDocument(
  trustDomain: TrustDomain,
  content: FileContent,
  nowMs: number,
  findings: Findings,
): ReadDocument | null {
  const document = parsed(content, findings);
  if (document === null) return null;
  const errorsBefore = findings.errors;
  const scope: Scope = { trustDomain, nowMs, findings, file: content.file };
  const sequence = readInteger(document, 'spiffe_sequence', scope);
  const hintSeconds = readInteger(document, 'spiffe_refresh_hint', scope);
  const anchors = readKeys(document, scope);
  if (findings.errors > errorsBefore) return null;
  return {
    bundle: createTrustBundle(trustDomain, anchors),
    sequence,
    refreshHintMs: hintSeconds === null ? null : Number(hintSeconds) * 1_000,
  };
}

interface Scope {
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  readonly findings: Findings;
  readonly file: string;
}

const CODE = 'ERR_BUNDLE_DOCUMENT';
const LINT = 'LINT_BUNDLE_DOCUMENT';
const HINT =
  'a SPIFFE bundle document is a JWK set: {"keys":[…],"spiffe_sequence":1,"spiffe_refresh_hint":300}';
const HINT_KEY = 'SPIFFE Trust Domain and Bundle section 4.2, X509-SVID section 6';
// RFC 6901 section 6: a JSON pointer as the fragment of a URL.
const at = (scope: Scope, pointer: string): Position => ({ file: `${scope.file}#${pointer}` });

function parsed(content: FileContent, findings: Findings): JsonObject | null {
  const { file, bytes } = content;
  if (bytes.length > BUNDLE_DOCUMENT_BYTES_MAX) {
    const message = `the document is larger than ${BUNDLE_DOCUMENT_BYTES_MAX} bytes`;
    findings.error(CODE, { file }, message, HINT);
    return null;
  }
  try {
    const json = readJson(bytes);
    if (isObject(json)) return json;
    findings.error(
      CODE,
      { file, line: 1, column: 1 },
      `the document is ${kindOf(json)}, not an object`,
      HINT,
    );
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    findings.error(CODE, { file, line: error.line, column: error.column }, error.message, HINT);
  }
  return null;
}

// go-spiffe and SPIRE keep both numbers in 64 bits (section 4.1.1 asks for at least that).
const UINT64_MAX = 18_446_744_073_709_551_615n;
const UINT64_DIGITS = 20;

/** Sections 4.1.1 and 4.1.2: an integer, when it is set. */
function readInteger(document: JsonObject, name: string, scope: Scope): bigint | null {
  const value = document.get(name);
  if (value === undefined) return null;
  const text = value instanceof JsonNumber ? value.text : '';
  const digits = text !== '' && [...text].every((c) => c >= '0' && c <= '9');
  const number = digits && text.length <= UINT64_DIGITS ? BigInt(text) : null;
  if (number !== null && number <= UINT64_MAX) return number;
  const got = text === '' ? kindOf(value) : `\`${text.slice(0, 40)}\``;
  const message = `\`${name}\` is ${got}, not an integer from 0 to ${UINT64_MAX}`;
  scope.findings.error(CODE, at(scope, `/${name}`), message, HINT);
  return null;
}

function readKeys(document: JsonObject, scope: Scope): readonly Certificate[] {
  const { findings } = scope;
  const keys = document.get('keys');
  if (!Array.isArray(keys)) {
    const got = keys === undefined ? 'missing' : `${kindOf(keys)}, not an array`;
    findings.error(CODE, at(scope, '/keys'), `\`keys\` is ${got}`, HINT);
    return [];
  }
  if (keys.length > BUNDLE_DOCUMENT_KEYS_MAX) {
    const message = `\`keys\` has ${keys.length} entries, at most ${BUNDLE_DOCUMENT_KEYS_MAX}`;
    findings.error(CODE, at(scope, '/keys'), message, HINT);
    return [];
  }
  const errorsBefore = findings.errors;
  const anchors = keys.flatMap((key: Json, i) => readKey(key, `/keys/${i}`, scope));
  if (anchors.length > BUNDLE_CERTIFICATES_MAX) {
    const message = `${anchors.length} CA certificates, at most ${BUNDLE_CERTIFICATES_MAX}`;
    findings.error(
      'ERR_BUNDLE_TOO_LARGE',
      at(scope, '/keys'),
      message,
      'a system-wide CA list is not the bundle of a trust domain',
    );
  }
  // Also when the partner means it: it is how a trust domain takes everything back.
  if (anchors.length === 0 && findings.errors === errorsBefore)
    findings.warn(
      'LINT_BUNDLE_EMPTY',
      at(scope, '/keys'),
      `the bundle of \`${scope.trustDomain}\` has no CA certificate`,
      'nobody of that trust domain is accepted (X509-SVID section 6.2)',
    );
  return anchors;
}

const KEY_TYPES: ReadonlySet<string> = new Set(['EC', 'RSA', 'OKP']);

/** The anchor of one JWK; none when the standards say that it is to be ignored, or when it is broken. */
function readKey(key: Json, pointer: string, scope: Scope): readonly Certificate[] {
  const error = (below: string, message: string): readonly Certificate[] => {
    scope.findings.error(CODE, at(scope, pointer + below), message, HINT_KEY);
    return [];
  };
  const ignored = (below: string, why: string): readonly Certificate[] => {
    scope.findings.warn(LINT, at(scope, pointer + below), `the key is ignored: ${why}`, HINT_KEY);
    return [];
  };
  if (!isObject(key)) return error('', `the key is ${kindOf(key)}, not an object`);
  const use = key.get('use');
  if (use === undefined) return ignored('', 'it has no `use`');
  if (typeof use !== 'string') return error('/use', `\`use\` is ${kindOf(use)}, not a string`);
  if (use !== 'x509-svid') return []; // `jwt-svid`, and what is not known (section 4.2.2)
  const kty = key.get('kty');
  if (typeof kty !== 'string')
    return error('/kty', `\`kty\` is ${kty === undefined ? 'missing' : `${kindOf(kty)}, not a string`}`);
  if (!KEY_TYPES.has(kty)) return ignored('/kty', 'its `kty` is not known'); // section 4.2.1
  if (key.has('d')) return error('/d', 'the key is published with its private half');
  const x5c = key.get('x5c');
  if (x5c !== undefined && !Array.isArray(x5c))
    return error('/x5c', `\`x5c\` is ${kindOf(x5c)}, not an array`);
  // X509-SVID section 6.2: an entry without certificate is ignored, and so is what follows the first one.
  const [first, ...rest]: readonly Json[] = x5c ?? [];
  if (first === undefined) return ignored('/x5c', 'it has no certificate');
  if (rest.length > 0)
    scope.findings.warn(
      LINT,
      at(scope, `${pointer}/x5c/1`),
      'all but the first certificate is ignored',
      HINT_KEY,
    );
  if (typeof first !== 'string') return error('/x5c/0', `the certificate is ${kindOf(first)}, not a string`);
  const der = Buffer.from(first, 'base64');
  // RFC 7517 section 4.7: base64, not base64url. Only a faithful copy is accepted.
  if (first === '' || der.toString('base64') !== first)
    return error('/x5c/0', 'the certificate is not base64');
  return readAnchor(der, { key, kty, pointer }, scope);
}

function readAnchor(
  der: Buffer,
  { key, kty, pointer }: { key: JsonObject; kty: string; pointer: string },
  scope: Scope,
): readonly Certificate[] {
  const { findings, trustDomain, nowMs } = scope;
  const errorsBefore = findings.errors;
  const content = {
    file: `${scope.file}#${pointer}/x5c/0`,
    bytes: Buffer.from(writePem('CERTIFICATE', der)),
  };
  const anchors = readBundle(trustDomain, content, nowMs, findings)?.anchors ?? [];
  const [anchor] = anchors;
  if (anchor === undefined || findings.errors > errorsBefore) return [];
  const jwk = jwkOf(anchor);
  if (jwk === null) {
    findings.error(CODE, at(scope, `${pointer}/x5c/0`), "the certificate's key cannot be used", HINT_KEY);
    return [];
  }
  const differing = jwk.kty === kty ? differingMember(jwk, key) : 'kty';
  if (differing === null) return anchors;
  const message = `\`${differing}\` is not that of the certificate's key (RFC 7517 section 4.7)`;
  findings.error(CODE, at(scope, `${pointer}/${differing}`), message, HINT_KEY);
  return [];
}

/** The certificate's key; null when OpenSSL refuses it, for example a point that is not on its curve. */
function jwkOf(anchor: Certificate): webcrypto.JsonWebKey | null {
  try {
    const spki = anchor.publicKey.spki;
    return createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  } catch {
    return null; // the caller says where
  }
}

/** The first key parameter that is given and differs from the certificate's own. */
const differingMember = (jwk: webcrypto.JsonWebKey, key: JsonObject): string | null =>
  Object.entries(jwk).find(([name, value]) => key.has(name) && key.get(name) !== value)?.[0] ?? null;

const isObject = (value: Json): value is JsonObject => value instanceof Map;

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'string') return 'a string';
  if (value instanceof JsonNumber) return 'a number';
  return isObject(value) ? 'an object' : 'an array';
}
