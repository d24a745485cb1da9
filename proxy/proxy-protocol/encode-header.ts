// The PROXY header, version 2, that the application gets at the start of a connection: from where the
// caller came, to where, and who it is (proxy-protocol.txt section 2.2).
import { parseIp } from '../../core/ip.ts';
import type { ConnectionEnds, Endpoint } from '../client.ts';
import { FAMILY, TLV, V2_PROXY, V2_SIGNATURE } from './header.ts';

/** What a header says. */
export interface HeaderFacts extends ConnectionEnds {
  /** The name that the caller asked for in TLS. */
  readonly sni: string | null;
  /** `TLSv1.3`; null for a plaintext caller. */
  readonly tlsVersion: string | null;
  /** The verified identity of the caller. */
  readonly spiffeId: string | null;
}

// Section 2.2.6: bits of `client`.
const CLIENT_SSL = 0x01;
const CLIENT_CERT = 0x02 | 0x04; // in this connection; and in this session, which is never resumed
const VERIFIED = 0;
const NOT_VERIFIED = 1;

/** Writes a header. INVARIANT: shorter than LIMITS.proxyHeaderBytes; SPIFFE IDs and names are bounded. */
export function encodeHeader(facts: HeaderFacts): Buffer {
  const { family, addresses } = encodeAddresses(facts);
  const { sni, tlsVersion, spiffeId } = facts;
  const values = [
    ...(sni === null ? [] : encodeValue(TLV.authority, sni)),
    ...(tlsVersion === null ? [] : encodeValue(TLV.ssl, encodeTls(tlsVersion, spiffeId !== null))),
    ...(spiffeId === null ? [] : encodeValue(TLV.spiffeId, spiffeId)),
  ];
  const rest = Buffer.concat([addresses, ...values]);
  const fixed = Buffer.from([V2_PROXY, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([V2_SIGNATURE, fixed, rest]);
}

/** Both addresses have one family: beside an IPv6 one an IPv4 one is written as mapped (RFC 4291). */
function encodeAddresses({ source, destination }: ConnectionEnds): { family: number; addresses: Buffer } {
  const [from, to] = [bytesOf(source), bytesOf(destination)];
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  if (from.length === 4 && to.length === 4)
    return { family: FAMILY.tcp4, addresses: Buffer.concat([from, to, ports]) };
  return { family: FAMILY.tcp6, addresses: Buffer.concat([wide(from), wide(to), ports]) };
}

function bytesOf({ ip }: Endpoint): Uint8Array {
  const bytes = parseIp(ip);
  if (bytes === null) throw new Error(`\`${ip}\` is no address`); // ours: the kernel's text, or canonical
  return bytes;
}

function wide(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 ? bytes : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes);
}

/** Section 2.2.6, without the subject’s common name: X509-SVIDs are known by their URI. */
function encodeTls(version: string, certificate: boolean): Buffer {
  const fixed = Buffer.alloc(5);
  fixed.writeUInt8(CLIENT_SSL | (certificate ? CLIENT_CERT : 0), 0);
  fixed.writeUInt32BE(certificate ? VERIFIED : NOT_VERIFIED, 1);
  return Buffer.concat([fixed, ...encodeValue(TLV.sslVersion, version)]);
}

function encodeValue(type: number, value: string | Buffer): [Buffer, Buffer] {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return [Buffer.from([type, bytes.length >> 8, bytes.length & 0xff]), bytes];
}
