// What of the policies in force no recorded call needed: whole rules, and single values of rules that others
// of their values were needed of.
import type { Condition, Field, Matcher, Policy, Rule } from '../model.ts';
import { byText } from './evidence.ts';
import { covers } from './templates.ts';

/** One call that a rule allowed. */
export interface NeededCall {
  /** Without scheme: `td/ns/x/sa/y`. */
  readonly principal: string;
  readonly method: string;
  /** A path that was seen, or a template. */
  readonly path: string;
  readonly port: number;
}

/** A rule with what was not needed of it. */
export interface Unobserved {
  readonly rule: Rule;
  /** Null: all of it. */
  readonly values: readonly { readonly field: string; readonly value: string }[] | null;
}

/** Looks at every ALLOW rule. `needed`: the calls that each rule allowed, by rule id. */
export function unobservedOf(
  policies: readonly Policy[],
  needed: ReadonlyMap<string, readonly NeededCall[]>,
  localTrustDomain: string,
): Unobserved[] {
  const allowing = policies.filter(({ action, dryRun }) => action === 'ALLOW' && !dryRun);
  return allowing
    .flatMap(({ rules }) => rules)
    .flatMap((rule): Unobserved[] => {
      const calls = needed.get(rule.id) ?? [];
      if (calls.length === 0) return [{ rule, values: null }];
      const values = valuesOf(rule, calls, localTrustDomain);
      return values.length === 0 ? [] : [{ rule, values }];
    });
}

function valuesOf(rule: Rule, calls: readonly NeededCall[], localTrustDomain: string) {
  const conditions = [...(rule.from ?? []), ...(rule.to ?? [])].flat();
  const unused = new Map<string, { field: string; value: string }>();
  const used = new Set<string>();
  for (const condition of conditions)
    for (const matcher of condition.values) {
      const meets = TESTS[condition.field];
      if (meets === undefined) continue;
      const { field, value } = shown(condition, matcher, localTrustDomain);
      const key = `${field}\n${value}`;
      if (calls.some((call) => meets(matcher, call))) used.add(key);
      else unused.set(key, { field, value });
    }
  // A principal of the own trust domain stands for several texts: one of them is enough.
  for (const key of used) unused.delete(key);
  return [...unused.values()].sort((a, b) => byText(a.field, b.field) || byText(a.value, b.value));
}

/** A value as it is written, with the own trust domain under one name. */
function shown({ field }: Condition, matcher: Matcher, localTrustDomain: string) {
  const text = textOf(matcher);
  const own = field === 'principals' && text.startsWith('cluster.local/') && text.split('/').length === 5;
  return { field, value: own ? `${localTrustDomain}${text.slice('cluster.local'.length)}` : text };
}

function textOf(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'presence':
      return '*';
    case 'prefix':
      return `${matcher.value}*`;
    case 'suffix':
      return `*${matcher.value}`;
    case 'cidr':
      return matcher.text;
    default:
      return matcher.value;
  }
}

/** The fields that recorded calls tell about. */
const TESTS: Partial<Readonly<Record<Field, (matcher: Matcher, call: NeededCall) => boolean>>> = {
  principals: (matcher, { principal }) => isMet(matcher, principal),
  namespaces: (matcher, { principal }) => isMet(matcher, principal.split('/')[2] ?? ''),
  serviceAccounts: (matcher, { principal }) => {
    const [, , namespace, , account] = principal.split('/');
    return isMet(matcher, `${namespace}/${account}`);
  },
  methods: (matcher, { method }) => isMet(matcher, method),
  paths: (matcher, { path }) => isMet(matcher, path),
  ports: (matcher, { port }) => isMet(matcher, String(port)),
};

function isMet(matcher: Matcher, text: string): boolean {
  switch (matcher.kind) {
    case 'presence':
      return text !== '';
    case 'exact':
      return text === matcher.value;
    case 'prefix':
      return text.startsWith(matcher.value);
    case 'suffix':
      return text.endsWith(matcher.value);
    case 'template':
      return coversRest(matcher.value, text);
    case 'cidr':
      return false;
  }
}

const REST = '{**}';

/** `{**}` is what is left: literal segments may follow it. */
function coversRest(template: string, path: string): boolean {
  const at = template.indexOf(REST);
  if (at < 0) return covers(template, path);
  const depth = template.slice(0, at).split('/').length - 1;
  const segments = path.split('/');
  return (
    segments.length > depth &&
    covers(template.slice(0, at), [...segments.slice(0, depth), ''].join('/')) &&
    path.endsWith(template.slice(at + REST.length))
  );
}
