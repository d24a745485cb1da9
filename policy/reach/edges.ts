// Who reaches whom at all, decided for every caller and workload: is there a request that an ALLOW rule
// matches and no DENY rule?

import { type Box, covers, meets } from '../algebra/cover.ts';
import { exampleOf } from '../algebra/example.ts';
import { firstUncovered, meetAll, verdictOf } from '../algebra/sides.ts';
import { createSpace, type Space } from '../algebra/space.ts';
import type { Clause, Condition, Policy, PolicyOptions, Rule } from '../model.ts';
import { selectPolicies } from '../select.ts';
import type { ReachEdge, ReachedBy, ReachGraph, ReachNode } from './model.ts';

/** What is in force, and when. */
export interface ReachOptions {
  readonly policies: readonly Policy[];
  readonly options: PolicyOptions;
  readonly nowMs: number;
}

/** Decides every pair of `nodes`. */
export function reachGraph(nodes: readonly ReachNode[], asked: ReachOptions): ReachGraph {
  const callers = nodes.filter(({ caller }) => caller !== null);
  const sides = new Map<string, WorkloadSide>();
  const numbers = new Map(asked.policies.map((policy, index) => [policy, index]));
  const edges: ReachEdge[] = [];
  for (const to of nodes) {
    if (to.workload === null) continue;
    const selected = selectPolicies(asked.policies, to.workload, asked.options);
    // Workloads of the same policies and port are decided alike.
    const key = `${to.port} ${selected.map((policy) => numbers.get(policy))}`;
    let side = sides.get(key);
    if (side === undefined) {
      side = new WorkloadSide(selected, callers, to.port, asked);
      sides.set(key, side);
    }
    for (const from of callers) {
      const by = from === to ? [] : side.reachedBy(from);
      if (by.length > 0) edges.push({ from, to, by });
    }
  }
  return { nodes, edges };
}

/** One operation of an ALLOW rule. */
interface Allowed {
  readonly rule: string | null;
  readonly what: string;
  readonly when: readonly string[];
  readonly boxes: readonly Box[];
}

/** What the policies of one workload allow. */
class WorkloadSide {
  readonly #space: Space;
  readonly #asked: ReachOptions;
  readonly #port: Clause;
  readonly #allowed: readonly Allowed[];
  readonly #denied: readonly { readonly rule: string; readonly box: Box }[];
  readonly #known = new Map<ReachNode, readonly ReachedBy[]>();

  constructor(
    selected: readonly Policy[],
    callers: readonly ReachNode[],
    port: number | null,
    asked: ReachOptions,
  ) {
    const { options, nowMs } = asked;
    // They select the workload, and that is all that is left of their scope.
    const scope = { namespace: options.rootNamespace, selector: null };
    const policies = selected.filter(({ dryRun }) => !dryRun).map((one) => ({ ...one, ...scope }));
    const inForce = policies.filter(({ expiresAtMs }) => expiresAtMs === null || nowMs < expiresAtMs);
    this.#asked = { policies, options, nowMs };
    this.#port = port === null ? [] : [portCondition(port)];
    const conditions = [...callers.flatMap(({ caller }) => caller?.source ?? []), ...this.#port];
    this.#space = createSpace(
      { policies: inForce, conditions: conditions.map((condition) => ({ condition, action: 'ALLOW' })) },
      options,
    );
    this.#denied = inForce
      .filter(({ action }) => action === 'DENY')
      .flatMap((policy) =>
        policy.rules.flatMap((rule) =>
          this.#space.boxesOf(policy, rule).map((box) => ({ rule: rule.id, box })),
        ),
      );
    const open = options.defaultVerdict === 'allow-when-unselected';
    const unselected = open && !policies.some(({ action }) => action === 'ALLOW');
    this.#allowed = unselected
      ? [{ rule: null, what: 'anything', when: [], boxes: [this.#space.all] }]
      : inForce.filter(({ action }) => action === 'ALLOW').flatMap((policy) => this.#operationsOf(policy));
  }

  /** What of it `from` may send. */
  reachedBy(from: ReachNode): readonly ReachedBy[] {
    let by = this.#known.get(from);
    if (by === undefined) {
      const source = [...(from.caller?.source ?? []), ...this.#port];
      const region = this.#space.within(this.#space.all, source, 'ALLOW');
      by = region === null ? [] : this.#allowed.flatMap((allowed) => this.#part(allowed, region));
      this.#known.set(from, by);
    }
    return by;
  }

  #part({ rule, what, when, boxes }: Allowed, region: Box): ReachedBy[] {
    const starts = meetAll(region, boxes);
    if (starts.length === 0) return [];
    const cutting = this.#denied.filter(({ box }) => starts.some((start) => meets(start, box)));
    if (starts.every((start) => cutting.some(({ box }) => covers(box, start)))) return [];
    const part = firstUncovered(
      starts,
      cutting.map(({ box }) => box),
    );
    if (part === null) return [];
    const sure = part !== undefined && verdictOf(exampleOf(this.#space, part), this.#asked) === 'allow';
    return [{ rule, what, when, less: [...new Set(cutting.map((one) => one.rule))], sure }];
  }

  #operationsOf(policy: Policy): Allowed[] {
    return policy.rules.flatMap((rule) =>
      (rule.to ?? [null]).map((operation) => ({
        rule: rule.id,
        what: operation === null ? 'anything' : operationText(operation),
        when: rule.when.map(({ name }) => name),
        boxes: this.#space.boxesOf(policy, {
          ...rule,
          to: operation === null ? null : [operation],
        } satisfies Rule),
      })),
    );
  }
}

const portCondition = (port: number): Condition => ({
  ...{ field: 'destination.port', name: 'port', notValues: [] },
  values: [{ kind: 'exact', value: String(port) }],
});

const ORDER = ['methods', 'hosts', 'paths', 'ports'];
const VALUES_SHOWN_MAX = 4;

/** `GET,POST /items/{*}`; other fields by name. */
function operationText(operation: Clause): string {
  const parts = [...operation]
    .sort((a, b) => ORDER.indexOf(a.field) - ORDER.indexOf(b.field))
    .flatMap(({ field, values, notValues }) => {
      const prefix = field === 'ports' ? 'port ' : field === 'hosts' ? 'host ' : '';
      return [
        ...(values.length === 0 ? [] : [`${prefix}${listText(values)}`]),
        ...(notValues.length === 0 ? [] : [`not ${prefix}${listText(notValues)}`]),
      ];
    });
  return parts.join(' ');
}

function listText(values: Condition['values']): string {
  const shown = values.slice(0, VALUES_SHOWN_MAX).map((one) => {
    if (one.kind === 'presence') return '*';
    if (one.kind === 'cidr') return one.text;
    return one.kind === 'prefix' ? `${one.value}*` : one.kind === 'suffix' ? `*${one.value}` : one.value;
  });
  return shown.join(',') + (values.length > shown.length ? `,… ${values.length} in all` : '');
}
