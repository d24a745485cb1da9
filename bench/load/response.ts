// A response reader for the load: status and length, nothing else, so that the client stays cheaper than the
// proxies.

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH_NAME = 'content-length:';

/** Called once for each complete response. */
export type OnResponse = (status: number) => void;

/** Reads responses that have a Content-Length, one at a time. */
export class ResponseReader {
  readonly #onResponse: OnResponse;
  #carry: Buffer | null = null;
  #remaining = 0;
  #status = 0;
  // PERF: heads of equal length differ in dates and ids only, so their Content-Length is parsed once.
  #lastHeadBytes = -1;
  #lastBodyBytes = 0;

  constructor(onResponse: OnResponse) {
    this.#onResponse = onResponse;
  }

  /** Takes the next bytes. @throws on a response without length, or on bytes nobody asked for */
  push(chunk: Buffer): void {
    let bodyFrom = 0;
    let bytes = chunk;
    if (this.#remaining === 0) {
      if (this.#carry !== null) bytes = Buffer.concat([this.#carry, chunk]);
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        this.#carry = bytes;
        return;
      }
      this.#carry = null;
      bodyFrom = end + HEAD_END.length;
      this.#readHead(bytes, bodyFrom);
    }
    this.#remaining -= bytes.length - bodyFrom;
    if (this.#remaining < 0) throw new Error('more bytes than one response');
    if (this.#remaining === 0) this.#onResponse(this.#status);
  }

  #readHead(bytes: Buffer, headBytes: number): void {
    const digit = (at: number): number => (bytes[at] ?? 0) - 0x30;
    this.#status = digit(9) * 100 + digit(10) * 10 + digit(11);
    if (headBytes !== this.#lastHeadBytes) {
      this.#lastBodyBytes = contentLength(bytes.toString('latin1', 0, headBytes));
      this.#lastHeadBytes = headBytes;
    }
    this.#remaining = this.#lastBodyBytes;
  }
}

function contentLength(head: string): number {
  const at = head.toLowerCase().indexOf(`\r\n${LENGTH_NAME}`);
  if (at < 0) throw new Error(`a response without content-length: ${JSON.stringify(head.slice(0, 200))}`);
  return Number.parseInt(head.slice(at + 2 + LENGTH_NAME.length), 10);
}
