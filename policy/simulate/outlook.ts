// What a set of policies says of a recorded request, on the proxy's own engine. Where the record lacks what a
// rule asks for, the engine is asked twice: with the most that rules can match and with the least. What both
// answers share is the verdict, else it is unknown.
import { canonicalPath, type PathMode } from '../../core/path.ts';
import { compile } from '../compile.ts';
import { evaluate } from '../evaluate.ts';
import type { Policy, PolicyOptions } from '../model.ts';
import type { ConnectionFacts, Decision, RequestFacts, Verdict } from '../request.ts';
import { type Residual, residualFor } from '../residual.ts';
import { selects } from '../select.ts';
import { loadTable, type Table } from '../table.ts';
import { type Bound, boundPolicies, type Selection, type Unknown } from './bounds.ts';
import { type FieldName, fieldsOf, isMissing } from './fields.ts';
import { SPLITS_MAX, TABLES_MAX } from './limits.ts';
import { PathClasses } from './path-classes.ts';
import type { RecordedPath, RecordedRequest, RecordedWorkload } from './recorded.ts';

/** What policies say of a request. */
export interface Opinion {
  readonly verdict: Verdict | 'unknown';
  readonly reason: string;
  /** Those that decide; of an unknown verdict, those that could. */
  readonly rules: readonly string[];
  /** Why the verdict is unknown: what those rules ask for and the record lacks. */
  readonly missing: readonly FieldName[];
  /** What was asked: two sets of policies that have this alike say the same, unknown or not. */
  readonly basis: string;
}

/** Says what policies make of one kind of request, path by path. */
export type OpinionOf = (path: RecordedPath | undefined) => Opinion;

/** What a set of policies is judged by. */
export interface OutlookOptions {
  readonly policies: readonly Policy[];
  readonly options: PolicyOptions;
  /** Unix milliseconds: when the policies are in force. */
  readonly nowMs: number;
  pathMode(port: number | null): PathMode;
}

interface Tables {
  readonly permissive: Table;
  readonly restrictive: Table;
}

interface Sides {
  readonly permissive: Residual;
  readonly restrictive: Residual;
  readonly basis: string;
}

/** Policies, asked about records. */
export class Outlook {
  readonly #from: OutlookOptions;
  readonly #classes: PathClasses;
  readonly #fields: ReadonlyMap<string, ReadonlySet<FieldName>>;
  readonly #selected: ReadonlyMap<string, boolean>;
  readonly #used: ReadonlySet<FieldName>;
  readonly #tables = new Map<string, Tables>();
  readonly #splits = new Set<string>();

  constructor(from: OutlookOptions) {
    const { policies, options } = from;
    this.#from = from;
    this.#classes = new PathClasses(policies, options);
    const rules = policies.flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));
    this.#fields = new Map(rules.map(({ rule }) => [rule.id, fieldsOf(rule)]));
    this.#selected = new Map(rules.map(({ policy, rule }) => [rule.id, policy.selector !== null]));
    this.#used = new Set([...this.#fields.values()].flatMap((fields) => [...fields]));
  }

  /** Prepares for requests that are equal but for their path. */
  about(request: RecordedRequest): OpinionOf {
    const missing = new Set([...this.#used].filter((field) => isMissing(field, request)));
    const connection: ConnectionFacts = {
      principal: request.principal ?? null,
      sourceIp: request.sourceIp ?? null,
      remoteIp: request.remoteIp ?? null,
      destinationIp: request.destinationIp ?? null,
      destinationPort: request.port ?? null,
      sni: request.sni ?? null,
    };
    const mode = this.#from.pathMode(request.port ?? null);
    // The sides of requests without a split template, which most are.
    const whole = this.#lazySides(request, connection, { fields: missing, splitPaths: new Set() });
    return (path) => {
      if (path === undefined) return this.#withoutPath(request, connection, missing);
      if (path.isTemplate) return this.#ofTemplate(request, connection, missing, path.text);
      const { path: text, fault } = canonicalPathOf(path.text, request.method, mode);
      if (fault !== null) return { verdict: 'deny', reason: fault, rules: [], missing: [], basis: fault };
      return this.#decide(whole(), factsOf(request, text), missing, request);
    };
  }

  #withoutPath(request: RecordedRequest, connection: ConnectionFacts, missing: Set<FieldName>): Opinion {
    const fields = new Set([...missing, ...(this.#used.has('http.path') ? ['http.path' as const] : [])]);
    const sides = this.#sides(request, connection, { fields, splitPaths: new Set() });
    return this.#decide(sides, factsOf(request, '/'), fields, request);
  }

  #ofTemplate(
    request: RecordedRequest,
    connection: ConnectionFacts,
    missing: Set<FieldName>,
    template: string,
  ): Opinion {
    const found = this.#classes.of(template);
    const key = found?.split.join('\n') ?? '';
    if (found === null || (!this.#splits.has(key) && this.#splits.size >= SPLITS_MAX))
      return this.#withoutPath(request, connection, missing);
    this.#splits.add(key);
    const split = new Set(found.split);
    const sides = this.#sides(request, connection, { fields: missing, splitPaths: split });
    const fields: Set<FieldName> = split.size === 0 ? missing : new Set([...missing, 'http.path']);
    return this.#decide(sides, factsOf(request, found.example), fields, request);
  }

  #lazySides(request: RecordedRequest, connection: ConnectionFacts, unknown: Unknown): () => Sides {
    let sides: Sides | null = null;
    return () => {
      sides ??= this.#sides(request, connection, unknown);
      return sides;
    };
  }

  #sides({ workload }: RecordedRequest, connection: ConnectionFacts, unknown: Unknown): Sides {
    const { permissive, restrictive } = this.#tablesFor(workload, unknown);
    const { nowMs } = this.#from;
    const most = residualFor(permissive, connection, nowMs);
    return {
      permissive: most,
      restrictive: restrictive === permissive ? most : residualFor(restrictive, connection, nowMs),
      basis: `${permissive.policyHash} ${restrictive.policyHash}`,
    };
  }

  #decide(
    { permissive, restrictive, basis }: Sides,
    facts: RequestFacts,
    missing: ReadonlySet<FieldName>,
    { workload }: RecordedRequest,
  ): Opinion {
    const most = evaluate(permissive, facts);
    if (permissive === restrictive) return opinionOf(most, basis);
    const least = evaluate(restrictive, facts);
    // Of a shared verdict, the side that gives it against its bent names the rules that are certain.
    if (most.verdict === least.verdict) return opinionOf(most.verdict === 'deny' ? most : least, basis);
    const rules = [...new Set([...most.rules, ...least.rules])];
    return {
      verdict: 'unknown',
      reason: 'unknown',
      rules,
      missing: this.#missingOf(rules, missing, workload),
      basis,
    };
  }

  /** What the rules ask for and the record lacks; the selection too where it is in doubt. */
  #missingOf(
    rules: readonly string[],
    missing: ReadonlySet<FieldName>,
    { namespace, labels }: RecordedWorkload,
  ): FieldName[] {
    const found = new Set<FieldName>();
    for (const rule of rules) {
      for (const field of this.#fields.get(rule) ?? []) if (missing.has(field)) found.add(field);
      if (labels === undefined && this.#selected.get(rule) === true) found.add('destination.labels');
    }
    if (namespace === undefined) found.add('destination.namespace');
    if (found.size === 0) found.add('destination.labels');
    return [...found].sort();
  }

  #tablesFor(workload: RecordedWorkload, unknown: Unknown): Tables {
    const { namespace, labels } = workload;
    const key = JSON.stringify([
      namespace ?? null,
      labels === undefined ? null : Object.entries(labels).sort(),
      [...unknown.fields],
      [...unknown.splitPaths],
    ]);
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    if (this.#tables.size >= TABLES_MAX) this.#tables.clear();
    const tables = this.#compile(workload, unknown);
    this.#tables.set(key, tables);
    return tables;
  }

  #compile(workload: RecordedWorkload, unknown: Unknown): Tables {
    const { policies, options } = this.#from;
    const selection = selectionOf(policies, workload, options);
    const table = (bound: Bound): Table =>
      loadTable(
        compile(
          boundPolicies(selection, unknown, bound, options),
          { namespace: workload.namespace ?? '', serviceAccount: null, labels: workload.labels ?? {} },
          options,
        ),
      );
    const certain = selection.every((one) => one.certain);
    const permissive = table('permissive');
    const known = certain && unknown.fields.size === 0 && unknown.splitPaths.size === 0;
    return { permissive, restrictive: known ? permissive : table('restrictive') };
  }
}

/** The policies that select the workload, those of the root namespace first, as `selectPolicies` does. */
export function selectionOf(
  policies: readonly Policy[],
  { namespace, labels }: RecordedWorkload,
  { rootNamespace }: Pick<PolicyOptions, 'rootNamespace'>,
): Selection[] {
  const selection = policies.flatMap((policy): Selection[] => {
    if (policy.targetRefs !== null) return [];
    const isRoot = policy.namespace === rootNamespace;
    if (!isRoot && namespace !== undefined && policy.namespace !== namespace) return [];
    if (labels !== undefined && !selects(policy.selector, { labels })) return [];
    const selected = policy.selector === null || labels !== undefined;
    return [{ policy, certain: selected && (isRoot || namespace !== undefined) }];
  });
  const root = selection.filter(({ policy }) => policy.namespace === rootNamespace);
  return [...root, ...selection.filter(({ policy }) => policy.namespace !== rootNamespace)];
}

function canonicalPathOf(text: string, method: string | undefined, mode: PathMode) {
  // RFC 9112 section 3.2.4: the asterisk-form belongs to OPTIONS only.
  return text === '*' && method === 'OPTIONS' ? { path: text, fault: null } : canonicalPath(text, mode);
}

/** What is not known stands as anything: no condition asks for it any more. */
function factsOf({ method, host, headers }: RecordedRequest, path: string): RequestFacts {
  return {
    http: {
      method: method ?? 'GET',
      path,
      host: host ?? '',
      headerValues: (name) => headers.get(name),
    },
    remoteIp: null,
  };
}

function opinionOf({ verdict, reason, rules }: Decision, basis: string): Opinion {
  return { verdict, reason, rules, missing: [], basis };
}
