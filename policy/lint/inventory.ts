// The workloads that are known to exist, and policies that select none of them.
import { type Diagnostic, didYouMean } from '../../core/errors.ts';
import type { Policy, PolicyOptions } from '../model.ts';
import { selects } from '../select.ts';
import { finding } from './finding.ts';

/** A workload that exists. */
export interface KnownWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Workloads by namespace and by label. */
export class Inventory {
  readonly all: readonly KnownWorkload[];
  readonly #namespaces: ReadonlyMap<string, readonly KnownWorkload[]>;
  readonly #labels = new Map<string, KnownWorkload[]>();

  constructor(workloads: readonly KnownWorkload[]) {
    this.all = workloads;
    this.#namespaces = Map.groupBy(workloads, ({ namespace }) => namespace);
    for (const workload of workloads)
      for (const [name, value] of Object.entries(workload.labels)) {
        const key = `${name}=${value}`;
        const known = this.#labels.get(key);
        if (known === undefined) this.#labels.set(key, [workload]);
        else known.push(workload);
      }
  }

  get namespaces(): Iterable<string> {
    return this.#namespaces.keys();
  }

  /** Workloads of `namespace`; null = of all. */
  in(namespace: string | null): readonly KnownWorkload[] {
    return namespace === null ? this.all : (this.#namespaces.get(namespace) ?? []);
  }

  /** True when some workload of `namespace` (null = any) has all labels of `selector`. */
  has(namespace: string | null, selector: Policy['selector']): boolean {
    let fewest = this.in(namespace);
    for (const [name, value] of Object.entries(selector ?? {})) {
      const labelled = this.#labels.get(`${name}=${value}`) ?? [];
      if (labelled.length < fewest.length) fewest = labelled;
    }
    return fewest.some(
      (workload) => (namespace === null || workload.namespace === namespace) && selects(selector, workload),
    );
  }
}

/** A finding for each policy that selects no workload of the inventory. */
export function selectingNothing(
  policies: readonly Policy[],
  inventory: Inventory,
  { rootNamespace }: Pick<PolicyOptions, 'rootNamespace'>,
): Diagnostic[] {
  const known = new Map<string, string | null>();
  return policies.flatMap(({ namespace, name, selector, targetRefs, at }) => {
    if (targetRefs !== null) return [];
    const scope = namespace === rootNamespace ? null : namespace;
    const key = JSON.stringify([scope, Object.entries(selector ?? {}).sort()]);
    let why = known.get(key);
    if (why === undefined) {
      why = inventory.has(scope, selector) ? null : whyNothing(scope, selector, inventory);
      known.set(key, why);
    }
    if (why === null) return [];
    const message = `${namespace}/${name} selects no workload of the inventory`;
    return [finding('LINT_POLICY_SELECTS_NOTHING', at, message, { hint: why })];
  });
}

/** Names and values of labels that are looked through for a similar one. */
const NEAR_MAX = 10_000;

function whyNothing(namespace: string | null, selector: Policy['selector'], inventory: Inventory): string {
  const among = inventory.in(namespace);
  if (among.length === 0) {
    const near = namespace === null ? undefined : didYouMean(namespace, first(inventory.namespaces));
    if (near !== undefined) return `did you mean namespace \`${near}\`?`;
    return namespace === null ? 'the inventory is empty' : `it has no workload in namespace \`${namespace}\``;
  }
  for (const [name, value] of Object.entries(selector ?? {})) {
    const labelled = among.filter(({ labels }) => Object.hasOwn(labels, name));
    if (labelled.length === 0) {
      const near = didYouMean(name, first(new Set(among.flatMap(({ labels }) => Object.keys(labels)))));
      return `no workload there has the label \`${name}\`${meant(near)}`;
    }
    if (labelled.some(({ labels }) => labels[name] === value)) continue;
    const near = didYouMean(value, first(new Set(labelled.map(({ labels }) => labels[name] ?? ''))));
    const pair = near === undefined ? undefined : `${name}: ${near}`;
    return `no workload there has \`${name}: ${value}\`${meant(pair)}`;
  }
  return 'workloads have each of the labels, but none has all of them';
}

const meant = (near: string | undefined): string => (near === undefined ? '' : `; did you mean \`${near}\`?`);

function* first(names: Iterable<string>): Generator<string> {
  let left = NEAR_MAX;
  for (const name of names) if (left-- > 0) yield name;
}
