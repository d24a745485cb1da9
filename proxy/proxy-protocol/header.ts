// What both forms of a PROXY header have in common (HAProxy's proxy-protocol.txt, the 2020/03/05 text).
import type { ConnectionEnds } from '../client.ts';

/** What the first bytes of a connection are. */
export type HeaderRead =
  /** More bytes are needed. */
  | { readonly state: 'partial' }
  /** No header, or none that may be believed. */
  | { readonly state: 'refused'; readonly fault: string }
  /** A header in the first `length` bytes; `ends` is null when it speaks of the TCP connection itself. */
  | { readonly state: 'whole'; readonly length: number; readonly ends: ConnectionEnds | null };

export const PARTIAL: HeaderRead = { state: 'partial' };

export const NO_HEADER: HeaderRead = refused('the first bytes are no PROXY header');

export function refused(fault: string): HeaderRead {
  return { state: 'refused', fault };
}

/** Version 1, section 2.1. */
export const V1_PREFIX: Uint8Array = Buffer.from('PROXY ', 'latin1');

/** Version 2, section 2.2. */
export const V2_SIGNATURE: Uint8Array = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Bytes before the addresses of version 2. */
export const V2_FIXED_BYTES = 16;
export const V2_LOCAL = 0x20;
export const V2_PROXY = 0x21;

/** Address family and transport, the 14th byte of version 2. */
export const FAMILY = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unixStream: 0x31 } as const;
/** Bytes of the addresses of each family that may stand there. */
export const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [FAMILY.unspecified, 0],
  [FAMILY.tcp4, 12],
  [FAMILY.tcp6, 36],
  [FAMILY.unixStream, 216],
]);

/** Types of the values that follow the addresses of version 2; `spiffeId` is ours, of the custom range. */
export const TLV = {
  authority: 0x02,
  crc32c: 0x03,
  ssl: 0x20,
  sslVersion: 0x21,
  spiffeId: 0xe5,
} as const;
/** Type and length before each value. */
export const TLV_FIXED_BYTES = 3;
