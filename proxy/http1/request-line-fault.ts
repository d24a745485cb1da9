// Names the fault of a request line that was refused (RFC 9112 section 3): off the usual path, so apart from
// it.
import type { Reason } from '../../core/reasons.ts';
import { lineFault } from './header-lines.ts';
import { startsWithIgnoringCase } from './tokens.ts';

/** What is wrong with the request line whose first wrong byte is at or after `start`. */
export function requestLineFault(text: string, start: number): Reason {
  let i = start;
  while (text.charCodeAt(i) !== 0x0d && text.charCodeAt(i) !== 0x0a) i++;
  return lineFault(text, i) === 'bare-newline' ? 'bare-newline' : 'bad-request-line';
}

/** What is wrong with the version; `targetEnd` is where the SP before it stands. */
export function versionFault(text: string, targetEnd: number): Reason {
  const at = targetEnd + 1;
  const shaped =
    startsWithIgnoringCase(text, at, 'http/') &&
    isDigit(text.charCodeAt(at + 5)) &&
    text.charCodeAt(at + 6) === 0x2e &&
    isDigit(text.charCodeAt(at + 7)) &&
    text.startsWith('\r\n', at + 8);
  return shaped ? 'bad-version' : requestLineFault(text, targetEnd);
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}
