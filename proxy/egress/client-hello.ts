// The server name of a TLS ClientHello, read without ending TLS (RFC 8446 sections 4.1.2 and 5.1, RFC 6066
// section 3). What it does not understand is refused: the server may understand it.

/** What a tunnel began with, once it is known. `name` is null when the client names no server. */
export type Hello = { readonly name: string | null } | { readonly fault: 'not-tls' | 'hidden-name' };

const RECORD_HANDSHAKE = 22;
const RECORD_HEADER = 5;
const RECORD_BYTES_MAX = 16_384; // RFC 8446 section 5.1
const CLIENT_HELLO = 1;
const MESSAGE_HEADER = 4;
/** Larger than any client's, post-quantum key shares included. */
const HELLO_BYTES_MAX = 32_768;
/** With record headers: also bounds what tiny records cost to collect. */
const BYTES_MAX = 40_960;
const SERVER_NAME = 0;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;
const HOST_NAME = 0;
const EXTENSIONS_MAX = 64;
const NOT_TLS = { fault: 'not-tls' } as const;

/** Collects the first bytes of a tunnel until its ClientHello is whole, over as many records as it takes. */
export class ClientHelloReader {
  private bytes: Buffer = Buffer.alloc(0);

  /** Takes the next bytes; null while the ClientHello is not whole. */
  push(chunk: Buffer): Hello | null {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    const message = this.message();
    if (message === null && this.bytes.length > BYTES_MAX) return NOT_TLS;
    if (message === null || 'fault' in message) return message;
    const size = message.bytes.readUIntBE(1, 3);
    const end = MESSAGE_HEADER + size;
    if (message.bytes.length < end) return this.bytes.length > BYTES_MAX ? NOT_TLS : null;
    return readHello(new Reader(message.bytes.subarray(MESSAGE_HEADER, end)));
  }

  /** The handshake bytes of the records so far, once they say which message it is and how long. */
  private message(): { bytes: Buffer } | typeof NOT_TLS | null {
    const { bytes } = this;
    const fragments: Buffer[] = [];
    let length = 0;
    for (let at = 0; at < bytes.length; ) {
      if (bytes[at] !== RECORD_HANDSHAKE) return NOT_TLS;
      if (at + 1 < bytes.length && bytes[at + 1] !== 3) return NOT_TLS; // legacy_record_version
      if (at + RECORD_HEADER > bytes.length) break;
      const size = bytes.readUInt16BE(at + 3);
      // Section 5.1: no empty handshake fragments; a reader that waits for more could be kept waiting.
      if (size === 0 || size > RECORD_BYTES_MAX) return NOT_TLS;
      const fragment = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size);
      fragments.push(fragment);
      length += fragment.length;
      at += RECORD_HEADER + size;
    }
    const all = Buffer.concat(fragments, length);
    if (length > 0 && all[0] !== CLIENT_HELLO) return NOT_TLS;
    if (length < MESSAGE_HEADER) return null;
    return all.readUIntBE(1, 3) > HELLO_BYTES_MAX ? NOT_TLS : { bytes: all };
  }
}

function readHello(hello: Reader): Hello {
  hello.skip(2 + 32); // legacy_version, random
  hello.vector(1); // legacy_session_id
  hello.vector(2); // cipher_suites
  hello.vector(1); // legacy_compression_methods
  if (hello.broken) return NOT_TLS;
  if (hello.done) return { name: null };
  const extensions = hello.vector(2);
  if (hello.broken || !hello.done) return NOT_TLS;
  const seen = new Set<number>();
  let name: string | null = null;
  while (!extensions.done) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    // Section 4.2: no extension comes twice
    if (extensions.broken || seen.has(type) || seen.size >= EXTENSIONS_MAX) return NOT_TLS;
    seen.add(type);
    if (type === ENCRYPTED_CLIENT_HELLO) return { fault: 'hidden-name' };
    if (type !== SERVER_NAME) continue;
    name = readServerName(body);
    if (name === null) return NOT_TLS;
  }
  return { name };
}

/** Exactly one name, of type host_name. */
function readServerName(body: Reader): string | null {
  const list = body.vector(2);
  const type = list.number(1);
  const name = list.vector(2);
  const whole = !body.broken && body.done && !list.broken && list.done && !name.broken;
  return whole && type === HOST_NAME && name.length > 0 ? name.text() : null;
}

/** Reads numbers and vectors; once it ran over the end it is `broken`, and stays so. */
class Reader {
  broken = false;
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.broken || this.at === this.bytes.length;
  }

  get length(): number {
    return this.bytes.length;
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) this.broken = true;
  }

  number(size: 1 | 2): number {
    const { at } = this;
    this.skip(size);
    return this.broken ? 0 : this.bytes.readUIntBE(at, size);
  }

  /** A vector with a length of `size` bytes before it. */
  vector(size: 1 | 2): Reader {
    const length = this.number(size);
    const { at } = this;
    this.skip(length);
    const inner = new Reader(this.broken ? Buffer.alloc(0) : this.bytes.subarray(at, at + length));
    inner.broken = this.broken;
    return inner;
  }

  text(): string {
    return this.bytes.toString('latin1');
  }
}
