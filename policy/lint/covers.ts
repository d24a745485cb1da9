// Whether one rule matches everything that another one matches: by the form of their conditions, clause by
// clause, and by the algebra where that does not tell.
//
// Conditions are compared without regard to the action they are read in. That is right for rules of one
// action, and for an ALLOW within a DENY: what a condition matches in an ALLOW it matches in a DENY too
// (fewer trust domains, all values of a header instead of any, nothing instead of everything on TCP).
import { covers as coversBox, Undecided, uncovered } from '../algebra/cover.ts';
import { createSpace } from '../algebra/space.ts';
import type { Clause, Condition, Policy, PolicyOptions, Rule } from '../model.ts';
import { conditionsOf } from './conditions.ts';
import { type Answer, conditionIn, PEER_THINGS, type SameTrustDomains, thingOf } from './implies.ts';

/** Clauses compared with clauses for one pair of rules; beyond, the pair is left to the algebra. */
const CLAUSE_PAIRS_MAX = 4_096;

/** The answer by form alone. `ask`: the algebra may know. */
export function ruleIn(inner: Rule, outer: Rule, same: SameTrustDomains): Exclude<Answer, 'some'> {
  const [fromIn, toIn] = [inner.from ?? ANY, inner.to ?? ANY];
  const [fromOut, toOut] = [outer.from ?? ANY, outer.to ?? ANY];
  const pairs = fromIn.length * fromOut.length + toIn.length * toOut.length;
  if (pairs > CLAUSE_PAIRS_MAX) return 'ask';
  const { when } = inner;
  const sides = [sideIn(toIn, toOut, when, same), sideIn(fromIn, fromOut, when, same)];
  if (outer.when.length > 0) sides.push(whenIn(inner, outer.when, same));
  if (sides.includes('no')) return 'no';
  return sides.includes('ask') ? 'ask' : 'yes';
}

const ANY: readonly Clause[] = [[]];

function sideIn(
  inner: readonly Clause[],
  outer: readonly Clause[],
  when: Clause,
  same: SameTrustDomains,
): Exclude<Answer, 'some'> {
  let asked = false;
  for (const clause of inner) {
    const known = when.length === 0 ? clause : [...clause, ...when];
    let best: Answer = 'no';
    for (const by of outer) {
      const answer = clauseIn(known, by, same);
      if (answer === 'yes') {
        best = 'yes';
        break;
      }
      // A part of the values is worth a question only where other clauses may cover the rest.
      if (answer === 'ask' || (answer === 'some' && outer.length > 1)) best = 'ask';
    }
    if (best === 'no') return 'no';
    asked ||= best === 'ask';
  }
  return asked ? 'ask' : 'yes';
}

/** Conditions of `when` may follow from any part of the rule. */
function whenIn(inner: Rule, when: Clause, same: SameTrustDomains): Exclude<Answer, 'some'> {
  const [from, to] = [inner.from ?? ANY, inner.to ?? ANY];
  if (from.length * to.length > CLAUSE_PAIRS_MAX) return 'ask';
  let asked = false;
  for (const source of from)
    for (const operation of to) {
      const answer = clauseIn([...source, ...operation, ...inner.when], when, same);
      if (answer === 'no') return 'no';
      asked ||= answer !== 'yes';
    }
  return asked ? 'ask' : 'yes';
}

function clauseIn(inner: Clause, outer: Clause, same: SameTrustDomains): Answer {
  let answer: Answer = 'yes';
  for (const condition of outer) {
    const found = anyIn(inner, condition, same);
    if (found === 'no') return 'no';
    if (found === 'ask' || (found === 'some' && answer !== 'ask')) answer = found;
  }
  return answer;
}

/** Whether one of the conditions of `inner` implies `outer`. */
function anyIn(inner: Clause, outer: Condition, same: SameTrustDomains): Answer {
  const thing = thingOf(outer);
  let best: Answer = 'no';
  for (const condition of inner) {
    const own = thingOf(condition);
    let answer: Answer = 'no';
    if (own === thing) answer = conditionIn(condition, outer, same);
    else if (PEER_THINGS.has(own) && PEER_THINGS.has(thing))
      answer = isAnyPeer(outer) && condition.values.length > 0 ? 'yes' : 'ask';
    if (answer === 'yes') return 'yes';
    if (answer === 'ask' || (answer === 'some' && best === 'no')) best = answer;
  }
  // `/*` is on every path, but on no TCP connection.
  return best === 'no' && isAnyPath(outer) && inner.some(isHttp) ? 'ask' : best;
}

const isHttp = ({ field }: Condition): boolean =>
  field === 'methods' || field === 'hosts' || field === 'paths' || field === 'request.headers';

const isAnyPath = ({ field, values, notValues }: Condition): boolean =>
  (field === 'paths' || field === 'methods') &&
  notValues.length === 0 &&
  values.some(
    (one) =>
      one.kind === 'presence' || ('value' in one && field === 'paths' && ['/', '/{**}'].includes(one.value)),
  );

const isAnyPeer = ({ field, values, notValues }: Condition): boolean =>
  (field === 'principals' || field === 'source.principal') &&
  notValues.length === 0 &&
  values.some(({ kind }) => kind === 'presence');

/** A rule with the policy that it stands in. */
export interface PlacedRule {
  readonly policy: Policy;
  readonly rule: Rule;
}

/** Boxes looked at for one pair: about 100 ns each. */
const PAIR_BUDGET = 20_000;

/** What a proof takes: the values of both rules. */
export const proofCost = (a: Rule, b: Rule): number =>
  [...conditionsOf(a), ...conditionsOf(b)].reduce(
    (sum, { values, notValues }) => sum + values.length + notValues.length,
    0,
  );

/** The answer of the algebra, exact; false where it would be too much work. */
export function provedIn(inner: PlacedRule, outer: PlacedRule, options: PolicyOptions): boolean {
  const alone = ({ policy, rule }: PlacedRule): Policy => ({ ...policy, rules: [rule] });
  const space = createSpace({ policies: [alone(inner), alone(outer)] }, options);
  const covering = space.boxesOf(outer.policy, outer.rule);
  const budget = { left: PAIR_BUDGET };
  try {
    const boxes = space.boxesOf(inner.policy, inner.rule);
    // A rule that matches nothing is another finding.
    if (boxes.length === 0) return false;
    return boxes.every(
      (box) => covering.some((one) => coversBox(one, box)) || uncovered(box, covering, budget) === null,
    );
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return false;
  }
}
