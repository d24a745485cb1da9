// What a set of policies would change: requests by what becomes of them, grouped in bounded memory.
import { BoundedGroups, type GroupLimits, Rest } from '../flows/bounded.ts';
import type { Names } from '../flows/names.ts';
import type { Verdict } from '../request.ts';
import type { FieldName } from './fields.ts';
import { NAMES_MAX, ROWS_MAX, ROWS_PER_CALLER_MAX } from './limits.ts';
import type { Opinion, OpinionOf } from './outlook.ts';
import type { RecordPlace, TallyOf } from './read.ts';
import type { RecordedPath, RecordedRequest } from './recorded.ts';
import { Tally } from './tally.ts';

/** What becomes of a request that became something else before; `unknown`: the record lacks what decides. */
export type ChangeKind = 'denied' | 'allowed' | 'unknown';

/** One side of a comparison. */
export interface SideVerdict {
  readonly verdict: Verdict | 'unknown';
  readonly reason: string;
  readonly rules: readonly string[];
}

/** One of the requests of a row. */
export interface ChangeExample extends RecordPlace {
  readonly host: string | null;
  readonly path: string | null;
}

/** Equal changes. */
export interface ChangeRow {
  readonly kind: ChangeKind;
  readonly caller: string;
  readonly workload: string;
  readonly method: string | null;
  /** A template; null when paths are not told. */
  readonly path: string | null;
  readonly before: SideVerdict;
  readonly after: SideVerdict;
  readonly missing: readonly (FieldName | 'verdict')[];
  readonly example: ChangeExample;
  readonly tally: Tally;
}

/** Requests by rule or reason, or by missing field. */
export interface CountedName {
  readonly kind: ChangeKind;
  readonly name: string;
  readonly tally: Tally;
}

/** What requests are judged by. */
export interface Judges {
  /** Null: what records say would have been, in audit mode and by dry-run policies. */
  readonly after: { about(request: RecordedRequest): OpinionOf } | null;
  /** Null: what became of the requests. */
  readonly before: { about(request: RecordedRequest): OpinionOf } | null;
  readonly names: Names;
  /** The template of a path. */
  templateOf(path: string): string;
}

const OTHER = '(other)';

/** Collects what changes. */
export class Changes {
  readonly totals: Readonly<Record<ChangeKind | 'same' | 'refused', Tally>> = {
    denied: new Tally(),
    allowed: new Tally(),
    unknown: new Tally(),
    same: new Tally(),
    refused: new Tally(),
  };
  /** What found no row. */
  readonly rest = new Rest();
  readonly #judges: Judges;
  readonly #rows: BoundedGroups<ChangeRow>;
  readonly #named = new Map<string, CountedName>();

  constructor(judges: Judges, limits: GroupLimits = { total: ROWS_MAX, perOwner: ROWS_PER_CALLER_MAX }) {
    this.#judges = judges;
    this.#rows = new BoundedGroups(limits);
  }

  /** Judges one kind of request. */
  take(request: RecordedRequest): TallyOf {
    const { totals } = this;
    if (request.outcome.refused) return () => totals.refused;
    const { after, before } = this.#judges;
    const opinionAfter = after === null ? recordedWouldBe(request) : after.about(request);
    const opinionBefore = before === null ? recordedOutcome(request) : before.about(request);
    const who = once(() => [
      callerText(request, this.#judges.names),
      workloadText(request, this.#judges.names),
    ]);
    return (path, at) => {
      const [was, is] = [opinionBefore(path), opinionAfter(path)];
      const kind = kindOf(was, is, request);
      return kind === null ? totals.same : this.#tallyOf({ kind, was, is, request, who, path, at });
    };
  }

  /** Most requests first. */
  rows(kind: ChangeKind): ChangeRow[] {
    return byRequests([...this.#rows.values()].filter((row) => row.kind === kind));
  }

  /** Requests by the rules, or the reason, that decide after; of unknown ones by each missing field. */
  named(kind: ChangeKind): CountedName[] {
    return byRequests([...this.#named.values()].filter((one) => one.kind === kind));
  }

  #tallyOf(change: Change): Tally {
    const { kind, was, is, request, path, at } = change;
    const [caller = '', workload = ''] = change.who();
    const template =
      path === undefined ? null : path.isTemplate ? path.text : this.#judges.templateOf(path.text);
    const missing = missingOf(was, is);
    const named = kind === 'unknown' ? missing : is.rules.length === 0 ? [`(${is.reason})`] : is.rules;
    const also = [this.totals[kind], ...named.map((name) => this.#name(kind, name))];
    const method = request.method ?? null;
    const key = [
      kind,
      workload,
      method,
      template,
      was.reason,
      is.reason,
      ...is.rules,
      '',
      ...was.rules,
      ...missing,
    ];
    const row = this.#rows.find(caller, key.join('\n'), () => ({
      kind,
      caller,
      workload,
      method,
      path: template,
      before: sideOf(was),
      after: sideOf(is),
      missing,
      example: { ...at, host: request.host ?? null, path: path?.text ?? null },
      tally: new Tally(also),
    }));
    return row?.tally ?? new RestTally(also, this.rest);
  }

  #name(kind: ChangeKind, name: string): Tally {
    const key = `${kind}\n${name}`;
    const known = this.#named.get(key);
    if (known !== undefined) return known.tally;
    // Rules and reasons of records are a stranger's.
    if (this.#named.size >= NAMES_MAX && name !== OTHER) return this.#name(kind, OTHER);
    const made = { kind, name, tally: new Tally() };
    this.#named.set(key, made);
    return made.tally;
  }
}

interface Change {
  readonly kind: ChangeKind;
  readonly was: Opinion;
  readonly is: Opinion;
  readonly request: RecordedRequest;
  /** Caller and workload. */
  readonly who: () => readonly string[];
  readonly path: RecordedPath | undefined;
  readonly at: RecordPlace;
}

/** Most requests change nothing, and need no names. */
function once<T>(make: () => T): () => T {
  let made: T | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

/** Counts beside its requests that they have no row. */
class RestTally extends Tally {
  readonly #rest: Rest;

  constructor(also: readonly Tally[], rest: Rest) {
    super(also);
    this.#rest = rest;
  }

  override add(count: number, firstMs: number, lastMs: number): void {
    super.add(count, firstMs, lastMs);
    this.#rest.add({ count });
  }
}

/** Null when nothing changes. */
function kindOf(was: Opinion, is: Opinion, { outcome }: RecordedRequest): ChangeKind | null {
  if (was.basis !== '' && was.basis === is.basis) return null;
  if (was.verdict === 'unknown' || is.verdict === 'unknown') return 'unknown';
  if (was.verdict === is.verdict) return null;
  // A health check that a listener names needs no rule, neither before nor after.
  if (outcome.reason === 'allow-probe' && is.reason === 'default-deny') return null;
  return is.verdict === 'deny' ? 'denied' : 'allowed';
}

/** What became of the request. */
function recordedOutcome({ outcome }: RecordedRequest): OpinionOf {
  const { verdict, reason, rules } = outcome;
  const opinion: Opinion = { verdict: verdict ?? 'unknown', reason, rules, missing: [], basis: '' };
  return () => opinion;
}

/** What would have been, as the proxy saw it itself; what was where there was no dry run. */
function recordedWouldBe({ outcome }: RecordedRequest): OpinionOf {
  const { verdict, reason, rules } = outcome.wouldBe ?? outcome;
  const opinion: Opinion = { verdict: verdict ?? 'unknown', reason, rules, missing: [], basis: '' };
  return () => opinion;
}

function missingOf(was: Opinion, is: Opinion): (FieldName | 'verdict')[] {
  const missing = new Set<FieldName | 'verdict'>([...was.missing, ...is.missing]);
  // The record does not say what became of the request.
  if (was.verdict === 'unknown' && was.missing.length === 0) missing.add('verdict');
  return [...missing].sort();
}

const sideOf = ({ verdict, reason, rules }: Opinion): SideVerdict => ({ verdict, reason, rules });

/** Who called, as people say it. */
export function callerText(
  { principal, sourceIp, callerName, remoteIp }: RecordedRequest,
  names: Names,
): string {
  if (principal !== undefined) return names.caller({ principal, ip: sourceIp ?? null });
  const address = sourceIp ?? remoteIp;
  return callerName ?? (address === undefined ? '(unknown caller)' : `(unknown) ${address}`);
}

/** Who was called. */
export function workloadText({ workload, port }: RecordedRequest, names: Names): string {
  const { namespace, name } = workload;
  if (namespace !== undefined || name !== undefined)
    return names.destination({ namespace: namespace ?? '', workload: name ?? '' });
  return port === undefined ? '(unknown workload)' : `(unknown workload):${port}`;
}

function byRequests<T extends { readonly tally: Tally }>(rows: readonly T[]): T[] {
  return rows
    .filter(({ tally }) => tally.requests > 0)
    .sort((a, b) => b.tally.requests - a.tally.requests || b.tally.lastMs - a.tally.lastMs);
}
