// One value of a condition as a set of texts, for every field that is a text.
import type { Field, Matcher, PolicyOptions } from '../model.ts';
import { ANY, type Language, SEGMENT, type Sequence, SOME, type Token } from './language.ts';
import type { TextSet } from './text-dimension.ts';

/** The dimensions of text. */
export type TextField = 'peer' | 'method' | 'host' | 'path' | 'sni';

/** Which dimension answers for a field; null for those that are no text. */
export function textFieldOf(field: Field): TextField | null {
  switch (field) {
    case 'principals':
    case 'source.principal':
    case 'namespaces':
    case 'source.namespace':
    case 'serviceAccounts':
    case 'source.serviceAccount':
    case 'trustDomains':
    case 'source.trustDomain':
      return 'peer';
    case 'methods':
      return 'method';
    case 'hosts':
      return 'host';
    case 'paths':
      return 'path';
    case 'connection.sni':
      return 'sni';
    default:
      return null;
  }
}

/**
 * The texts that `matcher` of `field` matches. `widens`: a match widens access, so namespaces and accounts of
 * trusted trust domains alone count.
 */
export function textSetOf(field: Field, matcher: Matcher, widens: boolean, options: PolicyOptions): TextSet {
  switch (field) {
    case 'principals':
    case 'source.principal':
      return principalSet(matcher, options);
    case 'namespaces':
    case 'source.namespace':
      return { language: kubernetesIds(within(matcher, SEGMENT), [SEGMENT], trusted(widens, options)) };
    case 'serviceAccounts':
    case 'source.serviceAccount':
      return accountSet(matcher, trusted(widens, options));
    case 'trustDomains':
    case 'source.trustDomain':
      return { language: within(matcher, SEGMENT).map((name) => [...name, { text: '/' }, SOME]) };
    case 'hosts':
      return hostSet(matcher);
    case 'paths':
      return matcher.kind === 'template'
        ? { language: [templateSequence(matcher.value)] }
        : plainSet(matcher);
    default:
      return plainSet(matcher);
  }
}

function plainSet(matcher: Matcher): TextSet {
  if (matcher.kind === 'exact') return { texts: [matcher.value] };
  return { language: within(matcher, SOME) };
}

/** The texts of `matcher` as sequences of characters of `some`. */
function within(matcher: Matcher, some: Token): Sequence[] {
  // A segment has no slash, so no segment matches a value with one.
  if (some === SEGMENT && 'value' in matcher && matcher.value.includes('/')) return [];
  const any: Token = 'run' in some ? { ...some, least: 0 } : some;
  switch (matcher.kind) {
    case 'exact':
      return [[{ text: matcher.value }]];
    case 'prefix':
      return [[{ text: matcher.value }, any]];
    case 'suffix':
      return [[any, { text: matcher.value }]];
    case 'presence':
      return [[some]];
    default:
      return [];
  }
}

/** The local trust domain, `cluster.local` and the aliases stand for each other in five-segment IDs. */
function principalSet(matcher: Matcher, options: PolicyOptions): TextSet {
  if (matcher.kind !== 'exact') return plainSet(matcher);
  const [trustDomain = '', ...rest] = matcher.value.split('/');
  const same = [options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases];
  if (rest.length !== 4 || !same.includes(trustDomain)) return plainSet(matcher);
  return { texts: [...new Set([matcher.value, ...same.map((name) => [name, ...rest].join('/'))])] };
}

/** Trust domains whose namespaces count; null for all. */
function trusted(widens: boolean, options: PolicyOptions): readonly string[] | null {
  if (!widens || options.trustDomains.includes('*')) return null;
  return [...new Set([options.localTrustDomain, ...options.trustDomains])];
}

function kubernetesIds(
  namespaces: readonly Sequence[],
  account: Sequence,
  trustDomains: readonly string[] | null,
): Language {
  const domains: Sequence[] = trustDomains?.map((name) => [{ text: name }]) ?? [[SEGMENT]];
  return domains.flatMap((domain) =>
    namespaces.map((namespace) => [...domain, { text: '/ns/' }, ...namespace, { text: '/sa/' }, ...account]),
  );
}

function accountSet(matcher: Matcher, trustDomains: readonly string[] | null): TextSet {
  const [namespace = '', account = ''] = 'value' in matcher ? matcher.value.split('/') : [];
  if (trustDomains !== null)
    return { texts: trustDomains.map((name) => `${name}/ns/${namespace}/sa/${account}`) };
  return { language: kubernetesIds([[{ text: namespace }]], [{ text: account }], null) };
}

const NAME: Token = { run: 'not-colon', least: 1 };
const PORT: Sequence = [{ text: ':' }, { run: 'digit', least: 1 }];

/** A value without a port is compared with the name alone, one with a port with the whole. */
function hostSet(matcher: Matcher): TextSet {
  const value = 'value' in matcher ? matcher.value : '';
  if (matcher.kind === 'presence') {
    const names: Sequence[] = [[NAME], [{ text: '[' }, ANY, { text: ']' }]];
    return { language: names.flatMap((name) => [name, [...name, ...PORT]]) };
  }
  if (value.lastIndexOf(':') > value.lastIndexOf(']')) return plainSet(matcher);
  const names =
    value.includes('[') || value.includes(']') ? bracketed(matcher, value) : within(matcher, NAME);
  return { language: names.flatMap((name) => [name, [...name, ...PORT]]) };
}

/** An address in brackets is the whole name, so `[` begins it and `]` ends it. */
function bracketed(matcher: Matcher, value: string): Sequence[] {
  const whole = value.startsWith('[') && value.endsWith(']');
  if (matcher.kind === 'suffix') return value.endsWith(']') ? [[ANY, { text: value }]] : [];
  if (matcher.kind === 'prefix' && value.startsWith('[') && !value.includes(']'))
    return [[{ text: value }, ANY, { text: ']' }]];
  return whole ? [[{ text: value }]] : [];
}

/** `{*}` is one segment that is not empty, `{**}` one segment or more, empty ones too. */
function templateSequence(template: string): Sequence {
  const tokens: Token[] = [];
  for (const [index, segment] of template.split('/').entries()) {
    if (index > 0) tokens.push({ text: '/' });
    if (segment === '{*}') tokens.push(SEGMENT);
    else if (segment === '{**}') tokens.push(ANY);
    else if (segment !== '') tokens.push({ text: segment });
  }
  return tokens;
}
