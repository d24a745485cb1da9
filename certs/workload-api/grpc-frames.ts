// gRPC messages in the data of an HTTP/2 stream: a flag, a length of 32 bits, and so many bytes.
// @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import { MessageError } from './protobuf.ts';

const PREFIX_BYTES = 5;

/** One message, not compressed, as it goes over the wire. */
export function writeFrame(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Cuts messages out of what arrives, in whatever pieces. */
export class FrameReader {
  readonly #messageBytesMax: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes without which there is nothing to do: a prefix, or a prefix and its message. */
  #wanted = PREFIX_BYTES;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** A message has begun that is not complete. */
  get inside(): boolean {
    return this.#held > 0;
  }

  /** Every message that `piece` completes. @throws MessageError */
  push(piece: Buffer): Buffer[] {
    this.#pieces.push(piece);
    this.#held += piece.length;
    const messages: Buffer[] = [];
    // PERF: pieces are joined when what is wanted is there, at most twice a message.
    while (this.#held >= this.#wanted) {
      const [first = Buffer.alloc(0), ...others] = this.#pieces;
      const bytes = others.length === 0 ? first : Buffer.concat(this.#pieces);
      const end = PREFIX_BYTES + this.#lengthOf(bytes);
      if (bytes.length >= end) messages.push(bytes.subarray(PREFIX_BYTES, end));
      this.#wanted = bytes.length >= end ? PREFIX_BYTES : end;
      this.#pieces = [bytes.length >= end ? bytes.subarray(end) : bytes];
      this.#held = this.#pieces[0]?.length ?? 0;
    }
    return messages;
  }

  #lengthOf(bytes: Buffer): number {
    const flag = bytes.readUInt8(0);
    // Compression was not offered: grpc-accept-encoding is not sent.
    if (flag !== 0)
      throw new MessageError(flag === 1 ? 'a message is compressed' : `a message has flag ${flag}`);
    const length = bytes.readUInt32BE(1);
    if (length > this.#messageBytesMax)
      throw new MessageError(`a message of ${length} bytes; at most ${this.#messageBytesMax} are read`);
    return length;
  }
}
