// Requests that wait for a change of trust: all of them wake at once, or each after its own time. Waiting
// costs a connection and a timer, so that there are limits by address and in total.
import type { Clock } from '../../../core/clock.ts';
import { AddressShares, type SharesOptions } from './address-shares.ts';

/** Why a wait ended. */
export type WaitEnd = 'changed' | 'late' | 'closing';

/** Waiting requests. */
export class LongPolls {
  readonly #clock: Clock;
  readonly #shares: AddressShares;
  readonly #waiting = new Set<(end: WaitEnd) => void>();
  #closed = false;

  constructor(options: SharesOptions & { readonly clock: Clock }) {
    this.#clock = options.clock;
    this.#shares = new AddressShares(options);
  }

  /** Requests that wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits at most `waitMs`, or until `left` says that the caller is gone; null when too many wait already.
   */
  wait(address: string, waitMs: number, left: (gone: () => void) => void): Promise<WaitEnd> | null {
    if (this.#closed) return Promise.resolve('closing');
    const giveBack = this.#shares.take(address);
    if (giveBack === null) return null;
    return new Promise((resolve) => {
      const wake = (end: WaitEnd): void => {
        if (!this.#waiting.delete(wake)) return;
        timer.cancel();
        giveBack();
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
