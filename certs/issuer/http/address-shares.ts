// What one address may have at a time of something that there is little of: connections, requests that wait,
// reviews of tokens. An IPv6 address counts with its /64, which one machine has to itself.
import { addressKey } from '../rate-limits.ts';

export interface SharesOptions {
  readonly totalMax: number;
  readonly perAddressMax: number;
}

/** Counts what is held. */
export class AddressShares {
  readonly #options: SharesOptions;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** The way to give it back, to be called once; null when there is no more. */
  take(address: string): (() => void) | null {
    const key = addressKey(address);
    const here = this.#byAddress.get(key) ?? 0;
    if (this.#total >= this.#options.totalMax || here >= this.#options.perAddressMax) return null;
    this.#total++;
    this.#byAddress.set(key, here + 1);
    return () => {
      this.#total--;
      const others = (this.#byAddress.get(key) ?? 1) - 1;
      if (others === 0) this.#byAddress.delete(key);
      else this.#byAddress.set(key, others);
    };
  }
}
