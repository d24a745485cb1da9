// Verifies the conditions on a request: methods, paths, hosts and headers.
import { valueMatches } from './evaluate-text.ts';
import {
  CONDITION_FIELD,
  CONDITION_HEAD,
  CONDITION_NOTS,
  CONDITION_VALUES,
  FLAG_ANY_VALUE,
  VALUE_WORDS,
  WITH_PORT,
} from './table-layout.ts';

const COMMA = 0x2c;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * True when one of the values of the condition at `c` matches (when it has values), and none of its
 * not-values. Values without a port see only the first `nameEnd` characters of `text`.
 */
export function valuesMatch(
  code: Int32Array,
  c: number,
  blob: string,
  text: string,
  nameEnd: number,
): boolean {
  return spanHolds(code, c, blob, text, 0, text.length, nameEnd);
}

/**
 * The condition on a header: ALLOW needs it for every value, DENY and AUDIT for any value or comma-separated
 * member.
 */
export function headerHolds(
  code: Int32Array,
  c: number,
  blob: string,
  values: readonly string[] | undefined,
): boolean {
  // An absent header is one value that matches nothing.
  if (values === undefined || values.length === 0) return code[c + CONDITION_VALUES] === 0;
  const any = (code[c + CONDITION_FIELD]! & FLAG_ANY_VALUE) !== 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const holds = spanHolds(code, c, blob, value, 0, value.length, value.length);
    if (any ? holds || memberHolds(code, c, blob, value) : !holds) return any;
  }
  return !any;
}

// RFC 9110 section 5.6.1: members of a list are separated by commas and optional whitespace. Values of one
// header may have been joined with a comma on the way (CVE-2026-26308), so that a member counts as a value.
// Empty members too.
function memberHolds(code: Int32Array, c: number, blob: string, value: string): boolean {
  if (value.indexOf(',') < 0) return false;
  for (let from = 0; from <= value.length; ) {
    let comma = from;
    while (comma < value.length && value.charCodeAt(comma) !== COMMA) comma++;
    let start = from;
    let end = comma;
    while (start < end && isBlank(value.charCodeAt(start))) start++;
    while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
    if (spanHolds(code, c, blob, value, start, end, end)) return true;
    from = comma + 1;
  }
  return false;
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB;
}

function spanHolds(
  code: Int32Array,
  c: number,
  blob: string,
  text: string,
  start: number,
  end: number,
  nameEnd: number,
): boolean {
  const n = code[c + CONDITION_VALUES]!;
  const nots = code[c + CONDITION_NOTS]!;
  const values = c + CONDITION_HEAD;
  if (n > 0 && !anyMatches(code, values, n, blob, text, start, end, nameEnd)) return false;
  return nots === 0 || !anyMatches(code, values + n * VALUE_WORDS, nots, blob, text, start, end, nameEnd);
}

/**
 * True when one of the `n` values at `first` matches `text[start, end)`, or up to `nameEnd` without a port.
 */
export function anyMatches(
  code: Int32Array,
  first: number,
  n: number,
  blob: string,
  text: string,
  start: number,
  end: number,
  nameEnd: number,
): boolean {
  for (let at = first, stop = first + n * VALUE_WORDS; at < stop; at += VALUE_WORDS) {
    const kind = code[at]!;
    const to = (kind & WITH_PORT) !== 0 ? end : nameEnd;
    if (valueMatches(blob, kind, code[at + 1]!, code[at + 2]!, text, start, to)) return true;
  }
  return false;
}
