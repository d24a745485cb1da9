// The keys of one object of a line: those that are wanted, and those that were met and nobody asks for, so
// that the next line need not look for them.

/** The keys of an object: the number of the slot that gets the value, and what is wanted of its members. */
export interface KeySpec {
  readonly [key: string]: number | readonly [slot: number, members: KeySpec];
}

/** A key of one object, wanted or not. */
export interface Key {
  /** With the quote and the colon after it. */
  readonly name: Uint8Array;
  /** Its first bytes, four in a word, as far as there are four. */
  readonly words: Int32Array;
  /** -1: nobody asks for it. */
  readonly slot: number;
  readonly members: KeyTable | null;
  /** The key that came after it last. */
  next: Key | null;
}

const BUCKETS = 128;
/** Keys remembered of one object that nobody asks for, and their bytes. */
const LEARNED_MAX = 256;
const LEARNED_BYTES_MAX = 64;

/** Keys by length and first byte; learns those that nobody asks for. */
export class KeyTable {
  readonly first: Key = {
    name: Buffer.alloc(0),
    words: new Int32Array(0),
    slot: -1,
    members: null,
    next: null,
  };
  readonly #buckets: (readonly Key[])[] = Array.from({ length: BUCKETS }, () => []);
  #learned = 0;

  constructor(spec: KeySpec) {
    for (const [text, wanted] of Object.entries(spec)) {
      const [slot, members] = typeof wanted === 'number' ? [wanted, null] : wanted;
      this.#add(Buffer.from(text), slot, members === null ? null : new KeyTable(members));
    }
  }

  /** Null for one that is not asked for; `learn`: and for which there is no room. */
  find(bytes: Uint8Array, from: number, to: number, learn: boolean): Key | null {
    const keys = this.#buckets[bucketOf(bytes, from, to)]!;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key.name.length - 2 === to - from && isEqual(key.name, bytes, from, to - from)) return key;
    }
    if (!learn || this.#learned >= LEARNED_MAX || to - from > LEARNED_BYTES_MAX) return null;
    this.#learned++;
    return this.#add(bytes.subarray(from, to), -1, null);
  }

  #add(name: Uint8Array, slot: number, members: KeyTable | null): Key {
    const at = bucketOf(name, 0, name.length);
    const whole = Buffer.concat([name, Buffer.from('":')]);
    const words = Int32Array.from({ length: whole.length >> 2 }, (_, i) => whole.readInt32LE(4 * i));
    const key: Key = { name: whole, words, slot, members, next: null };
    this.#buckets[at] = [...this.#buckets[at]!, key];
    return key;
  }
}

function bucketOf(bytes: Uint8Array, from: number, to: number): number {
  return from === to ? 0 : (bytes[from]! + ((to - from) << 3)) & (BUCKETS - 1);
}

/** True when `bytes[from, from + length)` begins `name`. */
export function isEqual(name: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (name[i] !== bytes[from + i]) return false;
  return true;
}
