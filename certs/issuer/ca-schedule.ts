// When a root is prepared, activated and retired: a pure function of the roots that are published.
import type { CaRow, CaStatus } from './issuer.ts';

/** A successor is published at half of the life, and signs in the last sixth (SPIRE's proportions). */
const PREPARE_AT = 1 / 2;
const ACTIVATE_AT = 5 / 6;

/** `roots`: published ones, oldest first. */
export function caSchedule(roots: readonly CaRow[], overlapMs: number): CaStatus {
  const active = roots.find((ca) => ca.state === 'active');
  const prepared = roots.find((ca) => ca.state === 'prepared');
  const retiring = roots.filter((ca) => ca.state === 'retiring');
  const at = (fraction: number): number =>
    active === undefined ? 0 : active.notBeforeMs + (active.notAfterMs - active.notBeforeMs) * fraction;
  return {
    authorities: roots,
    prepareAtMs: prepared === undefined ? at(PREPARE_AT) : null,
    activateAtMs:
      prepared === undefined ? null : Math.max(at(ACTIVATE_AT), activationAllowedAtMs(roots, overlapMs) ?? 0),
    retireAtMs: retiring.length === 0 ? null : Math.min(...retiring.map((ca) => ca.lastSvidEndMs ?? 0)),
  };
}

/**
 * When the prepared root has been published for long enough, or the active one has ended: then no SVID that
 * it could disturb is alive. Null when none is prepared.
 */
export function activationAllowedAtMs(roots: readonly CaRow[], overlapMs: number): number | null {
  const prepared = roots.find((ca) => ca.state === 'prepared');
  if (prepared === undefined) return null;
  const active = roots.find((ca) => ca.state === 'active');
  return Math.min(prepared.publishedAtMs + overlapMs, active?.notAfterMs ?? 0);
}
