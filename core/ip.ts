// IP addresses and CIDR blocks as bytes: strict text forms only, so that two readers cannot see two
// addresses. IPv4 per RFC 6943 section 3.1.1 strict form, IPv6 per RFC 4291 section 2.2, canonical text per
// RFC 5952.

/** A block of addresses. `bytes` has 4 or 16 entries with the host bits zeroed. */
export interface Cidr {
  readonly bytes: Uint8Array;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
}

const IP_TEXT_MAX = 45; // `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`
const GROUPS = 8;

/**
 * Parses an address to 4 or 16 bytes; an IPv4-mapped IPv6 address gives 4. No zone, no leading zeros in IPv4.
 */
export function parseIp(text: string): Uint8Array | null {
  if (text.length > IP_TEXT_MAX) return null;
  const bytes = parseUnmapped(text);
  return bytes !== null && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** Parses `address` or `address/prefix`; host bits are zeroed, an IPv4-mapped block becomes an IPv4 block. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  if (address.length > IP_TEXT_MAX) return null;
  const bytes = parseUnmapped(address);
  if (bytes === null) return null;
  const widest = bytes.length * 8;
  const prefixLength = slash < 0 ? widest : parseDecimal(text, slash + 1, text.length, widest);
  if (prefixLength < 0) return null;
  if (!isMapped(bytes)) return { bytes: masked(bytes, prefixLength), prefixLength };
  // A mapped block wider than the mapped range would mean IPv4 and IPv6 at once: refused, since it has no one
  // reading.
  if (prefixLength < 96) return null;
  return { bytes: masked(bytes.subarray(12), prefixLength - 96), prefixLength: prefixLength - 96 };
}

/** True when `ip` lies in `block`; addresses of the other family never do. */
export function ipInCidr(
  ip: Uint8Array | readonly number[],
  block: { readonly bytes: Uint8Array | readonly number[]; readonly prefixLength: number },
): boolean {
  if (ip.length !== block.bytes.length) return false;
  const whole = block.prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (ip[i] !== block.bytes[i]) return false;
  const rest = block.prefixLength & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((ip[whole] ?? 0) & mask) === ((block.bytes[whole] ?? 0) & mask);
}

/**
 * Canonical text of 4 or 16 bytes: lower case, the longest run of zero groups as `::` (RFC 5952 section 4).
 */
export function formatIp(bytes: Uint8Array | readonly number[]): string {
  if (bytes.length === 4) return Array.from(bytes).join('.');
  const groups = Array.from(
    { length: GROUPS },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
  let start = -1;
  let length = 1; // RFC 5952 section 4.2.2: a single zero group is not shortened
  for (let i = 0; i < GROUPS; i++) {
    let end = i;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = Math.max(i, end);
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** The canonical text of an address, or null when it is not one: `::FFFF:10.0.0.1` gives `10.0.0.1`. */
export function canonicalIp(text: string): string | null {
  const bytes = parseIp(text);
  return bytes === null ? null : formatIp(bytes);
}

function parseUnmapped(text: string): Uint8Array | null {
  if (text.includes(':')) return parseV6(text);
  const bytes = new Uint8Array(4);
  return parseV4Into(text, 0, bytes, 0) ? bytes : null;
}

function parseV4Into(text: string, from: number, bytes: Uint8Array, offset: number): boolean {
  let start = from;
  for (let part = 0; part < 4; part++) {
    const dot = text.indexOf('.', start);
    if (part < 3 ? dot < 0 : dot >= 0) return false;
    const value = parseDecimal(text, start, part < 3 ? dot : text.length, 255);
    if (value < 0) return false;
    bytes[offset + part] = value;
    start = dot + 1;
  }
  return true;
}

function parseV6(text: string): Uint8Array | null {
  const bytes = new Uint8Array(16);
  let filled = 0;
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    const colon = text.indexOf(':', at);
    const end = colon < 0 ? text.length : colon;
    if (colon < 0 && text.indexOf('.', at) >= 0) {
      // RFC 4291 section 2.2 form 3: the last 32 bits as dotted decimal
      if (filled > 12 || !parseV4Into(text, at, bytes, filled)) return null;
      filled += 4;
      break;
    }
    const group = parseHexGroup(text, at, end);
    if (group < 0 || filled === 16) return null;
    bytes[filled++] = group >> 8;
    bytes[filled++] = group & 0xff;
    if (colon < 0) break;
    at = colon + 1;
    if (at === text.length) return null;
    if (text.charCodeAt(at) !== 0x3a) continue;
    if (gap >= 0) return null;
    gap = filled;
    at++;
  }
  if (gap < 0) return filled === 16 ? bytes : null;
  if (filled > 14) return null; // `::` stands for at least one group
  bytes.copyWithin(16 - (filled - gap), gap, filled);
  bytes.fill(0, gap, 16 - (filled - gap));
  return bytes;
}

function parseHexGroup(text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A decimal number without leading zeros, at most `max`; -1 otherwise. */
function parseDecimal(text: string, start: number, end: number, max: number): number {
  if (end <= start || end - start > 3 || (end - start > 1 && text.charCodeAt(start) === 0x30)) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value > max ? -1 : value;
}

// RFC 4291 section 2.5.5.2: ::ffff:0:0/96
function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false;
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return true;
}

function masked(bytes: Uint8Array, prefixLength: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  for (let i = 0; i < out.length; i++) {
    const keep = Math.min(8, Math.max(0, prefixLength - i * 8));
    out[i] = (out[i] ?? 0) & ((0xff << (8 - keep)) & 0xff);
  }
  return out;
}
