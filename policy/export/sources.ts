// Who can be the caller of a rule, as far as layer 4 can tell: sets that are never smaller than the rule's.
// What is left out of a rule is said.
//
// Taken for granted: an ID of the own trust domain, /ns/NAMESPACE/…, is held in that namespace of this
// cluster, or by a machine that the inventory lists.
import type { Clause, Condition, Matcher, PolicyOptions } from '../model.ts';

/** Whoever holds an identity of the own trust domain. */
export type Holder =
  | { readonly kind: 'account'; readonly namespace: string; readonly account: string }
  | { readonly kind: 'namespace'; readonly namespace: string }
  /** Every namespace. */
  | { readonly kind: 'mesh' };

export type Block = Extract<Matcher, { kind: 'cidr' }>;

/** Callers; with both lists, either one holds them all. Null: anyone. */
export interface CallerSet {
  readonly holders: readonly Holder[] | null;
  readonly blocks: readonly Block[] | null;
}

/** The callers of one source and the conditions beside it; `notes` grows by what is left out. */
export function callersOf(clause: Clause, options: PolicyOptions, notes: Set<string>): CallerSet {
  let holders: readonly Holder[] | null = null;
  let blocks: readonly Block[] | null = null;
  for (const condition of clause) {
    const { field, name, values, notValues } = condition;
    if (notValues.length > 0 && isOfCaller(condition))
      notes.add(`${name}: excepted callers are not taken out`);
    if (values.length === 0) continue;
    if (field === 'ipBlocks' || field === 'source.ip')
      blocks ??= values.filter((value) => value.kind === 'cidr');
    else if (HOLDING.has(field)) {
      const found = holdersOf(condition, options);
      if (found === null) notes.add(`${name}: ${valuesText(values)} may connect from anywhere`);
      else holders = narrower(holders, found);
    } else if (UNSEEN.has(field)) notes.add(`${name}: not seen at layer 4, left out`);
  }
  return { holders, blocks };
}

const HOLDING: ReadonlySet<string> = new Set([
  ...['principals', 'namespaces', 'serviceAccounts', 'trustDomains'],
  ...['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain'],
]);
const UNSEEN: ReadonlySet<string> = new Set(['remoteIpBlocks', 'remote.ip', 'requestPrincipals']);

const isOfCaller = ({ field }: Condition): boolean =>
  HOLDING.has(field) || field === 'ipBlocks' || field === 'source.ip';

/** All conditions must hold, so that any one of them gives a set that is large enough. */
function narrower(before: readonly Holder[] | null, found: readonly Holder[]): readonly Holder[] {
  if (before === null) return found;
  const width = (all: readonly Holder[]): number =>
    Math.max(...all.map(({ kind }) => (kind === 'account' ? 0 : kind === 'namespace' ? 1 : 2)));
  return width(found) < width(before) ? found : before;
}

function holdersOf({ field, values }: Condition, options: PolicyOptions): readonly Holder[] | null {
  const found = values.map((value) => {
    switch (field) {
      case 'principals':
      case 'source.principal':
        return holderOfId(value, options);
      case 'namespaces':
      case 'source.namespace':
        return localOnly(options) ? holderOfNamespace(value) : null;
      case 'serviceAccounts':
      case 'source.serviceAccount':
        return localOnly(options) ? holderOfAccount(value) : null;
      default:
        return null; // a trust domain has IDs outside of /ns/ too
    }
  });
  const known = found.filter((one) => one !== null);
  return known.length < found.length ? null : known;
}

/** An ALLOW counts namespaces of other trust domains too when the configuration names them. */
const localOnly = ({ trustDomains, localTrustDomain }: PolicyOptions): boolean =>
  trustDomains.every((one) => one === localTrustDomain);

const KUBERNETES_SEGMENTS = 5;

function holderOfId(value: Matcher, options: PolicyOptions): Holder | null {
  if (value.kind !== 'exact' && value.kind !== 'prefix') return null;
  const [domain = '', ns, namespace = '', sa, account] = value.value.split('/');
  const segments = value.value.split('/').length;
  const { localTrustDomain, trustDomainAliases } = options;
  // Other names stand for the own trust domain in IDs of five segments alone.
  const stands =
    segments === KUBERNETES_SEGMENTS && ['cluster.local', ...trustDomainAliases].includes(domain);
  if ((domain !== localTrustDomain && !stands) || ns !== 'ns' || namespace === '') return null;
  if (value.kind === 'prefix') return segments > 3 ? { kind: 'namespace', namespace } : null;
  if (segments !== KUBERNETES_SEGMENTS || sa !== 'sa' || account === undefined || account === '') return null;
  return { kind: 'account', namespace, account };
}

function holderOfNamespace(value: Matcher): Holder {
  return value.kind === 'exact' ? { kind: 'namespace', namespace: value.value } : { kind: 'mesh' };
}

function holderOfAccount(value: Matcher): Holder | null {
  if (value.kind !== 'exact') return null;
  const [namespace, account] = value.value.split('/');
  return namespace === undefined || account === undefined ? null : { kind: 'account', namespace, account };
}

const VALUES_SHOWN_MAX = 3;

function valuesText(values: readonly Matcher[]): string {
  const texts = values.map((value) => {
    if (value.kind === 'presence') return '*';
    if (value.kind === 'cidr') return value.text;
    if (value.kind === 'prefix') return `${value.value}*`;
    return value.kind === 'suffix' ? `*${value.value}` : value.value;
  });
  const more = texts.length > VALUES_SHOWN_MAX ? ` and ${texts.length - VALUES_SHOWN_MAX} more` : '';
  return texts.slice(0, VALUES_SHOWN_MAX).join(', ') + more;
}
