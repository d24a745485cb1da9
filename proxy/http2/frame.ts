// Frames of HTTP/2 (RFC 9113 sections 4 and 6): their types, flags and error codes, and how they are written.
import type { Output } from './output.ts';

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITIZED = 0x20;

/** RFC 9113 section 7. */
export const NO_ERROR = 0x0;
export const PROTOCOL_ERROR = 0x1;
export const INTERNAL_ERROR = 0x2;
export const FLOW_CONTROL_ERROR = 0x3;
export const STREAM_CLOSED = 0x5;
export const FRAME_SIZE_ERROR = 0x6;
export const REFUSED_STREAM = 0x7;
export const CANCEL = 0x8;
export const COMPRESSION_ERROR = 0x9;
export const ENHANCE_YOUR_CALM = 0xb;

/** RFC 9113 section 6.5.2. */
export const SETTINGS_HEADER_TABLE_SIZE = 0x1;
export const SETTINGS_ENABLE_PUSH = 0x2;
export const SETTINGS_MAX_CONCURRENT_STREAMS = 0x3;
export const SETTINGS_INITIAL_WINDOW_SIZE = 0x4;
export const SETTINGS_MAX_FRAME_SIZE = 0x5;
export const SETTINGS_MAX_HEADER_LIST_SIZE = 0x6;

export const FRAME_HEAD_BYTES = 9;
/** The default of SETTINGS_MAX_FRAME_SIZE, and what we take: larger frames would only be kept longer. */
export const FRAME_BYTES_MAX = 16_384;
/** RFC 9113 section 6.5.2: the default of SETTINGS_INITIAL_WINDOW_SIZE. */
export const WINDOW_BYTES = 65_535;
/** RFC 9113 section 6.9.1. */
export const WINDOW_BYTES_MAX = 0x7fffffff;

/** Appends the head of a frame whose payload follows. */
export function writeFrameHead(
  out: Output,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  const at = out.reserve(FRAME_HEAD_BYTES);
  const { bytes } = out;
  setFrameLength(out, at, length);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
}

function setFrameLength(out: Output, at: number, length: number): void {
  const { bytes } = out;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
}

/**
 * Sets the length of the HEADERS frame that begins at `at` and goes to the end of `out`; what is above
 * `frameBytesMax` goes on in CONTINUATION frames.
 */
export function finishHeaders(out: Output, at: number, frameBytesMax: number): void {
  const length = out.length - at - FRAME_HEAD_BYTES;
  if (length <= frameBytesMax) return setFrameLength(out, at, length);
  const block = Buffer.from(out.bytes.subarray(at + FRAME_HEAD_BYTES, out.length));
  const flags = (out.bytes[at + 4] ?? 0) & ~END_HEADERS;
  const streamId = readUint31(out.bytes, at + 5);
  out.length = at;
  for (let from = 0; from < length; from += frameBytesMax) {
    const end = Math.min(length, from + frameBytesMax);
    const last = end === length ? END_HEADERS : 0;
    if (from === 0) writeFrameHead(out, end, HEADERS, flags, streamId);
    else writeFrameHead(out, end - from, CONTINUATION, last, streamId);
    out.copy(block, from, end);
  }
}

export function writeRstStream(out: Output, streamId: number, code: number): void {
  writeFrameHead(out, 4, RST_STREAM, 0, streamId);
  const at = out.reserve(4); // may move the bytes
  writeUint32(out.bytes, at, code);
}

export function writeWindowUpdate(out: Output, streamId: number, increment: number): void {
  writeFrameHead(out, 4, WINDOW_UPDATE, 0, streamId);
  const at = out.reserve(4);
  writeUint32(out.bytes, at, increment);
}

/** `settings`: pairs of identifier and value. */
export function writeSettings(out: Output, settings: readonly (readonly [number, number])[]): void {
  writeFrameHead(out, settings.length * 6, SETTINGS, 0, 0);
  for (const [identifier, value] of settings) {
    const at = out.reserve(6);
    out.bytes[at] = identifier >>> 8;
    out.bytes[at + 1] = identifier;
    writeUint32(out.bytes, at + 2, value);
  }
}

/** `opaque`: eight bytes that come back. */
export function writePing(out: Output, opaque: Uint8Array): void {
  writeFrameHead(out, opaque.length, PING, 0, 0);
  out.copy(opaque, 0, opaque.length);
}

/** `lastId`: the highest stream that may have been acted upon. */
export function writeGoaway(out: Output, lastId: number, code: number): void {
  writeFrameHead(out, 8, GOAWAY, 0, 0);
  const at = out.reserve(8);
  writeUint32(out.bytes, at, lastId);
  writeUint32(out.bytes, at + 4, code);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

/** Stream identifiers, increments: the first bit is reserved and ignored. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
