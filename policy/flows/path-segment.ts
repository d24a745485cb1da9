// Tells a path segment that is a value (an id, a date, a token) from one that is a name, in one pass over its
// bytes.

/** From this length, with this many groups of digits, a name is taken for a token (ULID, nanoid). */
const TOKEN_LENGTH = 16;
const TOKEN_DIGIT_GROUPS = 3;
const NAME_LENGTH_MAX = 64;
const HEX_LENGTH_MIN = 8;

/**
 * True for numbers, dates, UUIDs, hexadecimal ids, tokens, e-mail addresses, escapes and over-long segments.
 * `/v1`, `/getUserAccountDetails`, `/pkg.Service` and `/app.js` are names.
 */
export function isVariable(path: string, start: number, end: number): boolean {
  const length = end - start;
  if (length > NAME_LENGTH_MAX) return true;
  let digits = 0;
  let groups = 0;
  let hexLetters = 0;
  let dashes = 0;
  let inGroup = false;
  for (let i = start; i < end; i++) {
    const c = path.charCodeAt(i);
    const digit = c >= 0x30 && c <= 0x39;
    if (digit) {
      digits++;
      if (!inGroup) groups++;
    } else if ((c >= 0x61 && c <= 0x66) || (c >= 0x41 && c <= 0x46)) hexLetters++;
    else if (c === 0x2d || c === 0x3a) dashes++;
    else if (isValueMark(c)) return true;
    inGroup = digit;
  }
  if (digits === 0) return false;
  if (digits + dashes === length) return true;
  // UUIDs with and without dashes, object ids, digests
  if (digits + hexLetters + dashes === length && length >= HEX_LENGTH_MIN) return true;
  return length >= TOKEN_LENGTH && groups >= TOKEN_DIGIT_GROUPS;
}

/** `%` and `@` stand in values; `*`, `{` and `}` would be read as operators of a template. */
function isValueMark(c: number): boolean {
  return c === 0x25 || c === 0x40 || c === 0x2a || c === 0x7b || c === 0x7d;
}
