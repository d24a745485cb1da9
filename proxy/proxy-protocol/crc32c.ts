// CRC-32C (Castagnoli), as PROXY headers carry it (proxy-protocol.txt section 2.2.3; RFC 9260 appendix A).

const REFLECTED_POLYNOMIAL = 0x82f6_3b78;
const CRC_BYTES = 4;

/** The checksum of `bytes`, its own four bytes at `checksumAt` taken as zeros; below 0: none in there. */
export function crc32c(bytes: Uint8Array, checksumAt = -CRC_BYTES): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < bytes.length; i++) {
    const own = i >= checksumAt && i < checksumAt + CRC_BYTES;
    crc ^= own ? 0 : (bytes[i] ?? 0);
    // A header has a few hundred bytes and few have a checksum: no table is worth its kilobyte of cache.
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (REFLECTED_POLYNOMIAL & -(crc & 1));
  }
  return ~crc >>> 0;
}
