// Requests that wait for a change of trust: all of them wake at once, or each after its own time. Waiting
// costs a connection and a timer, so that there are limits by address and in total.
import type { Clock } from '../../../core/clock.ts';

/** Why a wait ended. */
export type WaitEnd = 'changed' | 'late' | 'closing';

/** Waiting requests. */
export class LongPolls {
  readonly #clock: Clock;
  readonly #totalMax: number;
  readonly #perAddressMax: number;
  readonly #waiting = new Set<(end: WaitEnd) => void>();
  readonly #byAddress = new Map<string, number>();
  #closed = false;

  constructor(options: { clock: Clock; totalMax: number; perAddressMax: number }) {
    this.#clock = options.clock;
    this.#totalMax = options.totalMax;
    this.#perAddressMax = options.perAddressMax;
  }

  /** Requests that wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits at most `waitMs`, or until `left` says that the caller is gone; null when too many wait already.
   */
  wait(address: string, waitMs: number, left: (gone: () => void) => void): Promise<WaitEnd> | null {
    const here = this.#byAddress.get(address) ?? 0;
    if (this.#waiting.size >= this.#totalMax || here >= this.#perAddressMax) return null;
    if (this.#closed) return Promise.resolve('closing');
    this.#byAddress.set(address, here + 1);
    return new Promise((resolve) => {
      const wake = (end: WaitEnd): void => {
        if (!this.#waiting.delete(wake)) return;
        timer.cancel();
        const others = (this.#byAddress.get(address) ?? 1) - 1;
        if (others === 0) this.#byAddress.delete(address);
        else this.#byAddress.set(address, others);
        resolve(end);
      };
      this.#waiting.add(wake);
      const timer = this.#clock.after(waitMs, () => wake('late'));
      left(() => wake('late'));
    });
  }

  /** Trust has changed: everybody is told. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake('changed');
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    for (const wake of [...this.#waiting]) wake('closing');
  }
}
