// Byte classes of the HTTP/1.1 grammar and comparisons on ranges of head text, shared by every parser of this
// folder. Text is latin1: one character is one byte. Tables, not regular expressions: one load a byte, linear
// always.

/** Bit set for each `tchar` (RFC 9110 section 5.6.2). */
export const TCHAR = 1;
/** Bit set for `_` beside TCHAR, so that a scan notices it for free. */
export const UNDERSCORE = 2;

/** By byte: TCHAR and UNDERSCORE bits, 0 for anything that ends a token. */
export const TOKEN: Uint8Array = tokenTable();

/** By byte: 1 for field-content (RFC 9110 section 5.5): HTAB, SP, VCHAR, obs-text. */
export const FIELD: Uint8Array = new Uint8Array(256).map((_, c) =>
  c === 0x09 || (c >= 0x20 && c !== 0x7f) ? 1 : 0,
);

/** By byte: 1 for what a query may hold here: visible ASCII but `#`. Wider than RFC 3986, as browsers are. */
export const QUERY: Uint8Array = new Uint8Array(256).map((_, c) =>
  c > 0x20 && c < 0x7f && c !== 0x23 ? 1 : 0,
);

/** True when `text` holds `lower` (no capitals) at `at`, ignoring the case of `text`. */
export function startsWithIgnoringCase(text: string, at: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    if (lowerCase(text.charCodeAt(at + i)) !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** True when `text[start, end)` equals `lower`, ignoring case. */
export function equalsIgnoringCase(text: string, start: number, end: number, lower: string): boolean {
  return end - start === lower.length && startsWithIgnoringCase(text, start, lower);
}

/** True when `text[start, end)` is a token: one tchar or more. */
export function isToken(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if ((TOKEN[text.charCodeAt(i)] ?? 0) === 0) return false;
  }
  return end > start;
}

/** True when `bytes[start, end)` equals `lower` (no capitals), ignoring case. */
export function bytesEqual(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (lowerCase(bytes[start + i] ?? 0) !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The value of 1*DIGIT without a leading zero, or -1: anything else, or above 2^53-1. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  // 2^53-1 has 16 digits. A leading zero is octal to some parsers: refused.
  if (length < 1 || length > 16 || (length > 1 && bytes[start] === 0x30)) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/**
 * Calls `member` with each non-empty member of a comma-separated list (RFC 9110 section 5.6.1), trimmed of
 * OWS, and stops at the first that it refuses. Empty members are skipped, as a recipient must.
 */
export function everyMember(list: string, member: (text: string) => boolean): boolean {
  let start = 0;
  while (start <= list.length) {
    const comma = list.indexOf(',', start);
    const next = comma < 0 ? list.length : comma;
    let end = next;
    while (start < end && isBlank(list.charCodeAt(start))) start++;
    while (start < end && isBlank(list.charCodeAt(end - 1))) end--;
    if (start < end && !member(list.slice(start, end))) return false;
    start = next + 1;
  }
  return true;
}

/** SP or HTAB. */
export function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09;
}

// Letters alone have a case: `| 0x20` for all would lose `_` and take `^` for `~`, both marks of a token.
function lowerCase(c: number): number {
  return c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
}

function tokenTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (let c = 0x30; c <= 0x39; c++) table[c] = TCHAR;
  for (let c = 0x41; c <= 0x5a; c++) table[c] = table[c + 0x20] = TCHAR;
  for (const c of "!#$%&'*+-.^`|~") table[c.charCodeAt(0)] = TCHAR;
  table[0x5f] = TCHAR | UNDERSCORE;
  return table;
}
