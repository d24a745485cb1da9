// Compares one compiled value with a piece of a request, in place: no substring is made, nothing is thrown.
import { EXACT, KIND_MASK, PREFIX, PRESENCE, SUFFIX, TEMPLATE } from './table-layout.ts';

const SLASH = 0x2f;
const OPEN_BRACE = 0x7b;
const STAR = 0x2a;
const BUILT_IN_MIN = 6;

/** True when the value (`kind`, `length` characters of `blob` at `offset`) matches `text[start, end)`. */
export function valueMatches(
  blob: string,
  kind: number,
  offset: number,
  length: number,
  text: string,
  start: number,
  end: number,
): boolean {
  const n = end - start;
  switch (kind & KIND_MASK) {
    case EXACT:
      if (n !== length) return false;
      // PERF: the built-in is three times as fast as the loop, but for a few characters slower to begin with
      // (bench/micro/decision.ts).
      if (n > BUILT_IN_MIN && n === text.length) return blob.startsWith(text, offset);
      return sameText(blob, offset, text, start, length);
    case PREFIX:
      return n >= length && sameText(blob, offset, text, start, length);
    case SUFFIX:
      return n >= length && sameText(blob, offset, text, end - length, length);
    case PRESENCE:
      return n > 0;
    case TEMPLATE:
      return templateMatches(blob, offset, offset + length, text, start, end);
    default:
      return false;
  }
}

/** True when `length` characters of `blob` at `offset` and of `text` at `start` are equal. */
export function sameText(blob: string, offset: number, text: string, start: number, length: number): boolean {
  // From the end: values of one policy differ there more often than at their beginning.
  for (let i = length - 1; i >= 0; i--) {
    if (blob.charCodeAt(offset + i) !== text.charCodeAt(start + i)) return false;
  }
  return true;
}

// `{*}` takes one non-empty segment. `{**}` is the last operator and takes anything: what follows it is a
// suffix.
function templateMatches(
  blob: string,
  offset: number,
  stop: number,
  text: string,
  start: number,
  end: number,
): boolean {
  let at = start;
  for (let t = offset; t < stop; ) {
    const c = blob.charCodeAt(t);
    if (c === OPEN_BRACE && blob.charCodeAt(t + 1) === STAR) {
      if (blob.charCodeAt(t + 2) === STAR) {
        const tail = stop - (t + 4);
        return end - at >= tail && sameText(blob, t + 4, text, end - tail, tail);
      }
      const from = at;
      while (at < end && text.charCodeAt(at) !== SLASH) at++;
      if (at === from) return false;
      t += 3;
    } else {
      if (at === end || text.charCodeAt(at) !== c) return false;
      at++;
      t++;
    }
  }
  return at === end;
}
