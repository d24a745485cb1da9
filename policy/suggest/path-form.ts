// Whether a segment looks like a value. Wider than what a proxy takes for one while it records: here several
// values of a place have to be seen before that means anything.
import { isVariable } from '../flows/path-segment.ts';

/** Codes such as `OLJCESPC7Z`: one word of capitals and digits, of both. */
const CODE_LENGTH_MIN = 8;

/** True for what a proxy takes for a value, and for codes. */
export function looksLikeId(path: string, start: number, end: number): boolean {
  return isVariable(path, start, end) || isCode(path, start, end);
}

function isCode(path: string, start: number, end: number): boolean {
  if (end - start < CODE_LENGTH_MIN) return false;
  let digits = 0;
  for (let i = start; i < end; i++) {
    const c = path.charCodeAt(i);
    if (c >= 0x30 && c <= 0x39) digits++;
    else if (c < 0x41 || c > 0x5a) return false;
  }
  return digits > 0 && digits < end - start;
}
