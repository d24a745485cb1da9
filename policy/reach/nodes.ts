// Who takes part: the workloads of an inventory, or as far as there is none, whom the policies name:
// principals, accounts and namespaces as callers, selectors as destinations.
import type { Clause, Condition, Matcher, Policy, PolicyOptions, Rule } from '../model.ts';
import type { InventoryItem } from './inventory.ts';
import type { Caller, ReachNode } from './model.ts';

/** Shown for whoever is not known. */
export const OTHERS = '(any other identity)';
export const NOBODY = '(no identity)';

/** Every workload of the inventory, and two callers that stand for the rest. */
export function inventoryNodes(items: readonly InventoryItem[], options: PolicyOptions): ReachNode[] {
  const short = ({ namespace, serviceAccount, labels }: InventoryItem): string =>
    `${namespace}/${serviceAccount ?? (labelText(labels) || '*')}`;
  const counts = Map.groupBy(items, short);
  const taken = new Set<string>();
  const nodes = items.map((item): ReachNode => {
    const { namespace, serviceAccount, labels, port } = item;
    const alone = (counts.get(short(item))?.length ?? 0) < 2;
    const full = alone ? short(item) : [short(item), labelText(labels)].join(' ').trim();
    const caller = serviceAccount === null ? null : accountCaller(`${namespace}/${serviceAccount}`, options);
    const workload = { namespace, serviceAccount, labels };
    return { name: unique(full, taken), caller, workload, port };
  });
  return [...nodes, ...restOf(nodes)];
}

/** As far as the policies name them. */
export function namedNodes(policies: readonly Policy[], options: PolicyOptions): ReachNode[] {
  const callers = new Map<string, Caller>();
  for (const { rules } of policies)
    for (const rule of rules)
      for (const condition of callerConditions(rule)) addCallers(callers, condition, options);
  withoutAccounts(callers, options);
  const nodes = new Map<string, ReachNode>();
  for (const [name, caller] of callers) nodes.set(name, { name, caller, workload: null, port: null });
  for (const { namespace, selector, targetRefs } of policies) {
    if (namespace === options.rootNamespace || targetRefs !== null) continue;
    const labels = selector ?? {};
    // Mostly an application is named like its account.
    const account = NAMING_LABELS.map((label) => `${namespace}/${labels[label]}`).find((one) =>
      callers.has(one),
    );
    const name = account ?? `${namespace}/${labelText(labels) || '*'}`;
    const known = nodes.get(name)?.workload;
    const distinct =
      known && labelText(known.labels) !== labelText(labels) ? `${name} ${labelText(labels)}` : name;
    const serviceAccount = account === undefined ? null : account.slice(namespace.length + 1);
    const caller = callers.get(name) ?? null;
    nodes.set(distinct, {
      name: distinct,
      caller,
      workload: { namespace, serviceAccount, labels },
      port: null,
    });
  }
  const all = [...nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...all, ...restOf(all)];
}

const NAMING_LABELS = ['app', 'app.kubernetes.io/name', 'k8s-app'];

export const labelText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function unique(name: string, taken: Set<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${name} #${number}`;
  taken.add(free);
  return free;
}

const principals = (values: readonly Matcher[], notValues: readonly Matcher[] = []): Clause => [
  { field: 'principals', name: 'caller', values, notValues },
];

const accountId = (account: string, { localTrustDomain }: PolicyOptions): string => {
  const [namespace, name] = account.split('/');
  return `${localTrustDomain}/ns/${namespace}/sa/${name}`;
};

const accountCaller = (account: string, options: PolicyOptions): Caller => ({
  kind: 'account',
  source: principals([{ kind: 'exact', value: accountId(account, options) }]),
});

/** Identities besides the known ones, and peers without any. */
function restOf(nodes: readonly ReachNode[]): ReachNode[] {
  const known = nodes.flatMap(({ caller }) => caller?.source.flatMap(({ values }) => values) ?? []);
  const distinct = [...new Map(known.map((one) => [JSON.stringify(one), one])).values()];
  const presence: Matcher = { kind: 'presence' };
  const rest = { workload: null, port: null };
  return [
    { ...rest, name: OTHERS, caller: { kind: 'others', source: principals([presence], distinct) } },
    { ...rest, name: NOBODY, caller: { kind: 'nobody', source: principals([], [presence]) } },
  ];
}

const callerConditions = ({ from, when }: Rule): Condition[] => [...(from ?? []).flat(), ...when];

function addCallers(callers: Map<string, Caller>, condition: Condition, options: PolicyOptions): void {
  const { field, values, notValues } = condition;
  for (const matcher of [...values, ...notValues]) {
    if (matcher.kind !== 'exact') continue;
    const { value } = matcher;
    if (field === 'principals' || field === 'source.principal') {
      const account = localAccount(value, options);
      if (account === null) callers.set(value, { kind: 'account', source: principals([matcher]) });
      else callers.set(account, accountCaller(account, options));
    } else if (field === 'serviceAccounts' || field === 'source.serviceAccount')
      callers.set(value, accountCaller(value, options));
    else if (field === 'namespaces' || field === 'source.namespace')
      callers.set(`${value}/*`, {
        kind: 'namespace',
        source: principals([{ kind: 'prefix', value: `${options.localTrustDomain}/ns/${value}/sa/` }]),
      });
  }
}

/** A namespace stands for its accounts that have no name of their own. */
function withoutAccounts(callers: Map<string, Caller>, options: PolicyOptions): void {
  const accounts = [...callers].filter(([, { kind }]) => kind === 'account').map(([name]) => name);
  for (const [name, { kind, source }] of callers) {
    if (kind !== 'namespace') continue;
    const own = accounts.filter((account) => account.startsWith(name.slice(0, -1)));
    const not = own.map((account): Matcher => ({ kind: 'exact', value: accountId(account, options) }));
    callers.set(name, { kind, source: principals(source[0]?.values ?? [], not) });
  }
}

/** `ns/sa` of an ID that is of the own trust domain under any of its names. */
function localAccount(id: string, { localTrustDomain, trustDomainAliases }: PolicyOptions): string | null {
  const [trustDomain = '', ns, namespace, sa, account, ...more] = id.split('/');
  const own = [localTrustDomain, 'cluster.local', ...trustDomainAliases].includes(trustDomain);
  return own && ns === 'ns' && sa === 'sa' && account !== undefined && more.length === 0
    ? `${namespace}/${account}`
    : null;
}
