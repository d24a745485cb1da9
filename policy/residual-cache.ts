// Residuals by what distinguishes connections, bounded in number and in memory; the least recently used goes
// first.
import type { Residual } from './residual.ts';

const RESIDUALS_MAX = 4096;
// Entries in residuals' own indexes; about 100 bytes each.
const ENTRIES_MAX = 262_144;

export class ResidualCache {
  readonly #byKey = new Map<string, Residual>();
  #entries = 0;

  get(key: string): Residual | undefined {
    const found = this.#byKey.get(key);
    if (found !== undefined) {
      // A Map iterates in insertion order: the first key is the least recently used.
      this.#byKey.delete(key);
      this.#byKey.set(key, found);
    }
    return found;
  }

  set(key: string, residual: Residual): void {
    this.#byKey.set(key, residual);
    this.#entries += residual.ownEntries;
    for (const [oldest, { ownEntries }] of this.#byKey) {
      if (this.#byKey.size <= RESIDUALS_MAX && this.#entries <= ENTRIES_MAX) return;
      if (oldest === key) return;
      this.#byKey.delete(oldest);
      this.#entries -= ownEntries;
    }
  }

  get size(): number {
    return this.#byKey.size;
  }
}
