// What is asked over HTTP/2, and the header blocks of it.
import type { EncodableField } from '../../../proxy/http2/hpack/encoder.ts';

/**
 * A GET; one gRPC call after the other, a message each way; or one call that lasts, in which each message is
 * answered by one.
 */
export type Http2Call = 'get' | 'grpc-unary' | 'grpc-streaming';

/** Of each connection. */
export interface Http2Load {
  readonly streams: number;
  readonly call: Http2Call;
  /** Of each gRPC message. */
  readonly messageBytes: number;
}

/** Bytes before a message of gRPC: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;

/** A message of `bytes` bytes, not compressed. */
export function grpcMessage(bytes: number): Buffer {
  const message = Buffer.alloc(PREFIX_BYTES + bytes, 'x');
  message[0] = 0;
  message.writeUInt32BE(bytes, 1);
  return message;
}

export function encodable(lines: readonly (readonly [name: string, value: string])[]): EncodableField[] {
  return lines.map(([name, value]) => ({
    source: Buffer.from(name + value, 'latin1'),
    name: null,
    nameStart: 0,
    nameEnd: name.length,
    valueStart: name.length,
    valueEnd: name.length + value.length,
    sensitive: false,
  }));
}

export function requestFields(call: Http2Call, path: string, tls: boolean): EncodableField[] {
  const method = call === 'get' ? 'GET' : 'POST';
  const grpc: [string, string][] =
    call === 'get'
      ? []
      : [
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
        ];
  return encodable([
    [':method', method],
    [':scheme', tls ? 'https' : 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['user-agent', 'sallyport-bench'],
    ...grpc,
  ]);
}
