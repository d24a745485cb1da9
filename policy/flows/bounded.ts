// Groups in bounded memory, each with an owner that can fill no more than its share.

/** Bounds of a table of groups. */
export interface GroupLimits {
  readonly total: number;
  readonly perOwner: number;
}

/** Groups by owner and key. */
export class BoundedGroups<T> {
  readonly #limits: GroupLimits;
  readonly #owners = new Map<string, Map<string, T>>();
  #size = 0;

  constructor(limits: GroupLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** The group, made when there is none and room; else null. */
  find(owner: string, key: string, make: () => T): T | null {
    const known = this.#owners.get(owner)?.get(key);
    if (known !== undefined) return known;
    if (this.#size >= this.#limits.total) return null;
    const groups = this.#owners.get(owner) ?? new Map<string, T>();
    if (groups.size >= this.#limits.perOwner) return null;
    if (groups.size === 0) this.#owners.set(owner, groups);
    const group = make();
    groups.set(key, group);
    this.#size++;
    return group;
  }

  of(owner: string): Iterable<T> {
    return this.#owners.get(owner)?.values() ?? [];
  }

  *values(): Generator<T> {
    for (const groups of this.#owners.values()) yield* groups.values();
  }
}

/** What found no group of its own. */
export class Rest {
  records = 0;
  requests = 0;

  add({ count }: { count: number }): void {
    this.records++;
    this.requests += count;
  }
}
