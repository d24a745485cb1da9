// Invariants: what must never be allowed, or always, whatever policies say. Proved for all requests or
// refuted by one.
import type { Clause, Policy, PolicyOptions } from '../model.ts';
import type { Box } from './cover.ts';
import { type ExampleRequest, exampleOf } from './example.ts';
import {
  boxesOf,
  firstUncovered,
  meetAll,
  type RuleBox,
  type Side,
  sideOf,
  TOO_MANY_OVERLAPS,
  verdictOf,
  whyOpen,
} from './sides.ts';
import { createSpace, type Space, type WorkloadFilter } from './space.ts';

/** One statement about a set of requests. */
export interface Invariant {
  readonly kind: 'never' | 'always';
  /** OR of sources, as in a rule; null = any caller. */
  readonly from: readonly Clause[] | null;
  /** OR of operations, as in a rule; null = any request. */
  readonly to: readonly Clause[] | null;
  /** The workloads it is about. */
  readonly workloads: WorkloadFilter;
}

export type Proof =
  | { readonly verdict: 'holds' }
  /** `rule`: that allows or denies against it; null: the default does. */
  | { readonly verdict: 'refuted'; readonly rule: string | null; readonly example: ExampleRequest }
  | { readonly verdict: 'undecided'; readonly rule: string | null; readonly why: string };

/**
 * One proof for each invariant, in order. A namespace or service account in `never` is one of any trust
 * domain; in `always` one of a trusted one, as in an ALLOW. `always` is about HTTP.
 */
export function prove(
  invariants: readonly Invariant[],
  policies: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): readonly Proof[] {
  const conditions = invariants.flatMap((invariant) =>
    [...(invariant.from ?? []), ...(invariant.to ?? [])]
      .flat()
      .map((condition) => ({ condition, action: actionOf(invariant) })),
  );
  const workloads = invariants.map((invariant) => invariant.workloads);
  const space = createSpace({ policies, conditions, workloads }, options);
  const side = sideOf(space, { policies, options, nowMs });
  return invariants.map((invariant) => proofOf(space, side, invariant));
}

const actionOf = ({ kind }: Invariant): 'ALLOW' | 'DENY' => (kind === 'never' ? 'DENY' : 'ALLOW');

function proofOf(space: Space, side: Side, invariant: Invariant): Proof {
  const questions = invariant.kind === 'never' ? allowedAmong : deniedAmong;
  for (const region of regionsOf(space, invariant))
    for (const { rule, starts, others } of questions(side, region)) {
      const part = firstUncovered(starts, others);
      if (part === null) continue;
      if (part === undefined) return { verdict: 'undecided', rule, why: TOO_MANY_OVERLAPS };
      const example = exampleOf(space, part);
      const expected = invariant.kind === 'never' ? 'allow' : 'deny';
      return verdictOf(example, side.enforced) === expected && saysAll(example)
        ? { verdict: 'refuted', rule, example }
        : { verdict: 'undecided', rule, why: whyOpen(space, part) };
    }
  return { verdict: 'holds' };
}

/** An unknown client of a known peer cannot be written down: it is read as the peer itself. */
const saysAll = ({ remoteIp, sourceIp }: ExampleRequest): boolean => remoteIp !== null || sourceIp === null;

/** The invariant's own requests, as boxes. */
function regionsOf(space: Space, invariant: Invariant): Box[] {
  const { kind, from, to, workloads } = invariant;
  const among = space.among(kind === 'never' ? space.all : space.overHttp, workloads);
  if (among === null) return [];
  return (from ?? [[]]).flatMap((source) =>
    (to ?? [[]])
      .map((operation) => space.within(among, [...source, ...operation], actionOf(invariant)))
      .filter((box) => box !== null),
  );
}

/** A part of `starts` outside of `others` would be a counterexample, by `rule`. */
interface Question {
  readonly rule: string | null;
  readonly starts: readonly Box[];
  readonly others: readonly Box[];
}

function allowedAmong({ allows, denies, selected }: Side, region: Box): Question[] {
  const denied = boxesOf(denies);
  const questions = allows.map(({ rule, box }) => ({ rule, starts: meetAll(region, [box]), others: denied }));
  if (selected === null) return questions;
  return [...questions, { rule: null, starts: [region], others: [...denied, ...selected] }];
}

function deniedAmong({ allows, denies, selected }: Side, region: Box): Question[] {
  const byRule = ({ rule, box }: RuleBox): Question => ({ rule, starts: meetAll(region, [box]), others: [] });
  const starts = selected === null ? [region] : meetAll(region, selected);
  return [...denies.map(byRule), { rule: null, starts, others: boxesOf(allows) }];
}
