// The measurement: rate by rate, round by round, the two sides in turn.
import type { Endpoint, Endpoints, Side } from './endpoint.ts';
import type { Fault, FaultKind } from './faults.ts';
import { type Load, runOpenLoop } from './open-loop.ts';
import { formatMs, type Round } from './round.ts';

/** What was measured in one round; null = not (interrupted, or there is no direct side). */
export interface Pair {
  readonly target: Round | null;
  readonly direct: Round | null;
}

export interface RateRounds {
  readonly perSecond: number;
  readonly pairs: readonly Pair[];
}

/** The first fault of each kind, by side. */
export type FirstFaults = Readonly<Record<Side, Map<FaultKind, Fault>>>;

export interface Plan {
  readonly rates: readonly number[];
  readonly rounds: number;
  readonly load: Omit<Load, 'perSecond'>;
}

export interface Hooks {
  readonly firstFaults: FirstFaults;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** Resolves early when `signal` says so, with what is complete; with a part of a round when nothing is. */
export async function measure(endpoints: Endpoints, plan: Plan, hooks: Hooks): Promise<RateRounds[]> {
  const measured: RateRounds[] = [];
  for (const perSecond of plan.rates) {
    const pairs: Pair[] = [];
    for (let i = 1; i <= plan.rounds && !hooks.signal.aborted; i++) {
      const pair = await measurePair(endpoints, { ...plan.load, perSecond }, i, hooks);
      if (hooks.signal.aborted && pairs.length > 0) break;
      pairs.push(pair);
      hooks.progress(`${perSecond}/s, round ${i}/${plan.rounds}: ${said(pair)}`);
    }
    if (pairs.length > 0) measured.push({ perSecond, pairs });
  }
  return measured;
}

/** Who goes first changes from round to round: what drifts hits both the same. */
async function measurePair(endpoints: Endpoints, load: Load, number: number, hooks: Hooks): Promise<Pair> {
  const run = async (endpoint: Endpoint | null): Promise<Round | null> => {
    if (endpoint === null || hooks.signal.aborted) return null;
    const { signal, firstFaults } = hooks;
    return runOpenLoop(endpoint, load, { signal, firstFaults: firstFaults[endpoint.side] });
  };
  if (number % 2 === 1) {
    const target = await run(endpoints.target);
    return { target, direct: await run(endpoints.direct) };
  }
  const direct = await run(endpoints.direct);
  return { target: await run(endpoints.target), direct };
}

function said({ target, direct }: Pair): string {
  const one = (name: Side, side: Round | null): string[] => {
    if (side === null) return [];
    const { p50, p99 } = side.latencyUs;
    const failed = side.requests - side.answered;
    const failures = failed > 0 ? `, ${failed} of ${side.requests} failed` : '';
    return [`${name} p50 ${formatMs(p50)} ms, p99 ${formatMs(p99)} ms${failures}`];
  };
  return [...one('target', target), ...one('direct', direct)].join('; ');
}
