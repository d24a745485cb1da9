// The PROXY header in binary (proxy-protocol.txt section 2.2):
//
//   signature 12 | version, command 1 | family, transport 1 | length 2 | addresses | type 1, length 2, value
//
// Values are checked for their form and for the checksum, and otherwise not read: who calls is said by a
// certificate, not by a header.
import { canonicalIp, formatIp } from '../../core/ip.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ConnectionEnds } from '../client.ts';
import { crc32c } from './crc32c.ts';
import {
  ADDRESS_BYTES,
  FAMILY,
  type HeaderRead,
  NO_HEADER,
  PARTIAL,
  refused,
  TLV,
  TLV_FIXED_BYTES,
  V2_FIXED_BYTES,
  V2_LOCAL,
  V2_PROXY,
  V2_SIGNATURE,
} from './header.ts';

const COMMAND_AT = 12;
const FAMILY_AT = 13;
const LENGTH_AT = 14;
const CRC_BYTES = 4;

/** Reads a header that begins with CR. */
export function parseV2(bytes: Buffer): HeaderRead {
  const signed = Math.min(bytes.length, V2_SIGNATURE.length);
  for (let i = 0; i < signed; i++) if (bytes[i] !== V2_SIGNATURE[i]) return NO_HEADER;
  const command = bytes[COMMAND_AT];
  if (command === undefined) return PARTIAL;
  if (command !== V2_LOCAL && command !== V2_PROXY)
    return refused('the PROXY header has an unknown version or command');
  const family = bytes[FAMILY_AT];
  if (family === undefined) return PARTIAL;
  // LOCAL: the sender speaks for itself, the family has no meaning.
  const addressBytes = command === V2_LOCAL ? 0 : ADDRESS_BYTES.get(family);
  if (addressBytes === undefined) return refused('the PROXY header is for a protocol that is not TCP');
  if (bytes.length < V2_FIXED_BYTES) return PARTIAL;
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(LENGTH_AT);
  if (length > LIMITS.proxyHeaderBytes)
    return refused(`the PROXY header has more than ${LIMITS.proxyHeaderBytes} bytes`);
  const valuesAt = V2_FIXED_BYTES + addressBytes;
  if (length < valuesAt) return refused('the PROXY header is too short for its addresses');
  if (bytes.length < length) return PARTIAL;
  // Without addresses nothing says where values would begin: all of it is passed over, as the text asks.
  if (addressBytes === 0) return { state: 'whole', length, ends: null };
  const fault = valuesFault(bytes, valuesAt, length);
  return fault === null ? { state: 'whole', length, ends: endsOf(bytes, family) } : refused(fault);
}

/** A client on a socket of the sender's machine has the sender's address: null, as for LOCAL. */
function endsOf(bytes: Buffer, family: number): ConnectionEnds | null {
  if (family === FAMILY.unixStream) return null;
  const size = family === FAMILY.tcp4 ? 4 : 16;
  const destinationAt = V2_FIXED_BYTES + size;
  const portsAt = destinationAt + size;
  return {
    source: { ip: ipAt(bytes, V2_FIXED_BYTES, size), port: bytes.readUInt16BE(portsAt) },
    destination: { ip: ipAt(bytes, destinationAt, size), port: bytes.readUInt16BE(portsAt + 2) },
  };
}

// SAFETY: an IPv4-mapped address becomes the IPv4 one: a DENY on its block must not miss it.
function ipAt(bytes: Buffer, at: number, size: number): string {
  const text = formatIp(bytes.subarray(at, at + size));
  return canonicalIp(text) ?? text;
}

/** Sections 2.2 and 2.2.3: values fill the rest exactly, and a checksum holds. */
function valuesFault(bytes: Buffer, from: number, end: number): string | null {
  let checked = false;
  for (let at = from; at < end; ) {
    const valueAt = at + TLV_FIXED_BYTES;
    if (valueAt > end) return 'the PROXY header ends within a value';
    const next = valueAt + bytes.readUInt16BE(at + 1);
    if (next > end) return 'the PROXY header ends within a value';
    if (bytes[at] === TLV.crc32c) {
      if (checked || next - valueAt !== CRC_BYTES) return 'the PROXY header has a malformed checksum';
      if (crc32c(bytes.subarray(0, end), valueAt) !== bytes.readUInt32BE(valueAt))
        return 'the checksum of the PROXY header does not hold';
      checked = true;
    }
    at = next;
  }
  return null;
}
