// Whether whatever matches one value, or one condition, also matches others: the cheap answer, by their form.
// `ask` leaves the question to the algebra.
import type { Condition, Field, Matcher } from '../model.ts';

/** `some`: a part of the values is covered, which may do where several clauses cover together. */
export type Answer = 'yes' | 'no' | 'some' | 'ask';

/** Trust domains that stand for each other in five-segment principals. */
export type SameTrustDomains = readonly string[];

/** Fields that test one thing under two names have one: `source.ip` and `ipBlocks`. */
export function thingOf({ field, key }: Condition): string {
  switch (field) {
    case 'source.principal':
      return 'principals';
    case 'source.namespace':
      return 'namespaces';
    case 'source.serviceAccount':
      return 'serviceAccounts';
    case 'source.trustDomain':
      return 'trustDomains';
    case 'source.ip':
      return 'ipBlocks';
    case 'remote.ip':
      return 'remoteIpBlocks';
    case 'destination.port':
      return 'ports';
    case 'request.headers':
      return `header ${key ?? ''}`;
    default:
      return field;
  }
}

/** Things that are parts of one SPIFFE ID. */
export const PEER_THINGS: ReadonlySet<string> = new Set([
  ...['principals', 'namespaces', 'serviceAccounts', 'trustDomains'],
]);

/** Whether `inner` holds only where `outer` does; both test the same thing. */
export function conditionIn(inner: Condition, outer: Condition, same: SameTrustDomains): Answer {
  const { field } = inner;
  let answer: Answer = 'yes';
  if (outer.values.length > 0) {
    if (inner.values.length === 0) return 'no';
    answer = valuesIn(field, inner.values, outer.values, same);
    if (answer === 'no') return 'no';
  }
  for (const excepted of outer.notValues) {
    if (inner.notValues.length > 0 && valueIn(field, excepted, inner.notValues, same) === 'yes') continue;
    if (inner.values.length === 0) return 'no';
    if (inner.values.some((one) => one.kind !== 'exact' || isUnclear(one, excepted, field))) answer = 'ask';
    else if (inner.values.some((one) => meets(field, one, excepted, same))) return 'no';
  }
  return answer;
}

function valuesIn(
  field: Field,
  inner: readonly Matcher[],
  outer: readonly Matcher[],
  same: SameTrustDomains,
): Answer {
  let [yes, asked] = [0, 0];
  for (const one of inner) {
    const answer = valueIn(field, one, outer, same);
    if (answer === 'yes') yes++;
    else if (answer === 'ask') asked++;
  }
  if (yes === inner.length) return 'yes';
  if (yes + asked === inner.length) return 'ask';
  return yes + asked > 0 ? 'some' : 'no';
}

/** A host without a port stands for those with one. */
const isUnclear = (one: Matcher, excepted: Matcher, field: Field): boolean =>
  field === 'hosts' &&
  'value' in one &&
  'value' in excepted &&
  hasPort(excepted.value) &&
  !hasPort(one.value);

/** Whether something that `one`, an exact value, matches is excepted. */
function meets(field: Field, one: Matcher, excepted: Matcher, same: SameTrustDomains): boolean {
  if (one.kind === 'exact' && (field === 'principals' || field === 'source.principal'))
    return formsOf(one.value, same).some((form) => principalIs(excepted, form, same));
  return matcherIn(field, one, excepted) !== 'no';
}

/** Whether `one` matches only what one of `outer` matches. */
function valueIn(field: Field, one: Matcher, outer: readonly Matcher[], same: SameTrustDomains): Answer {
  if (one.kind === 'exact' && (field === 'principals' || field === 'source.principal'))
    return formsOf(one.value, same).every((form) => outer.some((by) => principalIs(by, form, same)))
      ? 'yes'
      : 'no';
  let answer: Answer = 'no';
  for (const by of outer) {
    const found = matcherIn(field, one, by);
    if (found === 'yes') return 'yes';
    if (found === 'ask') answer = 'ask';
  }
  return answer;
}

/** The IDs that an exact principal stands for. */
function formsOf(value: string, same: SameTrustDomains): readonly string[] {
  const local = localForm(value, same);
  if (local === null) return [value];
  return same.map((name) => `${name}/${local}`);
}

/** What follows the trust domain in a five-segment ID of the local one, whatever name that has; else null. */
export function localForm(value: string, same: SameTrustDomains): string | null {
  const slash = value.indexOf('/');
  if (slash < 0 || !same.includes(value.slice(0, slash))) return null;
  return value.split('/').length === 5 ? value.slice(slash + 1) : null;
}

function principalIs(by: Matcher, form: string, same: SameTrustDomains): boolean {
  if (by.kind !== 'exact') return textIs(by, form);
  if (by.value === form) return true;
  const local = localForm(by.value, same);
  return local !== null && local === localForm(form, same);
}

function textIs(by: Matcher, text: string): boolean {
  switch (by.kind) {
    case 'exact':
      return by.value === text;
    case 'prefix':
      return text.startsWith(by.value);
    case 'suffix':
      return text.endsWith(by.value);
    case 'presence':
      return text !== '';
    default:
      return false;
  }
}

function matcherIn(field: Field, one: Matcher, by: Matcher): Answer {
  if (one.kind === 'cidr' || by.kind === 'cidr') return blockIn(one, by) ? 'yes' : 'no';
  if (by.kind === 'presence') return 'yes';
  if (field === 'hosts') return hostIn(one, by);
  if (field === 'paths') return pathIn(one, by);
  return textIn(one, by) ? 'yes' : 'no';
}

function blockIn(one: Matcher, by: Matcher): boolean {
  if (one.kind !== 'cidr' || by.kind !== 'cidr') return false;
  if (one.bytes.length !== by.bytes.length || by.prefixLength > one.prefixLength) return false;
  const whole = by.prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (one.bytes[i] !== by.bytes[i]) return false;
  const shift = 8 - (by.prefixLength & 7);
  return shift === 8 || (one.bytes[whole] ?? 0) >> shift === (by.bytes[whole] ?? 0) >> shift;
}

/** The forms without templates. */
function textIn(one: Matcher, by: Matcher): boolean {
  if (one.kind === 'exact') return textIs(by, one.value);
  if (one.kind !== by.kind || !('value' in one) || !('value' in by)) return false;
  return one.kind === 'prefix' ? one.value.startsWith(by.value) : one.value.endsWith(by.value);
}

/** A value without a port is compared with the name alone. */
function hostIn(one: Matcher, by: Matcher): Answer {
  if (!('value' in one) || !('value' in by)) return 'no';
  if (hasPort(by.value)) return hasPort(one.value) && textIn(one, by) ? 'yes' : 'no';
  if (!hasPort(one.value)) return textIn(one, by) ? 'yes' : 'no';
  if (one.kind !== 'exact') return 'ask';
  return textIs(by, one.value.slice(0, one.value.lastIndexOf(':'))) ? 'yes' : 'no';
}

const hasPort = (host: string): boolean => host.lastIndexOf(':') > host.lastIndexOf(']');

/** Every path begins with a slash, so `*` and `/{**}` are `/*`. */
function pathIn(one: Matcher, by: Matcher): Answer {
  const outer = plainPath(by);
  const inner = plainPath(one);
  if (outer.kind === 'template') {
    if (inner.kind === 'suffix' || inner.kind === 'prefix') return 'ask';
    return 'value' in inner ? templateIn(inner.value, outer.value) : 'no';
  }
  if (inner.kind !== 'template') return textIn(inner, outer) ? 'yes' : 'no';
  if (outer.kind === 'prefix')
    return inner.value.slice(0, inner.value.indexOf('{')).startsWith(outer.value) ? 'yes' : 'no';
  return outer.kind === 'suffix' ? 'ask' : 'no';
}

function plainPath(matcher: Matcher): Matcher {
  if (matcher.kind === 'presence') return { kind: 'prefix', value: '/' };
  if (matcher.kind !== 'template' || !matcher.value.endsWith('/{**}')) return matcher;
  const head = matcher.value.slice(0, -'{**}'.length);
  return head.includes('{') ? matcher : { kind: 'prefix', value: head };
}

/** `inner` is a template or a path. */
function templateIn(inner: string, outer: string): Answer {
  const [given, wanted] = [inner.split('/'), outer.split('/')];
  const rest = wanted.indexOf('{**}');
  if (given.includes('{**}') && rest < 0) return 'no';
  if (given.includes('{**}') || (rest >= 0 && rest < wanted.length - 1)) return 'ask';
  if (rest < 0 ? given.length !== wanted.length : given.length < wanted.length) return 'no';
  const head = rest < 0 ? wanted : wanted.slice(0, rest);
  const fits = head.every((want, i) => (want === '{*}' ? given[i] !== '' : want === given[i]));
  return fits ? 'yes' : 'no';
}
