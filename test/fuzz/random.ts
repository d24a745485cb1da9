// Seeded randomness for generators: the same seed gives the same inputs, on every machine.

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 <= n < 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** 0 <= n < max, an integer. */
  below(max: number): number {
    return Math.floor(this.next() * max);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** `count` texts of `make`, joined. */
  repeat(count: number, make: () => string): string {
    let text = '';
    for (let i = 0; i < count; i++) text += make();
    return text;
  }

  /** Places to cut a message of `length` bytes, ascending. */
  cuts(length: number): number[] {
    if (this.chance(0.05)) return Array.from({ length }, (_, i) => i);
    return Array.from({ length: this.below(6) }, () => this.below(length + 1)).sort((a, b) => a - b);
  }
}
