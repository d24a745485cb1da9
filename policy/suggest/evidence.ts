// How often something was seen, and when.

/** Requests, with the first and the last time: milliseconds since the epoch. */
export interface Evidence {
  requests: number;
  firstMs: number;
  lastMs: number;
}

/** Nothing yet. */
export const noEvidence = (): Evidence => ({
  requests: 0,
  firstMs: Number.POSITIVE_INFINITY,
  lastMs: Number.NEGATIVE_INFINITY,
});

/** Adds `by` to `to`. */
export function addEvidence(to: Evidence, by: Evidence): void {
  to.requests += by.requests;
  to.firstMs = Math.min(to.firstMs, by.firstMs);
  to.lastMs = Math.max(to.lastMs, by.lastMs);
}

/** All of them together. */
export function sumEvidence(all: Iterable<Evidence>): Evidence {
  const sum = noEvidence();
  for (const one of all) addEvidence(sum, one);
  return sum;
}

/** The order of texts that output has: by code units, the same everywhere. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
