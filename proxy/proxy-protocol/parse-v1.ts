// The PROXY header in text: `PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n` (proxy-protocol.txt section 2.1).
import { canonicalIp } from '../../core/ip.ts';
import type { Endpoint } from '../client.ts';
import { type HeaderRead, NO_HEADER, PARTIAL, refused, V1_PREFIX } from './header.ts';

/** With CRLF; section 2.1 counts the longest line that can be sent. */
const LINE_BYTES_MAX = 107;
const CR = 0x0d;
const LF = 0x0a;
const PORT_MAX = 65_535;

/** Reads a line that begins with `P`. */
export function parseV1(bytes: Buffer): HeaderRead {
  const end = Math.min(bytes.length, LINE_BYTES_MAX);
  for (let i = 0; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (i < V1_PREFIX.length) {
      if (byte !== V1_PREFIX[i]) return NO_HEADER;
    } else if (byte === CR) {
      if (i + 1 === LINE_BYTES_MAX) break;
      if (i + 1 === bytes.length) return PARTIAL;
      if (bytes[i + 1] !== LF) return refused('a CR without LF in the PROXY line');
      return parseLine(bytes.toString('latin1', V1_PREFIX.length, i), i + 2);
    } else if (byte < 0x20 || byte > 0x7e) return refused('a byte in the PROXY line is no printable ASCII');
  }
  return bytes.length < LINE_BYTES_MAX
    ? PARTIAL
    : refused(`the PROXY line has more than ${LINE_BYTES_MAX} bytes`);
}

/** `text` is what stands between `PROXY ` and CRLF. */
function parseLine(text: string, length: number): HeaderRead {
  // The sender does not know the client. What may follow the word has no meaning.
  if (text === 'UNKNOWN' || text.startsWith('UNKNOWN ')) return { state: 'whole', length, ends: null };
  const [family, ...fields] = text.split(' ');
  if (family !== 'TCP4' && family !== 'TCP6') return refused('the PROXY line has an unknown protocol');
  if (fields.length !== 4) return refused('the PROXY line does not have two addresses and two ports');
  const [from = '', to = '', fromPort = '', toPort = ''] = fields;
  const source = endpoint(family, from, fromPort);
  const destination = endpoint(family, to, toPort);
  if (source === null || destination === null)
    return refused(`the PROXY line has an address or a port that is none of ${family}`);
  return { state: 'whole', length, ends: { source, destination } };
}

function endpoint(family: 'TCP4' | 'TCP6', address: string, portText: string): Endpoint | null {
  if (address.includes(':') !== (family === 'TCP6')) return null;
  const ip = canonicalIp(address);
  const port = parsePort(portText);
  return ip === null || port < 0 ? null : { ip, port };
}

/** Decimal, without leading zeros; -1 otherwise. */
function parsePort(text: string): number {
  if (text === '' || text.length > 5 || (text.length > 1 && text.startsWith('0'))) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value > PORT_MAX ? -1 : value;
}
