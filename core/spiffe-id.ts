// SPIFFE IDs and trust domains: the grammar of the SPIFFE-ID standard, sections 2.1 to 2.4. Nothing is
// repaired.
import { SallyportError } from './errors.ts';

/** A trust domain name, e.g. `example.org`. */
export type TrustDomain = string;

/**
 * A parsed SPIFFE ID. `uri` is the exact text; `namespace` and `serviceAccount` exist only for `/ns/X/sa/Y`.
 */
export interface SpiffeId {
  readonly uri: string;
  readonly trustDomain: TrustDomain;
  /** With its leading slash, or empty. */
  readonly path: string;
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
}

const ID_BYTES_MAX = 2048; // SPIFFE-ID section 2.3
const TRUST_DOMAIN_BYTES_MAX = 255; // SPIFFE-ID section 2.1

/** Parses `spiffe://<trust domain>[/path]`. @throws ERR_SPIFFE_ID @see SPIFFE-ID section 2 */
export function parseSpiffeId(text: string): SpiffeId {
  if (text.length > ID_BYTES_MAX) throw bad(text, `is longer than ${ID_BYTES_MAX} bytes`);
  if (!text.startsWith('spiffe://')) throw bad(text, 'does not start with `spiffe://`');
  const slash = text.indexOf('/', 9);
  const trustDomain = slash < 0 ? text.slice(9) : text.slice(9, slash);
  const fault = trustDomainFault(trustDomain);
  if (fault !== undefined) throw bad(text, fault);
  const path = slash < 0 ? '' : text.slice(slash);
  const pathFault = path === '' ? undefined : pathFaultOf(path);
  if (pathFault !== undefined) throw bad(text, pathFault);
  const s = path.split('/');
  const kubernetes = s.length === 5 && s[1] === 'ns' && s[3] === 'sa';
  return {
    uri: text,
    trustDomain,
    path,
    namespace: kubernetes ? (s[2] ?? null) : null,
    serviceAccount: kubernetes ? (s[4] ?? null) : null,
  };
}

/**
 * True for a SPIFFE ID with a path, and for the beginning of one, with its trust domain complete, followed
 * by `*`.
 */
export function isSpiffeIdPattern(text: string): boolean {
  const prefix = text.endsWith('*') ? text.slice(0, -1) : null;
  try {
    // A letter stands for what `*` matches: after a slash or in the middle of a segment.
    return parseSpiffeId(prefix === null ? text : `${prefix}a`).path !== '';
  } catch {
    return false; // the caller names the key and says what is allowed
  }
}

/** Checks a trust domain name: 1 to 255 of `[a-z0-9._-]`. @throws ERR_SPIFFE_ID */
export function parseTrustDomain(text: string): TrustDomain {
  const fault = trustDomainFault(text);
  if (fault !== undefined) throw bad(text, fault);
  return text;
}

function trustDomainFault(name: string): string | undefined {
  if (name === '') return 'has an empty trust domain';
  if (name.length > TRUST_DOMAIN_BYTES_MAX)
    return `has a trust domain longer than ${TRUST_DOMAIN_BYTES_MAX} bytes`;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (!(isLower(c) || isDigit(c) || isMark(c)))
      return 'has a trust domain with a character outside `[a-z0-9._-]`';
  }
  return undefined;
}

function pathFaultOf(path: string): string | undefined {
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return 'has an empty path segment or a trailing slash';
    if (segment === '.' || segment === '..') return 'has a dot segment';
    for (let i = 0; i < segment.length; i++) {
      const c = segment.charCodeAt(i);
      const upper = c >= 0x41 && c <= 0x5a;
      if (!(isLower(c) || upper || isDigit(c) || isMark(c)))
        return 'has a path character outside `[a-zA-Z0-9._-]`';
    }
  }
  return undefined;
}

const isLower = (c: number): boolean => c >= 0x61 && c <= 0x7a;
const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isMark = (c: number): boolean => c === 0x2e || c === 0x2d || c === 0x5f;

const SHOWN_CHARACTERS = 100;

function bad(text: string, fault: string): SallyportError {
  return new SallyportError('ERR_SPIFFE_ID', `\`${shown(text)}\` is not a SPIFFE ID: it ${fault}`);
}

/** Cut, and without control characters: the text may be a stranger's and end up in a log or a terminal. */
function shown(text: string): string {
  let result = '';
  for (let i = 0; i < Math.min(text.length, SHOWN_CHARACTERS); i++) {
    const c = text.charCodeAt(i);
    result += c < 0x20 || c > 0x7e ? '?' : text.charAt(i);
  }
  return text.length > SHOWN_CHARACTERS ? `${result}…` : result;
}
