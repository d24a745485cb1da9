// What a change of policies means: for every rule that decides requests otherwise than before, one of them;
// or that there is none, which is a proof as far as nothing was left open.
import type { Policy, PolicyOptions } from '../model.ts';
import { type Box, covers } from './cover.ts';
import { type ExampleRequest, exampleOf } from './example.ts';
import {
  boxesOf,
  firstUncovered,
  meetAll,
  type Side,
  sideOf,
  TOO_MANY_OVERLAPS,
  verdictOf,
  whyOpen,
} from './sides.ts';
import { createSpace, type Space } from './space.ts';

/** `widening`: allowed after, denied before. */
export type ChangeKind = 'widening' | 'narrowing';

/** Which requests: those that one rule allows on one side, and a rule or the default denies on the other. */
interface Changed {
  readonly kind: ChangeKind;
  /** Null: no ALLOW policy selects the workload. */
  readonly allowedBy: string | null;
  /** Null: the default. */
  readonly deniedBy: string | null;
}

/** Requests that are decided otherwise, with some of them that differ in kind: at least one. */
export interface Change extends Changed {
  readonly examples: readonly ExampleRequest[];
}

const EXAMPLES_MAX = 3;

/** Requests that may be. */
export interface OpenQuestion extends Changed {
  readonly why: string;
}

export interface Differences {
  readonly changes: readonly Change[];
  readonly undecided: readonly OpenQuestion[];
}

/**
 * Compares what two sets of policies enforce at `nowMs`, for every workload.
 * @example differences(old.policies, new.policies, options, Date.now()).changes.length === 0
 */
export function differences(
  before: readonly Policy[],
  after: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): Differences {
  const space = createSpace({ policies: [...before, ...after] }, options);
  const old = sideOf(space, { policies: before, options, nowMs });
  const next = sideOf(space, { policies: after, options, nowMs });
  const found: Found = { changes: [], undecided: [] };
  compare({ space, kind: 'widening', allowing: next, denying: old }, found);
  compare({ space, kind: 'narrowing', allowing: old, denying: next }, found);
  return found;
}

interface Found {
  readonly changes: Change[];
  readonly undecided: OpenQuestion[];
}

interface Comparison {
  readonly space: Space;
  readonly kind: ChangeKind;
  /** The side that allows what the other one denies. */
  readonly allowing: Side;
  readonly denying: Side;
}

function compare(comparison: Comparison, found: Found): void {
  const { space, kind, allowing, denying } = comparison;
  const denied = boxesOf(allowing.denies);
  const allowedThere = boxesOf(denying.allows);
  // What both sides deny with one box is allowed by no rule of this one.
  const denials = denying.denies.filter(({ box }) => !denied.some((one) => covers(one, box)));
  const reported = new Set<string>();
  const ask = (changed: Changed, starts: readonly Box[], others: readonly Box[]): void => {
    const key = `${changed.allowedBy} ${changed.deniedBy}`;
    if (reported.has(key)) return;
    const parts = someUncovered(starts, others);
    if (parts?.length === 0) return;
    reported.add(key);
    report(comparison, changed, parts, found);
  };
  const askAll = (allowedBy: string | null, box: Box, except: readonly Box[]): void => {
    const starts = denying.selected === null ? [box] : meetAll(box, denying.selected);
    ask({ kind, allowedBy, deniedBy: null }, starts, [...except, ...allowedThere]);
    for (const { rule, box: other } of denials)
      ask({ kind, allowedBy, deniedBy: rule }, meetAll(box, [other]), except);
  };
  for (const { rule, box } of allowing.allows) askAll(rule, box, denied);
  if (allowing.selected !== null) askAll(null, space.all, [...denied, ...allowing.selected]);
}

/** Parts of different kinds; none when `others` cover `starts`, null when the search was given up. */
function someUncovered(starts: readonly Box[], others: readonly Box[]): readonly Box[] | null {
  const parts: Box[] = [];
  while (parts.length < EXAMPLES_MAX) {
    // What is shown once counts as covered.
    const part = firstUncovered(starts, [...others, ...parts]);
    if (part === undefined && parts.length === 0) return null;
    if (part === null || part === undefined) break;
    parts.push(part);
  }
  return parts;
}

/** An example counts when the evaluator says so too. */
function report(
  { space, allowing, denying }: Comparison,
  changed: Changed,
  parts: readonly Box[] | null,
  found: Found,
): void {
  const examples = (parts ?? [])
    .map((part) => exampleOf(space, part))
    .filter((example) => verdictOf(example, allowing.enforced) === 'allow')
    .filter((example) => verdictOf(example, denying.enforced) === 'deny');
  if (examples.length > 0) found.changes.push({ ...changed, examples });
  const [part] = parts ?? [];
  if (examples.length === 0)
    found.undecided.push({ ...changed, why: part === undefined ? TOO_MANY_OVERLAPS : whyOpen(space, part) });
}
