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
  private readonly raw = new Collected();
  private readonly message = new Collected();
  /** Where the next record begins in `raw`. */
  private at = 0;

  /** Everything that was pushed. */
  get bytes(): Buffer {
    return this.raw.view();
  }

  /** Takes the next bytes; null while the ClientHello is not whole. PERF: each byte is looked at once. */
  push(chunk: Buffer): Hello | null {
    if (this.raw.length + chunk.length > BYTES_MAX + RECORD_BYTES_MAX) return NOT_TLS;
    this.raw.append(chunk);
    if (!this.readRecords()) return NOT_TLS;
    const message = this.message.view();
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return NOT_TLS;
    const size = message.length < MESSAGE_HEADER ? -1 : message.readUIntBE(1, 3);
    if (size > HELLO_BYTES_MAX) return NOT_TLS;
    const end = MESSAGE_HEADER + size;
    if (size >= 0 && message.length >= end)
      return readHello(new Reader(message.subarray(MESSAGE_HEADER, end)));
    return this.raw.length > BYTES_MAX ? NOT_TLS : null;
  }

  /** Moves whole records to `message`; false when they are not those of a handshake. */
  private readRecords(): boolean {
    const raw = this.raw.view();
    while (this.at < raw.length) {
      const { at } = this;
      if (raw[at] !== RECORD_HANDSHAKE) return false;
      if (at + 1 < raw.length && raw[at + 1] !== 3) return false; // legacy_record_version
      if (at + RECORD_HEADER > raw.length) return true;
      const size = raw.readUInt16BE(at + 3);
      // Section 5.1: no empty handshake fragments; a reader that waits for more could be kept waiting.
      if (size === 0 || size > RECORD_BYTES_MAX) return false;
      const first = raw[at + RECORD_HEADER];
      if (this.message.length === 0 && first !== undefined && first !== CLIENT_HELLO) return false;
      const end = at + RECORD_HEADER + size;
      if (end > raw.length) return true;
      this.message.append(raw.subarray(at + RECORD_HEADER, end));
      this.at = end;
    }
    return true;
  }
}

/** Bytes that are appended to: memory doubles, so that many small pieces cost no more than a large one. */
class Collected {
  length = 0;
  private bytes = Buffer.alloc(2_048);

  append(piece: Buffer): void {
    const wanted = this.length + piece.length;
    if (wanted > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(wanted, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    piece.copy(this.bytes, this.length);
    this.length = wanted;
  }

  view(): Buffer {
    return this.bytes.subarray(0, this.length);
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
