// Addresses, told apart by CIDR blocks: blocks nest or are apart, so a class is a block without those in it.
import { formatIp, ipInCidr } from '../../core/ip.ts';
import type { Matcher } from '../model.ts';
import { addBit, type Bits, emptyBits } from './bits.ts';

type Block = Extract<Matcher, { kind: 'cidr' }>;

/** Class 0: no address is known; then one of each family and block that has addresses of its own. */
export interface AddressDimension {
  readonly size: number;
  /** An address; null when none is known. */
  example(index: number): string | null;
  bitsOf(block: Block): Bits;
}

const FAMILIES: readonly Block[] = [
  { kind: 'cidr', text: '0.0.0.0/0', bytes: [0, 0, 0, 0], prefixLength: 0 },
  { kind: 'cidr', text: '::/0', bytes: Array(16).fill(0), prefixLength: 0 },
];
/** Where examples are looked for first: addresses for documentation (RFC 5737, RFC 3849). */
const PREFERRED: readonly (readonly number[])[] = [
  [192, 0, 2, 1],
  [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
];

export function addressDimension(blocks: readonly Block[]): AddressDimension {
  const unique = [...new Map([...FAMILIES, ...blocks].map((block) => [keyOf(block), block])).values()];
  // Wider blocks first: what a block lies in stands before it.
  unique.sort((a, b) => a.prefixLength - b.prefixLength);
  const own = unique.flatMap((block) => {
    const inner = unique.filter((other) => other !== block && isIn(other, block));
    const example = addressApart(block, inner);
    return example === null ? [] : [{ block, example }];
  });
  const bits = new Map<string, Bits>();
  for (const block of unique) {
    const set = emptyBits(own.length + 1);
    for (const [index, one] of own.entries()) if (isIn(one.block, block)) addBit(set, index + 1);
    bits.set(keyOf(block), set);
  }
  const none = emptyBits(own.length + 1);
  return {
    size: own.length + 1,
    example: (index) => {
      const found = own[index - 1];
      return found === undefined ? null : formatIp(found.example);
    },
    bitsOf: (block) => bits.get(keyOf(block)) ?? none,
  };
}

const keyOf = ({ bytes, prefixLength }: Block): string => `${bytes.join('.')}/${prefixLength}`;

const isIn = (inner: Block, outer: Block): boolean =>
  inner.prefixLength >= outer.prefixLength && ipInCidr(inner.bytes, outer);

/** An address of `block` that is in none of `inner`; null when these cover it. */
function addressApart(block: Block, inner: readonly Block[]): readonly number[] | null {
  const free = (address: readonly number[]): boolean =>
    ipInCidr(address, block) && !inner.some((one) => ipInCidr(address, one));
  for (const address of PREFERRED) if (free(address)) return address;
  // Behind the start of the block and behind each inner one: if any address is free, one of these is.
  const starts = [block.bytes, ...inner.map(behind)];
  // The network address itself is an odd example, where the one behind it will do.
  for (const start of starts) {
    const second = start === null ? null : plusOne(start);
    if (start !== null && free(start)) return second !== null && free(second) ? second : start;
  }
  return null;
}

/** The first address behind `block`; null at the end of the family. */
function behind({ bytes, prefixLength }: Block): readonly number[] | null {
  const last = bytes.map((byte, i) => {
    const kept = Math.min(Math.max(prefixLength - i * 8, 0), 8);
    return byte | (0xff >> kept);
  });
  return plusOne(last);
}

function plusOne(address: readonly number[]): readonly number[] | null {
  const next = [...address];
  for (let i = next.length - 1; i >= 0; i--) {
    const byte = next[i] ?? 0;
    next[i] = (byte + 1) & 0xff;
    if (byte < 0xff) return next;
  }
  return null;
}
