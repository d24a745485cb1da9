// ALLOW rules that let in more than least privilege would: by whom they name, and by what they open to them.
import type { Diagnostic } from '../../core/errors.ts';
import type { Clause, Condition, Field, Matcher, Policy, Rule } from '../model.ts';
import { conditionsOf } from './conditions.ts';
import { finding } from './finding.ts';

/** Rules that allow everything: those are worth a word wherever they are loaded. */
export function overBroad(policy: Policy, rule: Rule): Diagnostic[] {
  if (policy.action !== 'ALLOW' || rule.to !== null || rule.when.length > 0) return [];
  const who = callersOf(rule);
  if (who === 'anyone')
    return [
      finding(
        'LINT_POLICY_OVER_BROAD',
        rule.at,
        `${rule.id} allows everything to everyone, strangers without identity included`,
      ),
    ];
  if (who !== 'any-principal') return [];
  const message = `${rule.id} allows every authenticated peer to do everything`;
  return [finding('LINT_POLICY_ANY_PRINCIPAL', rule.at, message)];
}

/** The other ones that are wider than they should be without a reason. */
export function permissive(policy: Policy, rule: Rule): Diagnostic[] {
  return [...(policy.action === 'ALLOW' ? wideOperations(rule) : []), ...anyAddress(policy, rule)];
}

function wideOperations(rule: Rule): Diagnostic[] {
  // What `when` leaves over is not guessed at.
  if (rule.when.length > 0) return [];
  const who = callersOf(rule);
  const wide = rule.to === null || rule.to.some((clause) => writes(clause) && isOnAnyPath(clause));
  if (who === 'anyone') {
    if (rule.to === null) return [];
    const publicly = rule.to.every((clause) => !writes(clause) && !isOnAnyPath(clause));
    return publicly
      ? [finding('LINT_POLICY_PUBLIC', rule.at, `${rule.id} opens its paths to everyone for reading`)]
      : [
          finding(
            'LINT_POLICY_ANY_CALLER',
            rule.at,
            `${rule.id} names no caller: strangers without identity may use its operations`,
          ),
        ];
  }
  if (!wide) return [];
  if (who === 'any-principal') {
    if (rule.to === null) return [];
    const message = `${rule.id} allows every authenticated peer to write on any path`;
    return [finding('LINT_POLICY_ANY_PRINCIPAL', rule.at, message)];
  }
  if (who !== 'named') {
    const message = `${rule.id} allows every workload of ${who.groups} to write on any path`;
    return [finding('LINT_POLICY_WHOLE_NAMESPACE', rule.at, message)];
  }
  if (rule.to === null)
    return [finding('LINT_POLICY_ANY_OPERATION', rule.at, `${rule.id} allows its callers every operation`)];
  const writing = rule.to.find((clause) => isOnAnyPath(clause) && listsWriting(clause));
  if (writing === undefined) return [];
  const message = `${rule.id} allows ${methodsOf(writing).join(', ')} on any path`;
  return [finding('LINT_POLICY_WRITE_ANY_PATH', rule.at, message)];
}

type Callers = 'anyone' | 'any-principal' | 'named' | { readonly groups: string };

/** The widest of the sources. */
function callersOf({ from }: Rule): Callers {
  if (from === null) return 'anyone';
  if (from.some(isAnyPrincipal)) return 'any-principal';
  for (const [only, ...others] of from) {
    if (only === undefined || others.length > 0 || only.values.length === 0) continue;
    if (only.notValues.length > 0) continue;
    if (only.field === 'namespaces') return { groups: `namespace ${textOf(only)}` };
    if (only.field === 'trustDomains') return { groups: `trust domain ${textOf(only)}` };
  }
  return 'named';
}

function isAnyPrincipal([only, ...others]: Clause): boolean {
  return (
    others.length === 0 &&
    only !== undefined &&
    ['principals', 'namespaces', 'trustDomains'].includes(only.field) &&
    only.values.some((matcher) => matcher.kind === 'presence') &&
    only.notValues.length === 0
  );
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** An operation on a port alone may be plain TCP, where nothing more can be said: that is no writing. */
function writes(clause: Clause): boolean {
  const methods = clause.find(({ field }) => field === 'methods');
  if (methods === undefined) return clause.every(({ field }) => field !== 'ports');
  return methods.values.length === 0 || listsWriting(clause);
}

const listsWriting = (clause: Clause): boolean =>
  clause.some(
    ({ field, values }) =>
      field === 'methods' && values.some((one) => one.kind !== 'exact' || !READING.has(one.value)),
  );

const methodsOf = (clause: Clause): string[] =>
  clause.filter(({ field }) => field === 'methods').flatMap(({ values }) => values.map(valueText));

function isOnAnyPath(clause: Clause): boolean {
  const paths = clause.find(({ field }) => field === 'paths');
  return paths === undefined || paths.values.length === 0 || paths.values.some(isAnyPath);
}

function isAnyPath(matcher: Matcher): boolean {
  if (matcher.kind === 'presence') return true;
  if (matcher.kind === 'prefix') return matcher.value === '/';
  return matcher.kind === 'template' && matcher.value === '/{**}';
}

const ADDRESSES: ReadonlySet<Field> = new Set<Field>([
  ...(['ipBlocks', 'remoteIpBlocks', 'source.ip', 'remote.ip', 'destination.ip'] as const),
]);

function anyAddress({ action }: Policy, rule: Rule): Diagnostic[] {
  const out: Diagnostic[] = [];
  const report = (condition: Condition, matchers: readonly Matcher[], says: string): void => {
    for (const one of matchers)
      if (one.kind === 'cidr' && one.prefixLength === 0) {
        const message = `\`${one.text}\` in ${condition.name} of ${rule.id} ${says}`;
        out.push(finding('LINT_POLICY_ANY_ADDRESS', rule.at, message));
      }
  };
  for (const condition of conditionsOf(rule)) {
    if (!ADDRESSES.has(condition.field)) continue;
    if (action === 'ALLOW') report(condition, condition.values, 'is every address of its kind');
    report(condition, condition.notValues, 'excepts every address of its kind');
  }
  return out;
}

const textOf = ({ values }: Condition): string => values.map((one) => `\`${valueText(one)}\``).join(', ');

function valueText(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'prefix':
      return `${matcher.value}*`;
    case 'suffix':
      return `*${matcher.value}`;
    case 'presence':
      return '*';
    case 'cidr':
      return matcher.text;
    default:
      return matcher.value;
  }
}
