// The layer-4 projection as Kubernetes NetworkPolicies (networking.k8s.io/v1): one for each ALLOW policy, and
// of the root namespace's one in each namespace.
import { formatIp } from '../../core/ip.ts';
import type { PolicyOptions } from '../model.ts';
import { holderText, placesOf } from './holders.ts';
import type { InventoryWorkload } from './inventory.ts';
import type { ProjectedCallers, ProjectedPolicy, Projection } from './projection.ts';
import type { Block, Holder } from './sources.ts';

/** Labels that must all be there; none: everything. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** One peer: pods, or addresses. */
export type NetworkPeer =
  | { readonly namespaceSelector: LabelSelector; readonly podSelector?: LabelSelector }
  | { readonly ipBlock: { readonly cidr: string } };

export interface IngressRule {
  /** Absent: anyone. */
  readonly from?: readonly NetworkPeer[];
  readonly ports: readonly { readonly protocol: 'TCP'; readonly port: number }[];
}

/** The resource, in the order in which it is written. */
export interface NetworkPolicy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly ['Ingress'];
    readonly ingress: readonly IngressRule[];
  };
}

/** One resource, and what of it is wider than its policy. */
export interface ExportedPolicy {
  readonly resource: NetworkPolicy;
  /** `shop/web`, the policy that it projects. */
  readonly of: string;
  readonly notes: readonly string[];
}

/** What the projection is made for. */
export interface ExportScope {
  readonly inventory: readonly InventoryWorkload[];
  /** Ports on which proxies accept callers. */
  readonly proxyPorts: readonly number[];
  /** Ports that stay open to everyone: a selected pod has no others. */
  readonly openPorts: readonly number[];
  /** Namespaces that get the root namespace's policies too. */
  readonly namespaces: readonly string[];
}

/** The resources, by namespace of the policies. */
export function networkPolicies(
  { policies }: Projection,
  { rootNamespace }: Pick<PolicyOptions, 'rootNamespace'>,
  scope: ExportScope,
): ExportedPolicy[] {
  const own = policies
    .map(({ policy }) => policy.namespace)
    .filter((namespace) => namespace !== rootNamespace);
  const namespaces = new Set([
    ...own,
    ...scope.inventory
      .filter(({ labels }) => Object.keys(labels).length > 0)
      .map(({ namespace }) => namespace),
    ...scope.namespaces,
  ]);
  // Its own pods too, as everyone's.
  if (policies.some(({ policy }) => policy.namespace === rootNamespace)) namespaces.add(rootNamespace);
  return policies.flatMap((projected) => {
    const { namespace, name } = projected.policy;
    if (namespace !== rootNamespace) return [exported(projected, namespace, `sallyport-${name}`, scope)];
    return [...namespaces].map((one) => exported(projected, one, `sallyport.root.${name}`, scope));
  });
}

function exported(
  { policy, callers, notes }: ProjectedPolicy,
  namespace: string,
  name: string,
  scope: ExportScope,
): ExportedPolicy {
  const widened = new Set(notes);
  const ports = (all: readonly number[]): IngressRule['ports'] =>
    all.map((port) => ({ protocol: 'TCP', port }));
  const peers = callers.map((caller) => peersOf(caller, scope.inventory, widened));
  const anyone = peers.includes(null);
  const from = unique(peers.flatMap((some) => some ?? []));
  const open: IngressRule[] = scope.openPorts.length === 0 ? [] : [{ ports: ports(scope.openPorts) }];
  const ingress: IngressRule[] = anyone
    ? [{ ports: ports(scope.proxyPorts) }]
    : from.length === 0
      ? []
      : [{ from, ports: ports(scope.proxyPorts) }];
  return {
    of: `${policy.namespace}/${policy.name}`,
    notes: [...widened],
    resource: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace },
      spec: {
        podSelector: policy.selector === null ? {} : { matchLabels: policy.selector },
        policyTypes: ['Ingress'],
        ingress: [...ingress, ...open],
      },
    },
  };
}

/** Null: anyone. */
function peersOf(
  { rule, holders, blocks }: ProjectedCallers,
  inventory: readonly InventoryWorkload[],
  notes: Set<string>,
): readonly NetworkPeer[] | null {
  if (holders === null) return blocks === null ? null : blocks.map(blockPeer);
  // A peer is pods or addresses, never both.
  if (blocks !== null) notes.add(`${rule}: addresses beside an identity are left out`);
  return holders.flatMap((holder) => {
    const { labels, machines } = placesOf(holder, inventory);
    if (holder.kind === 'account' && labels === null)
      notes.add(`${rule}: the labels of ${holderText(holder)} are not known, so all of its namespace`);
    const namespaceSelector = namespaceOf(holder);
    const pods: readonly NetworkPeer[] =
      labels === null
        ? [{ namespaceSelector }]
        : labels.map((matchLabels) => ({ namespaceSelector, podSelector: { matchLabels } }));
    return [
      ...pods,
      ...machines.map((ip) => ({ ipBlock: { cidr: `${ip}/${ip.includes(':') ? 128 : 32}` } })),
    ];
  });
}

const namespaceOf = (holder: Holder): LabelSelector =>
  holder.kind === 'mesh' ? {} : { matchLabels: { 'kubernetes.io/metadata.name': holder.namespace } };

const blockPeer = ({ bytes, prefixLength }: Block): NetworkPeer => ({
  ipBlock: { cidr: `${formatIp(bytes)}/${prefixLength}` },
});

const unique = (peers: readonly NetworkPeer[]): NetworkPeer[] => [
  ...new Map(peers.map((peer) => [JSON.stringify(peer), peer])).values(),
];
