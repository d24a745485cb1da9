// PROXY headers put together by hand from the text of the specification, and what the parser says of bytes.
import { crc32c } from '../../../../proxy/proxy-protocol/crc32c.ts';
import type { HeaderRead } from '../../../../proxy/proxy-protocol/header.ts';
import { parseHeader } from '../../../../proxy/proxy-protocol/parse-header.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/** 192.0.2.1:56324 to 198.51.100.9:443. */
export const V4 = [192, 0, 2, 1, 198, 51, 100, 9, 0xdc, 0x04, 0x01, 0xbb];
/** [2001:db8::1]:56324 to [2001:db8::9]:443. */
export const V6 = [...v6(1), ...v6(9), 0xdc, 0x04, 0x01, 0xbb];

/** 2001:db8::<last>. */
export function v6(last: number): number[] {
  return [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
}

/** A header of version 2; `length` is that of `rest` unless it lies. */
export function v2(of: {
  readonly command?: number;
  readonly family?: number;
  readonly rest?: readonly number[];
  readonly length?: number;
}): Buffer {
  const { command = 0x21, family = 0x11, rest = V4, length = rest.length } = of;
  return Buffer.from([...SIGNATURE, command, family, length >> 8, length & 0xff, ...rest]);
}

/** One value with its type and length. */
export function tlv(type: number, value: string | readonly number[], length = value.length): number[] {
  return [type, length >> 8, length & 0xff, ...Buffer.from(value as string, 'latin1')];
}

/** A header of version 2 whose last value is a checksum that holds, but for `flip`. */
export function summed(rest: readonly number[], flip = 0): Buffer {
  const bytes = v2({ rest: [...rest, ...tlv(0x03, [0, 0, 0, 0])] });
  const at = bytes.length - 4;
  bytes.writeUInt32BE((crc32c(bytes, at) ^ flip) >>> 0, at);
  return bytes;
}

/** In one line: `partial`, `refused: …`, `own, n bytes`, or `ip port > ip port, n bytes`. */
export function told(read: HeaderRead): string {
  if (read.state === 'partial') return 'partial';
  if (read.state === 'refused') return `refused: ${read.fault}`;
  if (read.ends === null) return `own, ${read.length} bytes`;
  const { source, destination } = read.ends;
  return `${source.ip} ${source.port} > ${destination.ip} ${destination.port}, ${read.length} bytes`;
}

/** What the parser says of `bytes`. */
export const parsed = (bytes: Buffer | string): string =>
  told(parseHeader(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
