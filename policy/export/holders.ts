// Where the holders of an identity are, by the inventory: their pods' labels, and their addresses. An
// inventory is taken to be complete about the accounts and namespaces that it lists.
import type { InventoryWorkload } from './inventory.ts';
import type { Holder } from './sources.ts';

/** What layer 4 can know a holder's pods and machines by. */
export interface HolderPlaces {
  /** Sets of labels, each of some pods; null: all pods of the namespace. */
  readonly labels: readonly Readonly<Record<string, string>>[] | null;
  /** Addresses of machines outside of the cluster. */
  readonly machines: readonly string[];
}

/** Labels that name one pod or one version, and are others tomorrow. */
const PASSING = new Set([
  ...[
    'pod-template-hash',
    'controller-revision-hash',
    'pod-template-generation',
    'job-name',
    'controller-uid',
  ],
  ...['statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index', 'batch.kubernetes.io/job-name'],
  ...['batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-completion-index'],
]);
/** Sets of labels that are listed; with more, what they have in common stands for them. */
const LABEL_SETS_MAX = 8;

/** Pods and machines of `holder`. */
export function placesOf(holder: Holder, inventory: readonly InventoryWorkload[]): HolderPlaces {
  const mine = holdersIn(holder, inventory);
  const machines = mine.filter(isMachine).flatMap(({ ips }) => ips);
  if (holder.kind !== 'account' || !listed(holder, inventory)) return { labels: null, machines };
  const sets = mine.filter((one) => !isMachine(one)).map(({ labels }) => lasting(labels));
  const unique = [
    ...new Map(sets.map((labels) => [JSON.stringify(Object.entries(labels).sort()), labels])).values(),
  ];
  const listedSets = unique.length > LABEL_SETS_MAX ? [inCommon(unique)] : unique;
  // Without a label a pod is known by its namespace alone.
  const unlabelled = listedSets.some((labels) => Object.keys(labels).length === 0);
  return { labels: unlabelled ? null : listedSets, machines };
}

/** All addresses of `holder`; null when one of them is not known. */
export function addressesOf(
  holder: Holder,
  inventory: readonly InventoryWorkload[],
): readonly string[] | null {
  // Namespaces that the inventory does not list are part of the mesh too.
  if (holder.kind === 'mesh') return null;
  const mine = holdersIn(holder, inventory);
  const known = holder.kind === 'account' ? listed(holder, inventory) : mine.length > 0;
  if (!known || mine.some(({ ips }) => ips.length === 0)) return null;
  return [...new Set(mine.flatMap(({ ips }) => ips))];
}

/** Those who may hold it: a workload without a service account may be any of its namespace. */
function holdersIn(holder: Holder, inventory: readonly InventoryWorkload[]): readonly InventoryWorkload[] {
  if (holder.kind === 'mesh') return inventory;
  const there = inventory.filter(({ namespace }) => namespace === holder.namespace);
  if (holder.kind === 'namespace') return there;
  return there.filter(({ serviceAccount }) => serviceAccount === null || serviceAccount === holder.account);
}

const listed = (holder: Holder, inventory: readonly InventoryWorkload[]): boolean =>
  holder.kind === 'account' &&
  inventory.some(
    ({ namespace, serviceAccount }) => namespace === holder.namespace && serviceAccount === holder.account,
  );

const isMachine = ({ labels, ips }: InventoryWorkload): boolean =>
  Object.keys(labels).length === 0 && ips.length > 0;

const lasting = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => !PASSING.has(name)));

function inCommon(sets: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = sets;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((labels) => labels[name] === value)),
  );
}

/** `shop/web`, for a comment. */
export function holderText(holder: Holder): string {
  if (holder.kind === 'mesh') return 'every namespace';
  return holder.kind === 'account'
    ? `${holder.namespace}/${holder.account}`
    : `namespace ${holder.namespace}`;
}
