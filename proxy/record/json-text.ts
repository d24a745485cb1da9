// JSON text by hand for the lines of the log and of flow records: strings that a peer chose are escaped and
// bounded. Everything comes out as valid JSON in valid UTF-8, without a control character that a terminal
// would obey.

const HEX = '0123456789abcdef';
const CUT = '\\u2026';

/**
 * `text` as a JSON string of at most `max` characters of it; a longer one ends with an ellipsis.
 * @see RFC 8259 section 7
 */
export function quote(text: string, max: number): string {
  const end = Math.min(text.length, max);
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c >= 0x7f || c === 0x22 || c === 0x5c) return escaped(text, i, end);
  }
  return end === text.length ? `"${text}"` : `"${text.slice(0, end)}${CUT}"`;
}

/** A string or null. */
export function quoteOrNull(text: string | null, max: number): string {
  return text === null ? 'null' : quote(text, max);
}

/** A JSON array of strings, at most `items` of them. */
export function quoteList(texts: readonly string[], items: number, max: number): string {
  let list = '';
  for (let i = 0; i < texts.length && i < items; i++)
    list += `${i === 0 ? '' : ','}${quote(texts[i] ?? '', max)}`;
  return `[${list}]`;
}

/** A finite number as JSON; anything else as 0. */
export function number(value: number): string {
  return Number.isFinite(value) ? String(value) : '0';
}

/** Microseconds from milliseconds, rounded. */
export function microseconds(ms: number): string {
  return number(Math.max(0, Math.round(ms * 1000)));
}

/**
 * A copy that does not keep the string it was cut from alive: a slice of a request head holds all of it.
 * Peers' texts are latin1 here; other texts come through unchanged.
 */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** Wall time as RFC 3339 text; the text of the last millisecond is kept. */
export class TimeText {
  #ms = Number.NaN;
  #text = '';

  at(ms: number): string {
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = new Date(ms).toISOString();
    }
    return this.#text;
  }
}

function escaped(text: string, from: number, end: number): string {
  let out = `"${text.slice(0, from)}`;
  for (let i = from; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) out += '\\"';
    else if (c === 0x5c) out += '\\\\';
    // C0, DEL and C1 controls, and the line separators that break naive readers.
    else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c === 0x2028 || c === 0x2029) out += unicode(c);
    // A surrogate is escaped alone or in its pair: either way the text stays valid UTF-8.
    else if (c >= 0xd800 && c <= 0xdfff) out += unicode(c);
    else out += text.charAt(i);
  }
  return end === text.length ? `${out}"` : `${out}${CUT}"`;
}

function unicode(c: number): string {
  const digit = (shift: number): string => HEX.charAt((c >> shift) & 15);
  return `\\u${digit(12)}${digit(8)}${digit(4)}${digit(0)}`;
}
