// How much a suggested rule can be trusted to be complete: rules of thumb, stated in docs/policy-suggest.md.
import { type Evidence, sumEvidence } from './evidence.ts';

/** Of a rule. */
export type Confidence = 'high' | 'medium' | 'low';

/** Requests of the path that was seen least, and the time over which the rule was seen. */
export const CONFIDENCE = {
  high: { requestsMin: 100, spanMs: 24 * 3_600_000 },
  medium: { requestsMin: 10, spanMs: 0 },
} as const;

/** The least seen path decides: a rule is as well known as the least known part of it. */
export function confidenceOf(parts: readonly Evidence[]): Confidence {
  const { firstMs, lastMs } = sumEvidence(parts);
  const least = parts.reduce((min, { requests }) => Math.min(min, requests), Number.POSITIVE_INFINITY);
  const reaches = ({ requestsMin, spanMs }: { requestsMin: number; spanMs: number }): boolean =>
    least >= requestsMin && lastMs - firstMs >= spanMs;
  if (reaches(CONFIDENCE.high)) return 'high';
  return reaches(CONFIDENCE.medium) ? 'medium' : 'low';
}
