// Text that came from peers and files, made harmless for a terminal, a shell and a reader: everything that is
// not plain ASCII is escaped, so that nothing moves a cursor, turns the direction of writing or looks like
// something else.

const HEX_DIGITS = 4;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/** `text` in printable ASCII; other characters as `\u001b`, and a backslash as two. */
export function printable(text: string): string {
  return escapeUnless(text, (c) => c >= FIRST_PRINTABLE && c <= LAST_PRINTABLE && c !== 0x5c);
}

/** JSON in printable ASCII: `JSON.stringify` leaves DEL, C1 controls and marks of direction as they are. */
export function jsonText(value: unknown): string {
  return `${escapeUnless(JSON.stringify(value), (c) => c <= LAST_PRINTABLE)}\n`;
}

/** `text` in any script; what moves a cursor, turns the direction of writing or is not seen is escaped. */
export function visible(text: string): string {
  return escapeUnless(text, (c) => c >= FIRST_PRINTABLE && !isUnseen(c));
}

/** DEL, C1 controls, soft hyphen, zero-width characters, marks of direction, separators of lines, the BOM. */
const isUnseen = (c: number): boolean =>
  (c > LAST_PRINTABLE && c < 0xa0) ||
  [0xad, 0x61c, 0x180e, 0xfeff].includes(c) ||
  (c >= 0x200b && c <= 0x200f) ||
  (c >= 0x2028 && c <= 0x202e) ||
  (c >= 0x2060 && c <= 0x206f);

function escapeUnless(text: string, isPlain: (c: number) => boolean): string {
  let out = '';
  let plainFrom = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isPlain(c)) continue;
    out += text.slice(plainFrom, i);
    out += c === 0x5c ? '\\\\' : `\\u${c.toString(16).padStart(HEX_DIGITS, '0')}`;
    plainFrom = i + 1;
  }
  return plainFrom === 0 ? text : out + text.slice(plainFrom);
}

const PLAIN_IN_SHELL = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:@%+=,-';

/**
 * One word of a command line to paste; null when that cannot be done safely: it would be an option, or it has
 * characters that a terminal obeys.
 */
export function shellWord(text: string): string | null {
  if (text === '' || text.startsWith('-')) return null;
  let plain = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < FIRST_PRINTABLE || c > LAST_PRINTABLE) return null;
    plain &&= PLAIN_IN_SHELL.includes(text.charAt(i));
  }
  // `!` is history in an interactive shell, within double quotes too, but not within single ones.
  return plain ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

const NUMBERS = new Intl.NumberFormat('en-US');

/** `1,204`. */
export const thousands = (count: number): string => NUMBERS.format(count);

/** `1 request`, `1,204 requests`. */
export const counted = (count: number, what: string): string =>
  `${thousands(count)} ${what}${count === 1 ? '' : 's'}`;

/** RFC 3339 to the second, or null for no time. */
export const timeOrNull = (ms: number): string | null =>
  Number.isFinite(ms) ? new Date(ms).toISOString() : null;

/** The same for people. */
export const shortTime = (ms: number): string =>
  Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(0, 19)}Z` : '-';
