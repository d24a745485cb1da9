// Finds the rules that may cover a rule without looking at all of them. Every rule is entered under anchors:
// one for whom it names and one for what it opens. Whatever a rule covers has one of its anchors among those
// that it is looked up by.
//
//   principals: [td/ns/a/sa/b]  ->  =td/ns/a/sa/b      paths: [/a/b]    ->  =/a/b
//   namespaces: [a]             ->  n a                paths: [/a/b*]   ->  /a/
//   anything else               ->  *                  anything else    ->  *
import type { Clause, Matcher, Rule } from '../model.ts';
import { type SameTrustDomains, thingOf } from './implies.ts';
import { principalKey } from './rule-key.ts';

const ANY = '*';
/** Entries of one rule; one with more anchors is entered once, as open on that side. */
const ENTRIES_MAX = 64;
/** Folders of a path that are looked up, and those of a prefix that it is entered under. */
const FOLDERS_MAX = 24;

/** Rules of one group and namespace by anchor. */
export class RuleIndex<T> {
  readonly #same: SameTrustDomains;
  readonly #namespaces = new Map<string, Map<string, Map<string, T[]>>>();

  constructor(same: SameTrustDomains) {
    this.#same = same;
  }

  add(namespace: string, rule: Rule, entry: T): void {
    let callers = anchorsOf(rule.from, (clause) => callerAnchors(clause, this.#same));
    let operations = anchorsOf(rule.to, operationAnchors);
    if (operations.length > ENTRIES_MAX) operations = [ANY];
    if (callers.length * operations.length > ENTRIES_MAX) {
      if (callers.length > ENTRIES_MAX) callers = [ANY];
      else operations = [ANY];
    }
    const own = entryOf(this.#namespaces, namespace, () => new Map<string, Map<string, T[]>>());
    for (const caller of callers) {
      const byOperation = entryOf(own, caller, () => new Map<string, T[]>());
      for (const operation of operations) entryOf(byOperation, operation, () => []).push(entry);
    }
  }

  /** Those that may cover `rule`, each list once. */
  *candidates(namespace: string, rule: Rule): Generator<readonly T[]> {
    const own = this.#namespaces.get(namespace);
    if (own === undefined) return;
    const operations = operationKeys([...(rule.to?.[0] ?? []), ...rule.when]);
    for (const caller of callerKeys([...(rule.from?.[0] ?? []), ...rule.when], this.#same)) {
      const byOperation = own.get(caller);
      if (byOperation === undefined) continue;
      for (const operation of operations) {
        const found = byOperation.get(operation);
        if (found !== undefined) yield found;
      }
    }
  }
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}

function anchorsOf(
  clauses: readonly Clause[] | null,
  anchors: (clause: Clause) => readonly string[],
): readonly string[] {
  if (clauses === null) return [ANY];
  const all = [...new Set(clauses.flatMap(anchors))];
  return all.includes(ANY) && all.length > ENTRIES_MAX ? [ANY] : all;
}

/** Where a source is entered: all of its values, since each may cover something. */
function callerAnchors(clause: Clause, same: SameTrustDomains): readonly string[] {
  for (const condition of clause) {
    const thing = thingOf(condition);
    const { values } = condition;
    if (values.length === 0) continue;
    if (thing === 'principals') return values.map((one) => exactly(one, (v) => `=${principalKey(v, same)}`));
    if (thing === 'namespaces') return values.map((one) => exactly(one, (v) => `n ${v}`));
    if (thing === 'serviceAccounts') return values.map((one) => exactly(one, (v) => `a ${v}`));
  }
  return [ANY];
}

/** What a rule is looked up by: one of its values, since all of them must be covered. */
function callerKeys(clause: Clause, same: SameTrustDomains): readonly string[] {
  const keys = [ANY];
  for (const condition of clause) {
    const [first] = condition.values;
    if (first?.kind !== 'exact') continue;
    const thing = thingOf(condition);
    if (thing === 'principals') {
      keys.push(`=${principalKey(first.value, same)}`);
      const [, ns, namespace, sa, account, more] = first.value.split('/');
      if (ns === 'ns' && sa === 'sa' && more === undefined)
        keys.push(`n ${namespace}`, `a ${namespace}/${account}`);
    } else if (thing === 'namespaces') keys.push(`n ${first.value}`);
    else if (thing === 'serviceAccounts')
      keys.push(`a ${first.value}`, `n ${first.value.slice(0, first.value.indexOf('/'))}`);
  }
  return [...new Set(keys)];
}

function operationAnchors(clause: Clause): readonly string[] {
  const paths = clause.find(({ field, values }) => field === 'paths' && values.length > 0);
  if (paths !== undefined) return paths.values.map(pathAnchor);
  const hosts = clause.find(({ field, values }) => field === 'hosts' && values.length > 0);
  return hosts === undefined ? [ANY] : hosts.values.map((one) => exactly(one, (v) => `h ${nameOf(v)}`));
}

function operationKeys(clause: Clause): readonly string[] {
  const keys = [ANY];
  const path = clause.find(({ field }) => field === 'paths')?.values[0];
  if (path?.kind === 'presence' || path?.kind === 'suffix') keys.push('/');
  else if (path !== undefined && 'value' in path) {
    if (path.kind === 'exact') keys.push(`=${path.value}`);
    const head = headOf(path.value);
    for (let slash = head.indexOf('/'), n = 0; slash >= 0 && n < FOLDERS_MAX; n++) {
      keys.push(head.slice(0, slash + 1));
      slash = head.indexOf('/', slash + 1);
    }
  }
  const host = clause.find(({ field }) => field === 'hosts')?.values[0];
  if (host?.kind === 'exact') keys.push(`h ${nameOf(host.value)}`);
  return keys;
}

function pathAnchor(matcher: Matcher): string {
  if (matcher.kind === 'exact') return `=${matcher.value}`;
  if (matcher.kind !== 'prefix' && matcher.kind !== 'template') return ANY;
  const head = headOf(matcher.value);
  const folder = head.slice(0, head.lastIndexOf('/') + 1);
  return folder.split('/').length > FOLDERS_MAX ? ANY : folder;
}

const headOf = (path: string): string => {
  const brace = path.indexOf('{');
  return brace < 0 ? path : path.slice(0, brace);
};

const exactly = (matcher: Matcher, key: (value: string) => string): string =>
  matcher.kind === 'exact' ? key(matcher.value) : ANY;

const nameOf = (host: string): string => {
  const colon = host.lastIndexOf(':');
  return colon > host.lastIndexOf(']') ? host.slice(0, colon) : host;
};
