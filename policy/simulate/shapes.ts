// Remembers what came of requests by the bytes of the fields that matter, so that equal requests are judged
// once. Bounded: when it is full it forgets everything and begins again.
//
//   bytes of caller, workload, method, verdict, … ─> shape ─> bytes of the path ─> tally
import { LINE_BYTES_MAX, PATH_CHARACTERS_SUM_MAX, PATHS_MAX, SHAPES_MAX } from './limits.ts';
import type { Tally } from './tally.ts';

/** What is counted of one kind of request by its path, as the line has it; null when the line has none. */
export type PathJudge = (path: string | null) => Tally;

/** Requests that are equal but for path and time. */
export interface Shape {
  readonly key: Int32Array;
  readonly hash: number;
  /** By path, empty for none. */
  readonly paths: Map<string, Tally>;
  readonly judge: PathJudge;
}

const SLOTS = 65_536; // a power of two, at least three times SHAPES_MAX
const HASH_SEED = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;
/** Between values; no value holds it. */
const SEPARATOR = 0x0a;
/** Values are pieces of one line; each ends with a word of its own. */
const KEY_WORDS = LINE_BYTES_MAX / 4 + 64;

/** Shapes by their key. Use: `begin`, `take` for each value, then `find` and, when there is none, `add`. */
export class ShapeTable {
  readonly #slots: (Shape | null)[] = new Array<null>(SLOTS).fill(null);
  readonly #key = new Int32Array(KEY_WORDS);
  #length = 0;
  #hash = HASH_SEED;
  #shapes = 0;
  #paths = 0;
  #pathCharacters = 0;
  /** How often everything was forgotten. */
  forgotten = 0;

  begin(kind: number): void {
    this.#key[0] = kind;
    this.#length = 1;
    this.#hash = Math.imul(HASH_SEED ^ kind, HASH_PRIME);
  }

  /**
   * Takes the bytes [from, to) of `view`; nothing when `from` is negative.
   * PERF: in words of four bytes, the last of which holds what is left and that the value ends.
   */
  take(view: DataView, from: number, to: number): void {
    const key = this.#key;
    let length = this.#length;
    let hash = this.#hash;
    let word = SEPARATOR;
    if (from >= 0) {
      let at = from;
      for (const last = to - 4; at <= last; at += 4) {
        word = view.getInt32(at, true);
        key[length++] = word;
        hash = Math.imul(hash ^ word, HASH_PRIME);
        hash ^= hash >>> 15;
      }
      word = SEPARATOR;
      for (; at < to; at++) word = (word << 8) | view.getUint8(at);
    }
    key[length++] = word;
    this.#length = length;
    this.#hash = Math.imul(hash ^ word, HASH_PRIME);
  }

  find(): Shape | null {
    const hash = this.#hash;
    for (let at = hash & (SLOTS - 1); ; at = (at + 1) & (SLOTS - 1)) {
      const shape = this.#slots[at]!;
      if (shape === null) return null;
      if (shape.hash === hash && this.#isKey(shape.key)) return shape;
    }
  }

  add(judge: PathJudge): Shape {
    if (this.#shapes >= SHAPES_MAX) this.#forget();
    const shape: Shape = {
      key: this.#key.slice(0, this.#length),
      hash: this.#hash,
      paths: new Map(),
      judge,
    };
    let at = shape.hash & (SLOTS - 1);
    while (this.#slots[at] !== null) at = (at + 1) & (SLOTS - 1);
    this.#slots[at] = shape;
    this.#shapes++;
    return shape;
  }

  /** Judges a path of a shape that it was not asked about yet. */
  judge(shape: Shape, path: string | null): Tally {
    const tally = shape.judge(path);
    const text = path ?? '';
    if (this.#paths >= PATHS_MAX || this.#pathCharacters + text.length > PATH_CHARACTERS_SUM_MAX) {
      this.#forget();
      return tally;
    }
    shape.paths.set(text, tally);
    this.#paths++;
    this.#pathCharacters += text.length;
    return tally;
  }

  #forget(): void {
    this.#slots.fill(null);
    this.#shapes = 0;
    this.#paths = 0;
    this.#pathCharacters = 0;
    this.forgotten++;
  }

  #isKey(key: Int32Array): boolean {
    if (key.length !== this.#length) return false;
    for (let i = 0; i < key.length; i++) if (key[i] !== this.#key[i]) return false;
    return true;
  }
}
