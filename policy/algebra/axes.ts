// The dimensions of a space: one for each field, divided by what the conditions on it tell apart.
import type { Action, Condition, Field, Matcher, PolicyOptions } from '../model.ts';
import { type AddressDimension, addressDimension } from './address-dimension.ts';
import { type TextField, textFieldOf, textSetOf } from './field-sets.ts';
import { type HeaderDimension, headerDimension } from './header-dimension.ts';
import type { Universe } from './language.ts';
import { type TextDimension, type TextSet, textDimension } from './text-dimension.ts';
import { HOSTS, METHODS, PATHS, peersWithout, SERVER_NAMES } from './universes.ts';

/** What one dimension is about. */
export type Axis =
  | { readonly kind: 'text'; readonly field: TextField; readonly texts: TextDimension }
  | { readonly kind: 'address'; readonly field: AddressField; readonly addresses: AddressDimension }
  | { readonly kind: 'header'; readonly name: string; readonly header: HeaderDimension }
  /** `values` by class; the last class is every other value. */
  | { readonly kind: 'value'; readonly field: 'port' | 'namespace'; readonly values: readonly string[] }
  /** The same, of a workload that may lack the label. */
  | { readonly kind: 'label'; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: 'protocol' }
  /** A condition that is not told apart exactly: it may hold or not, whatever else is asked. */
  | { readonly kind: 'open'; readonly name: string };

export type AddressField = 'sourceIp' | 'remoteIp' | 'destinationIp';

/** A condition, and as part of which action it is read. */
export interface AskedCondition {
  readonly condition: Condition;
  readonly action: Action;
}

/** One dimension: its name, and how many classes it has. */
export interface NamedAxis {
  readonly name: string;
  readonly size: number;
  readonly axis: Axis;
}

// Where a policy names nothing: what examples show.
const METHOD_SEEDS = ['GET', 'POST', 'PUT', 'DELETE'];
const PORT_SEED = '8080';
const HOST_SEED = 'workload.example';
const PATH_SEED = '/';

/** Every dimension but those of workloads. */
export function axesOf(asked: readonly AskedCondition[], options: PolicyOptions): NamedAxis[] {
  const axes: NamedAxis[] = [
    { name: 'protocol', size: 2, axis: { kind: 'protocol' } },
    ...textAxes(asked, options),
    ...addressAxes(asked),
    portAxis(asked),
    ...headerAxes(asked),
    ...asked.filter(({ condition }) => condition.field === 'requestPrincipals').map(openAxis),
  ];
  // A condition stands in as many rules as it likes, and is open once.
  return [...new Map(axes.map((one) => [one.name, one])).values()];
}

/** The name of the dimension that answers for a field. */
export function axisOf({ field, key }: Pick<Condition, 'field' | 'key'>): string {
  const text = textFieldOf(field);
  if (text !== null) return text;
  switch (field) {
    case 'ipBlocks':
    case 'source.ip':
      return 'sourceIp';
    case 'remoteIpBlocks':
    case 'remote.ip':
      return 'remoteIp';
    case 'destination.ip':
      return 'destinationIp';
    case 'ports':
    case 'destination.port':
      return 'port';
    default:
      return `${field} ${key ?? ''}`;
  }
}

/** The name of the dimension of a condition that is open. */
export const openName = ({ field, key, values, notValues }: Condition, action: Action): string =>
  `open ${JSON.stringify([field, key, values, notValues, action === 'ALLOW'])}`;

/** The key under which a text dimension knows the texts of `matcher`. */
export const setKey = (field: Field, matcher: Matcher, widens: boolean): string =>
  `${field.replace('source.', '')} ${widens} ${JSON.stringify(matcher)}`;

function openAxis({ condition, action }: AskedCondition): NamedAxis {
  return { name: openName(condition, action), size: 2, axis: { kind: 'open', name: condition.name } };
}

function textAxes(asked: readonly AskedCondition[], options: PolicyOptions): NamedAxis[] {
  return (['peer', 'sni', 'method', 'host', 'path'] as const).flatMap((field) => {
    const own = asked.filter(({ condition }) => textFieldOf(condition.field) === field);
    const { universe, ...also } = universeOf(field, options);
    const sets = new Map(own.flatMap((one) => setsOf(one, options)));
    const named = (texts: TextDimension): NamedAxis => {
      return { name: field, size: texts.size, axis: { kind: 'text', field, texts } };
    };
    const texts = textDimension(universe, sets, also);
    if (texts !== null) return [named(texts)];
    const undivided = textDimension(universe, new Map(), also);
    return [...own.map(openAxis), ...(undivided === null ? [] : [named(undivided)])];
  });
}

function setsOf({ condition, action }: AskedCondition, options: PolicyOptions): [string, TextSet][] {
  const { field, values, notValues } = condition;
  const widens = action === 'ALLOW';
  const setOf = (matcher: Matcher, widening: boolean): [string, TextSet] => [
    setKey(field, matcher, widening),
    textSetOf(field, matcher, widening, options),
  ];
  return [
    ...values.map((matcher) => setOf(matcher, widens)),
    ...notValues.map((matcher) => setOf(matcher, !widens)),
  ];
}

interface FieldUniverse {
  readonly universe: Universe;
  readonly seeds: readonly string[];
  readonly absent: boolean;
}

function universeOf(field: TextField, options: PolicyOptions): FieldUniverse {
  switch (field) {
    case 'peer':
      return {
        universe: peersWithout(standIns(options)),
        seeds: [`${options.localTrustDomain}/ns/other/sa/other`],
        absent: true,
      };
    case 'sni':
      return { universe: SERVER_NAMES, seeds: [], absent: true };
    case 'method':
      return { universe: METHODS, seeds: METHOD_SEEDS, absent: false };
    case 'host':
      return { universe: HOSTS, seeds: [HOST_SEED], absent: false };
    case 'path':
      return { universe: PATHS, seeds: [PATH_SEED], absent: false };
  }
}

/** Names that stand for the local trust domain. */
const standIns = ({ localTrustDomain, trustDomainAliases }: PolicyOptions): string[] =>
  ['cluster.local', ...trustDomainAliases].filter((name) => name !== localTrustDomain);

const matchersOf = (asked: readonly AskedCondition[], axis: string): Matcher[] =>
  asked
    .filter(({ condition }) => axisOf(condition) === axis)
    .flatMap(({ condition }) => [...condition.values, ...condition.notValues]);

function addressAxes(asked: readonly AskedCondition[]): NamedAxis[] {
  return (['sourceIp', 'remoteIp', 'destinationIp'] as const).map((field) => {
    const blocks = matchersOf(asked, field).flatMap((matcher) => (matcher.kind === 'cidr' ? [matcher] : []));
    const addresses = addressDimension(blocks);
    return { name: field, size: addresses.size, axis: { kind: 'address', field, addresses } };
  });
}

function portAxis(asked: readonly AskedCondition[]): NamedAxis {
  const named = matchersOf(asked, 'port').flatMap((matcher) => ('value' in matcher ? [matcher.value] : []));
  const values = [...new Set([...named, PORT_SEED])];
  return { name: 'port', size: values.length + 1, axis: { kind: 'value', field: 'port', values } };
}

function headerAxes(asked: readonly AskedCondition[]): NamedAxis[] {
  const headers = asked.filter(({ condition }) => condition.field === 'request.headers');
  return [...Map.groupBy(headers, ({ condition }) => axisOf(condition))].flatMap(([name, own]) => {
    const header = headerDimension(own.map(({ condition }) => condition));
    if (header === null) return own.map(openAxis);
    const key = own[0]?.condition.key ?? '';
    return [{ name, size: header.size, axis: { kind: 'header' as const, name: key, header } }];
  });
}
