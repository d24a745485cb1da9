// Sets of small whole numbers, as bits in words. A set never changes after it was handed out.

export type Bits = Uint32Array;

export const emptyBits = (size: number): Bits => new Uint32Array((size + 31) >>> 5);

export function fullBits(size: number): Bits {
  const bits = emptyBits(size).fill(0xffff_ffff);
  const rest = size & 31;
  if (rest !== 0) bits[bits.length - 1] = 2 ** rest - 1;
  return bits;
}

/** Only while a set is being made. */
export function addBit(bits: Bits, index: number): void {
  bits[index >>> 5] = (bits[index >>> 5] ?? 0) | (1 << (index & 31));
}

export const hasBit = (bits: Bits, index: number): boolean =>
  ((bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;

export function isEmpty(bits: Bits): boolean {
  for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) return false;
  return true;
}

export const union = (a: Bits, b: Bits): Bits => a.map((word, i) => word | (b[i] ?? 0));

export const intersection = (a: Bits, b: Bits): Bits => a.map((word, i) => word & (b[i] ?? 0));

/** What is in `a` and not in `b`. */
export const difference = (a: Bits, b: Bits): Bits => a.map((word, i) => word & ~(b[i] ?? 0));

export function intersects(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i++) if (((a[i] ?? 0) & (b[i] ?? 0)) !== 0) return true;
  return false;
}

/** True when every member of `b` is in `a`. */
export function contains(a: Bits, b: Bits): boolean {
  for (let i = 0; i < b.length; i++) if (((b[i] ?? 0) & ~(a[i] ?? 0)) !== 0) return false;
  return true;
}

/** The smallest member from `from` on, or -1. */
export function nextBit(bits: Bits, from: number): number {
  for (let i = from; i < bits.length * 32; i++) if (hasBit(bits, i)) return i;
  return -1;
}

/** The smallest member, or -1. */
export function firstBit(bits: Bits): number {
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] ?? 0;
    if (word !== 0) return i * 32 + (31 - Math.clz32(word & -word));
  }
  return -1;
}
