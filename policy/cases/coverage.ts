// Which rules, and which elements of them, cases have shown at work. A rule is covered when it decided a
// case: what a DENY hides has not been shown.
import type { Position } from '../../core/errors.ts';
import { compile } from '../compile.ts';
import { evaluate } from '../evaluate.ts';
import { DECISION_RULES_MAX } from '../limits.ts';
import type { Policy, PolicyOptions, Rule, Workload } from '../model.ts';
import type { Decision } from '../request.ts';
import type { JudgedRequest } from '../request-json.ts';
import { residualFor } from '../residual.ts';
import { selectPolicies } from '../select.ts';
import { loadTable, type Table } from '../table.ts';
import { type Element, elementsOf } from './elements.ts';
import type { PolicyCase } from './model.ts';

/** Names of cases that are kept for one element; more are counted. */
const NAMES_MAX = 5;

/** What covered something. */
export interface Hits {
  readonly count: number;
  /** The first of the cases. */
  readonly cases: readonly string[];
}

export interface ElementCoverage extends Hits {
  readonly what: string;
  readonly kind: Element['kind'];
  readonly path: Element['path'];
}

export interface RuleCoverage extends Hits {
  readonly rule: string;
  readonly at: Position;
  readonly elements: readonly ElementCoverage[];
}

/** How much of the policies the cases have shown. */
export type Coverage = readonly RuleCoverage[];

/** An answer to a case, and what it was about. */
export interface Judged {
  readonly judged: JudgedRequest;
  readonly workload: Workload;
  readonly answer: Pick<Decision, 'rules' | 'dryRun'> & { readonly audit?: readonly string[] };
}

interface Mutable {
  count: number;
  readonly cases: string[];
}

interface Metered extends Mutable {
  readonly policy: Policy;
  readonly rule: Rule;
  readonly elements: readonly (Element & Mutable)[];
  /** The tables of its probes, when they were needed. */
  readonly probes: Map<'taking part' | 'excluding', readonly Probes[]>;
}

/** A table of rules that stand for elements. */
interface Probes {
  readonly table: Table;
  readonly elements: readonly (Element & Mutable)[];
}

/** Collects what cases cover. */
export class CoverageMeter {
  readonly #policies: readonly Policy[];
  readonly #options: PolicyOptions;
  readonly #nowMs: number;
  readonly #rules = new Map<string, Metered>();
  readonly #excluding = new Map<string, readonly Metered[]>();

  constructor(policies: readonly Policy[], options: PolicyOptions, nowMs: number) {
    this.#policies = policies;
    this.#options = options;
    this.#nowMs = nowMs;
    const same = [...new Set([options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases])];
    for (const policy of policies)
      for (const rule of policy.rules) {
        const elements = elementsOf(rule, same).map((element) => ({ ...element, count: 0, cases: [] }));
        this.#rules.set(rule.id, { policy, rule, elements, probes: new Map(), count: 0, cases: [] });
      }
  }

  /** Counts one case. */
  add({ name }: PolicyCase, { judged, workload, answer }: Judged): void {
    if (judged.fault !== null) return;
    const decided = new Set([...answer.rules, ...(answer.audit ?? []), ...(answer.dryRun?.rules ?? [])]);
    for (const id of decided) {
      const metered = this.#rules.get(id);
      if (metered === undefined) continue;
      hit(metered, name);
      for (const element of this.#matching(metered, 'taking part', judged, workload)) hit(element, name);
    }
    for (const metered of this.#withExclusions(workload))
      if (!decided.has(metered.rule.id))
        for (const element of this.#matching(metered, 'excluding', judged, workload)) hit(element, name);
  }

  result(): Coverage {
    return [...this.#rules.values()].map(({ rule, count, cases, elements }) => ({
      rule: rule.id,
      at: rule.at,
      count,
      cases,
      elements: elements.map(({ what, kind, path, count: hits, cases: names }) => {
        return { what, kind, path, count: hits, cases: names };
      }),
    }));
  }

  /** Rules that have not-values, of policies that select the workload. */
  #withExclusions(workload: Workload): readonly Metered[] {
    const key = JSON.stringify([workload.namespace, Object.entries(workload.labels).sort()]);
    const known = this.#excluding.get(key);
    if (known !== undefined) return known;
    const found = selectPolicies(this.#policies, workload, this.#options)
      .flatMap(({ rules }) => rules.flatMap(({ id }) => this.#rules.get(id) ?? []))
      .filter(({ elements }) => elements.some(({ kind }) => kind === 'exclusion'));
    this.#excluding.set(key, found);
    return found;
  }

  /** The elements whose probes match the request. */
  #matching(
    metered: Metered,
    which: 'taking part' | 'excluding',
    { connection, request }: JudgedRequest,
    workload: Workload,
  ): (Element & Mutable)[] {
    let all = metered.probes.get(which);
    if (all === undefined) {
      all = this.#compile(metered, which, workload);
      metered.probes.set(which, all);
    }
    return all.flatMap(({ table, elements }) => {
      const decision = evaluate(residualFor(table, connection, this.#nowMs), request);
      const matched = metered.policy.action === 'AUDIT' ? decision.audit : decision.rules;
      return matched.flatMap((id) => elements[Number(id)] ?? []);
    });
  }

  /** A decision names so many rules and no more: so many probes stand in a table. */
  #compile(metered: Metered, which: 'taking part' | 'excluding', workload: Workload): Probes[] {
    const { policy, rule } = metered;
    const wanted = metered.elements.filter(({ kind }) => (kind === 'exclusion') === (which === 'excluding'));
    const tables: Probes[] = [];
    for (let start = 0; start < wanted.length; start += DECISION_RULES_MAX) {
      const elements = wanted.slice(start, start + DECISION_RULES_MAX);
      const rules = elements.map(({ probe }, i): Rule => ({ ...probe, id: String(i), at: rule.at }));
      const probing = { ...policy, rules, dryRun: false };
      tables.push({ table: loadTable(compile([probing], workload, this.#options)), elements });
    }
    return tables;
  }
}

function hit(one: Mutable, name: string): void {
  one.count++;
  if (one.cases.length < NAMES_MAX) one.cases.push(name);
}
