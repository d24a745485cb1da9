// Host and authority (RFC 9112 section 3.2, RFC 3986 section 3.2.2): one spelling for policies, no guesses.
import { formatIp, parseIp } from '../../core/ip.ts';

const COLON = 0x3a;
const DOT = 0x2e;
const PORT_MAX = 65_535;
const HOST_CHARS_MAX = 255;

/**
 * The host as policies see it: lower case, one trailing dot of the name dropped, port kept when sent.
 * Null when `text[start, end)` is not `uri-host [":" port]` with a port of 0 to 65535. Refused although the
 * grammar allows it, because applications read it in different ways: an empty host, `%` escapes, empty
 * labels, an empty port, a port with leading zeros.
 */
export function canonicalHost(text: string, start: number, end: number): string | null {
  const nameEnd =
    text.charCodeAt(start) === 0x5b ? literalEnd(text, start, end) : nameLength(text, start, end);
  if (nameEnd <= start || nameEnd - start > HOST_CHARS_MAX) return null;
  if (nameEnd < end && !isPort(text, nameEnd + 1, end)) return null;
  if (text.charCodeAt(start) === 0x5b) return literalText(text, start, nameEnd) + text.slice(nameEnd, end);
  if (text.charCodeAt(nameEnd - 1) !== DOT) return text.slice(start, end).toLowerCase();
  // A lone dot has no name left.
  if (nameEnd - start === 1) return null;
  return (text.slice(start, nameEnd - 1) + text.slice(nameEnd, end)).toLowerCase();
}

/** End of `[IPv6]`, or -1. Zones (`%`) and IPvFuture are refused. */
function literalEnd(text: string, start: number, end: number): number {
  const close = text.indexOf(']', start);
  if (close < 0 || close >= end) return -1;
  const address = text.slice(start + 1, close);
  if (!address.includes(':') || parseIp(address) === null) return -1;
  return close + 1 === end || text.charCodeAt(close + 1) === COLON ? close + 1 : -1;
}

/** `[IPv6]` in the one spelling of RFC 5952; an IPv4-mapped address is the IPv4 one that it stands for. */
function literalText(text: string, start: number, end: number): string {
  const ip = parseIp(text.slice(start + 1, end - 1)) ?? [];
  return ip.length === 4 ? formatIp(ip) : `[${formatIp(ip)}]`;
}

/** End of a reg-name or IPv4 address without escapes and empty labels, or -1. */
function nameLength(text: string, start: number, end: number): number {
  let afterDot = true;
  let i = start;
  for (; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === COLON) break;
    if (c === DOT ? afterDot : !isNameChar(c)) return -1;
    afterDot = c === DOT;
  }
  return i;
}

/** unreserved / sub-delims of RFC 3986, but the comma: two joined Host values are not a name. */
function isNameChar(c: number): boolean {
  const letter = c | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  if (c >= 0x30 && c <= 0x39) return true;
  return (
    c === 0x2d || c === 0x5f || c === 0x7e || (c !== 0x2c && "!$&'()*+;=".includes(String.fromCharCode(c)))
  );
}

function isPort(text: string, start: number, end: number): boolean {
  // No leading zeros: two spellings of a port would be two hosts to a policy and one to the network.
  if (start >= end || end - start > 5 || (text.charCodeAt(start) === 0x30 && end - start > 1)) return false;
  let port = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= PORT_MAX;
}
