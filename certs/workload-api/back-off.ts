// How long to wait before the Workload API is asked again.

/**
 * `away`: nobody answers, or not as long as hoped. `denied`: there is no identity yet; SPIRE's agent learns
 * of new ones every 5 s. `refused`: asking again will hardly help, but an agent may be replaced.
 */
export type WaitKind = 'away' | 'denied' | 'refused';

const FIRST_MS = 1_000;
const MOST_MS: Readonly<Record<WaitKind, number>> = { away: 30_000, denied: 5_000, refused: 60_000 };
const GROWTH = 2;
/** So that the workloads of a machine do not ask an agent that comes back all at once. */
const JITTER = 0.5;

/** Waits that grow until something good arrives. */
export class BackOff {
  readonly #random: () => number;
  #attempts = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  reset(): void {
    this.#attempts = 0;
  }

  /** Milliseconds to wait now: between 1 s and the most of `kind`. */
  nextMs(kind: WaitKind): number {
    const most = MOST_MS[kind];
    const base = kind === 'refused' ? most : Math.min(most, FIRST_MS * GROWTH ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16); // 2^16 s is beyond every `most`
    return Math.max(FIRST_MS, base * (1 - JITTER * this.#random()));
  }
}
