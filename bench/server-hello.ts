// What a server chose for a TLS 1.3 session, read from its first bytes on the wire (RFC 8446 section 4.1.3):
// nothing that either end says about itself.

const HANDSHAKE_RECORD = 22;
const SERVER_HELLO = 2;
const RECORD_HEAD_BYTES = 5;
/** Record head, handshake head, legacy version, random. */
const SESSION_ID_AT = RECORD_HEAD_BYTES + 4 + 2 + 32;
const EXTENSION = { preSharedKey: 41, supportedVersions: 43, keyShare: 51 } as const;

const VERSIONS = new Map([[0x0304, 'TLSv1.3']]);
const CIPHERS = new Map([
  [0x1301, 'TLS_AES_128_GCM_SHA256'],
  [0x1302, 'TLS_AES_256_GCM_SHA384'],
  [0x1303, 'TLS_CHACHA20_POLY1305_SHA256'],
]);
const GROUPS = new Map([
  [0x0017, 'P-256'],
  [0x001d, 'X25519'],
  [0x11ec, 'X25519MLKEM768'],
]);

export interface ServerHello {
  /** `TLSv1.3 TLS_AES_128_GCM_SHA256 X25519` */
  readonly tls: string;
  /** True when an earlier session was taken up. */
  readonly resumed: boolean;
}

/** Reads the first record of a server; null when it is no ServerHello, or not all of it is there. */
export function readServerHello(bytes: Buffer): ServerHello | null {
  if (bytes.length < RECORD_HEAD_BYTES || bytes.length < RECORD_HEAD_BYTES + bytes.readUInt16BE(3))
    return null;
  if (bytes[0] !== HANDSHAKE_RECORD || bytes[RECORD_HEAD_BYTES] !== SERVER_HELLO) return null;
  try {
    const cipherAt = SESSION_ID_AT + 1 + bytes.readUInt8(SESSION_ID_AT);
    const { version, group, resumed } = readExtensions(bytes, cipherAt + 3); // the cipher, no compression
    const cipher = bytes.readUInt16BE(cipherAt);
    const tls = [
      named(VERSIONS, version ?? bytes.readUInt16BE(SESSION_ID_AT - 34)),
      named(CIPHERS, cipher),
      ...(group === null ? [] : [named(GROUPS, group)]),
    ].join(' ');
    return { tls, resumed };
  } catch (error) {
    if (error instanceof RangeError) return null; // a length that leads beyond the bytes
    throw error;
  }
}

function readExtensions(
  bytes: Buffer,
  from: number,
): { version: number | null; group: number | null; resumed: boolean } {
  let version: number | null = null;
  let group: number | null = null;
  let resumed = false;
  const end = from + 2 + bytes.readUInt16BE(from);
  for (let at = from + 2; at < end; at += 4 + bytes.readUInt16BE(at + 2)) {
    const type = bytes.readUInt16BE(at);
    if (type === EXTENSION.supportedVersions) version = bytes.readUInt16BE(at + 4);
    if (type === EXTENSION.keyShare) group = bytes.readUInt16BE(at + 4);
    if (type === EXTENSION.preSharedKey) resumed = true;
  }
  return { version, group, resumed };
}

function named(names: ReadonlyMap<number, string>, value: number): string {
  return names.get(value) ?? `0x${value.toString(16).padStart(4, '0')}`;
}
