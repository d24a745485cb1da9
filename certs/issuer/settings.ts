// The options of the issuer with their defaults, checked to fit together.
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from '../../core/spiffe-id.ts';
import { issuerId } from '../issuer-client/verify-issuer.ts';
import { SVID_TTL_MS_MIN } from '../limits.ts';
import type { IssuerOptions } from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import { DEFAULT_LIMITS, type IssuanceLimits } from './rate-limits.ts';

export interface IssuerSettings {
  readonly trustDomain: TrustDomain;
  /** The issuer's own ID. */
  readonly spiffeId: SpiffeId;
  readonly svidTtlMs: number;
  readonly caTtlMs: number;
  readonly refreshHintMs: number;
  readonly overlapMs: number;
  readonly crlTtlMs: number;
  readonly limits: IssuanceLimits;
}

const HOUR_MS = 3_600_000;
const CA_TTL_MS_MAX = 20 * 365 * 24 * HOUR_MS;

/** @throws ERR_ISSUER_OPTIONS, ERR_SPIFFE_ID */
export function issuerSettings(options: IssuerOptions): IssuerSettings {
  const trustDomain = parseTrustDomain(options.trustDomain);
  const svidTtlMs = options.svidTtlMs ?? HOUR_MS;
  const caTtlMs = options.caTtlMs ?? 365 * 24 * HOUR_MS;
  const refreshHintMs = options.refreshHintMs ?? 300_000;
  // Who looks at the refresh hint has missed two of three; who learns at renewals has renewed twice.
  const overlapMs = options.overlapMs ?? Math.max(3 * refreshHintMs, svidTtlMs);
  // A longer outage than an SVID's life ends everything anyway: the CRL never ends it earlier.
  const crlTtlMs = options.crlTtlMs ?? Math.max(24 * HOUR_MS, 2 * svidTtlMs);
  const all = [svidTtlMs, caTtlMs, refreshHintMs, overlapMs, crlTtlMs];
  const rules: readonly (readonly [boolean, string])[] = [
    [all.every(Number.isSafeInteger), 'a duration is not a whole number of milliseconds'],
    [svidTtlMs >= SVID_TTL_MS_MIN, `an SVID lives for ${svidTtlMs} ms, at least ${SVID_TTL_MS_MIN}`],
    [caTtlMs >= 6 * svidTtlMs, 'a CA lives for less than 6 SVID lives: its last sixth could not sign one'],
    [caTtlMs >= 3 * overlapMs, 'a CA lives for less than 3 overlaps: its successor could not be published'],
    [caTtlMs <= CA_TTL_MS_MAX, 'a CA lives for more than 20 years'],
    [refreshHintMs >= 1_000, 'the refresh hint is less than a second'],
    [overlapMs >= 0, 'the overlap is negative'],
    [crlTtlMs >= 2 * svidTtlMs, 'a CRL lives for less than 2 SVID lives: an outage would end it first'],
  ];
  for (const [holds, message] of rules) if (!holds) throw new IssuerError('ERR_ISSUER_OPTIONS', message);
  return {
    trustDomain,
    spiffeId: parseSpiffeId(issuerId(trustDomain)),
    ...{ svidTtlMs, caTtlMs, refreshHintMs, overlapMs, crlTtlMs },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
}
