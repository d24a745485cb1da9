// How long to stay away from what fails. How the waits of many are spread, each caller says: what comes back
// after an outage is asked by different numbers.

/**
 * Milliseconds to wait after the `failures`-th failure in a row, which is 1 or more: `firstMs`, doubled each
 * time, and `mostMs` at most.
 */
export const backOffMs = (
  failures: number,
  { firstMs, mostMs }: { readonly firstMs: number; readonly mostMs: number },
): number => Math.min(firstMs * 2 ** (failures - 1), mostMs);
