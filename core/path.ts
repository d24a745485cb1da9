// The one path normalizer: what policies judge and what the application receives are the same text.
// Every listener kind calls it with the path of the request target, without query. Percent-escapes are
// decoded once, never twice. docs/paths.md lists where applications read a path differently, and what each
// mode does.
import type { Reason } from './reasons.ts';

/** What happens to an ambiguous path: the listener's `paths.ambiguous`. */
export type PathMode = 'reject' | 'merge-slashes' | 'decode-and-merge-slashes';

/** A judged path. With a `fault`, `path` is the input and must not be used for a decision. */
export interface CanonicalPath {
  readonly path: string;
  readonly changed: boolean;
  readonly fault: Reason | null;
}

// Classes of a raw byte in a path.
const PLAIN = 0; // RFC 3986 pchar, kept as it is
const SLASH = 1;
const PERCENT = 2;
const BACKSLASH = 3;
const ESCAPE = 4; // visible ASCII that RFC 3986 allows nowhere in a path; browsers send some of it raw
const BAD = 5; // controls, space, `#`, `?`, 0x7f and above

const DOT = 0x2e;
const SEMICOLON = 0x3b;
const CLASS = classTable();

/**
 * Brings a path into canonical form: dot segments removed (RFC 3986 section 5.2.4), escapes of unreserved
 * characters decoded (6.2.2.2), other escapes in upper-case hex (6.2.2.1), and ``"<>[]^`{|}`` escaped, so
 * that one path has one spelling. Escapes of reserved characters stay: `%3A` is not `:`. Idempotent. Faults:
 * `bad-path`, and `ambiguous-path` for what `mode` does not resolve.
 *
 * `path` is latin1 text that starts with `/` and holds no query.
 */
export function canonicalPath(path: string, mode: PathMode): CanonicalPath {
  if (isCanonicalPath(path, 0, path.length)) return { path, changed: false, fault: null };
  const faulty = (fault: Reason): CanonicalPath => ({ path, changed: false, fault });
  if (path.charCodeAt(0) !== 0x2f) return faulty('bad-path');
  const decoded = decodeOnce(path, mode);
  if (decoded.fault !== null) return faulty(decoded.fault);
  let repaired = removeDotSegments(decoded.text);
  if (repaired === null) return faulty('ambiguous-path');
  // Envoy's order: a `..` takes back an empty segment before slashes are merged.
  if (mode !== 'reject') repaired = mergeSlashes(repaired);
  return { path: repaired, changed: repaired !== path, fault: null };
}

/**
 * True when `text[start, end)` is already canonical under every mode.
 * PERF: the data path calls this on the head text, so that the usual path costs one scan and no allocation
 * (bench/micro/head-parser.ts).
 */
export function isCanonicalPath(text: string, start: number, end: number): boolean {
  if (start >= end || text.charCodeAt(start) !== 0x2f) return false;
  for (let i = start; i < end; i++) {
    const kind = CLASS[text.charCodeAt(i)] ?? BAD;
    if (kind === PLAIN) continue;
    if (kind === SLASH) {
      if (i + 1 >= end) return true;
      const next = text.charCodeAt(i + 1);
      if (next === 0x2f || (next === DOT && isDotSegment(text, i + 1, end))) return false;
    } else if (kind !== PERCENT || !isCanonicalEscape(text, i, end)) {
      return false;
    }
  }
  return true;
}

/** `.` or `..` that ends at `/`, at `;`, at an escaped `;`, or at the end of the path. */
function isDotSegment(text: string, start: number, end: number): boolean {
  let i = start + 1;
  if (i < end && text.charCodeAt(i) === DOT) i++;
  if (i >= end) return true;
  const c = text.charCodeAt(i);
  return c === 0x2f || c === SEMICOLON || (c === 0x25 && escapeValue(text, i, end) === SEMICOLON);
}

function isCanonicalEscape(text: string, at: number, end: number): boolean {
  const value = escapeValue(text, at, end);
  if (value <= 0 || value === 0x2f || value === 0x5c || isUnreserved(value)) return false;
  return text.charCodeAt(at + 1) < 0x61 && text.charCodeAt(at + 2) < 0x61;
}

interface Decoded {
  readonly text: string;
  readonly fault: Reason | null;
}

/**
 * One pass over the escapes; with a merging mode `\` becomes `/`, and with decoding `%2F` and `%5C` do too.
 */
function decodeOnce(path: string, mode: PathMode): Decoded {
  let text = '';
  let kept = 0; // path[kept, i) is copied as it is
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    const kind = CLASS[c] ?? BAD;
    if (kind === PLAIN) continue;
    if (kind === BAD) return { text, fault: 'bad-path' };
    let size = 1;
    let piece = '/';
    if (kind === SLASH) {
      if (mode === 'reject' && path.charCodeAt(i + 1) === 0x2f) return { text, fault: 'ambiguous-path' };
      continue;
    }
    if (kind === BACKSLASH) {
      if (mode === 'reject') return { text, fault: 'ambiguous-path' };
    } else if (kind === ESCAPE) {
      piece = escapeOf(c);
    } else {
      const value = escapeValue(path, i, path.length);
      const separator = value === 0x2f || value === 0x5c;
      if (value <= 0 || (separator && mode !== 'decode-and-merge-slashes'))
        return { text, fault: 'ambiguous-path' };
      size = 3;
      if (!separator) piece = isUnreserved(value) ? String.fromCharCode(value) : escapeOf(value);
    }
    text += path.slice(kept, i) + piece;
    kept = i + size;
    i = kept - 1;
  }
  return { text: text + path.slice(kept), fault: null };
}

/** RFC 3986 section 5.2.4; null for a dot segment with path parameters (Tomcat reads `/a/..;x/b` as `/b`). */
function removeDotSegments(path: string): string | null {
  const kept: string[] = [];
  let start = 1;
  while (start <= path.length) {
    const slash = path.indexOf('/', start);
    const end = slash < 0 ? path.length : slash;
    const segment = path.slice(start, end);
    if (segment !== '.' && segment !== '..') {
      if (segment.charCodeAt(0) === DOT && isDotSegment(segment, 0, segment.length)) return null;
      kept.push(segment);
    } else {
      if (segment === '..') kept.pop();
      if (slash < 0) kept.push(''); // `/a/..` is a directory: `/`
    }
    start = end + 1;
  }
  return `/${kept.join('/')}`;
}

function mergeSlashes(path: string): string {
  const last = path.endsWith('/');
  const merged = `/${path
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')}`;
  return last && merged !== '/' ? `${merged}/` : merged;
}

/** The byte of the escape at `at`, or -1 when it is not `%` and two hexadecimal digits before `end`. */
function escapeValue(text: string, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexValue(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function escapeOf(value: number): string {
  return `%${value < 16 ? '0' : ''}${value.toString(16).toUpperCase()}`;
}

/** RFC 3986 section 2.3. */
function isUnreserved(c: number): boolean {
  const letter = c | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  return (c >= 0x30 && c <= 0x39) || c === 0x2d || c === DOT || c === 0x5f || c === 0x7e;
}

function classTable(): Uint8Array {
  const table = new Uint8Array(256).fill(BAD);
  for (let c = 0x21; c < 0x7f; c++) table[c] = PLAIN;
  for (const c of '"<>[]^`{|}') table[c.charCodeAt(0)] = ESCAPE;
  table[0x2f] = SLASH;
  table[0x25] = PERCENT;
  table[0x5c] = BACKSLASH;
  table[0x23] = BAD;
  table[0x3f] = BAD;
  return table;
}
