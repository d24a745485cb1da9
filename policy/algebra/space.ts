// The space of all requests to all workloads, divided by what a set of policies tells apart: one dimension
// for each field, and each rule as boxes in it.
import type { Action, Condition, Field, Matcher, Policy, PolicyOptions, Rule } from '../model.ts';
import { type AskedCondition, type Axis, axesOf, axisOf, type NamedAxis, openName, setKey } from './axes.ts';
import { addBit, type Bits, difference, emptyBits, fullBits, intersection, isEmpty, union } from './bits.ts';
import type { Box } from './cover.ts';

export interface Space {
  readonly axes: readonly Axis[];
  /** Everything. */
  readonly all: Box;
  /** Everything but TCP. */
  readonly overHttp: Box;
  /** The requests to workloads that `policy` selects. */
  selected(policy: Policy): Box | null;
  /** The requests that `rule` matches, of workloads that `policy` selects. */
  boxesOf(policy: Policy, rule: Rule): readonly Box[];
  /** `box` with these conditions too; null when nothing is left. */
  within(box: Box, conditions: readonly Condition[], action: Action): Box | null;
  /** `box` for workloads of these namespaces and labels. */
  among(box: Box, workloads: WorkloadFilter): Box | null;
}

export interface WorkloadFilter {
  readonly namespaces?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What has to be told apart. */
export interface SpaceOf {
  readonly policies: readonly Policy[];
  /** Conditions that stand in no policy, and as part of which action they are read. */
  readonly conditions?: readonly AskedCondition[];
  readonly workloads?: readonly WorkloadFilter[];
}

const HTTP_FIELDS: ReadonlySet<Field> = new Set<Field>([
  ...(['hosts', 'methods', 'paths', 'request.headers', 'requestPrincipals'] as const),
]);

/** Divides the space. @example createSpace({ policies }, options).boxesOf(policy, rule) */
export function createSpace(of: SpaceOf, options: PolicyOptions): Space {
  return new DividedSpace(of, options);
}

class DividedSpace implements Space {
  readonly axes: Axis[] = [];
  readonly all: Box;
  readonly overHttp: Box;
  readonly #options: PolicyOptions;
  readonly #index = new Map<string, number>();
  readonly #sizes: number[] = [];
  /** Equal sets are one object: most comparisons of boxes are over at once. */
  readonly #sets = new Map<string, Bits>();

  constructor(of: SpaceOf, options: PolicyOptions) {
    this.#options = options;
    const asked = [...(of.conditions ?? [])];
    for (const { action, rules } of of.policies)
      for (const condition of rules.flatMap(conditionsOf)) asked.push({ condition, action });
    for (const { name, size, axis } of [...workloadAxes(of, options), ...axesOf(asked, options)]) {
      this.#index.set(name, this.axes.length);
      this.axes.push(axis);
      this.#sizes.push(size);
    }
    this.all = this.#sizes.map((size, axis) => this.#shared(axis, fullBits(size)));
    this.overHttp = this.#narrow(this.all, 'protocol', this.#protocol('http')) ?? this.all;
  }

  selected(policy: Policy): Box | null {
    if (policy.targetRefs !== null) return null;
    const everywhere = policy.namespace === this.#options.rootNamespace;
    return this.among(this.all, {
      namespaces: everywhere ? undefined : [policy.namespace],
      labels: policy.selector ?? undefined,
    });
  }

  boxesOf(policy: Policy, rule: Rule): readonly Box[] {
    const selected = this.selected(policy);
    if (selected === null) return [];
    const boxes: Box[] = [];
    for (const from of rule.from ?? [[]])
      for (const to of rule.to ?? [[]])
        boxes.push(...this.#boxes(selected, [...from, ...to, ...rule.when], policy.action));
    return boxes;
  }

  within(box: Box, conditions: readonly Condition[], action: Action): Box | null {
    let inner: Box | null = box;
    if (conditions.some(isHttp)) inner = this.#narrow(inner, 'protocol', this.#protocol('http'));
    for (const condition of conditions)
      for (const { axis, bits } of this.#sides(condition, action)) {
        if (inner === null) return null;
        inner = this.#narrow(inner, axis, bits);
      }
    return inner;
  }

  among(box: Box, { namespaces, labels }: WorkloadFilter): Box | null {
    let inner: Box | null = box;
    if (namespaces !== undefined)
      inner = this.#narrow(inner, 'namespace', this.#values('namespace', namespaces));
    for (const [name, value] of Object.entries(labels ?? {}))
      inner = inner && this.#narrow(inner, `label ${name}`, this.#values(`label ${name}`, [value]));
    return inner;
  }

  /** On TCP an HTTP field lets no ALLOW match and every DENY. */
  #boxes(selected: Box, conditions: readonly Condition[], action: Action): readonly Box[] {
    const http = this.within(selected, conditions, action);
    const boxes = http === null ? [] : [http];
    if (action === 'ALLOW' || !conditions.some(isHttp)) return boxes;
    const rest = conditions.filter((condition) => !isHttp(condition));
    const tcp = this.#narrow(selected, 'protocol', this.#protocol('tcp'));
    const all = tcp && this.within(tcp, rest, action);
    return all === null ? boxes : [...boxes, all];
  }

  /** `values` AND NOT `notValues`, as one side of a box; several where some values are open. */
  #sides(condition: Condition, action: Action): { axis: string; bits: Bits }[] {
    const { field, values, notValues } = condition;
    if (field === 'request.headers') return [this.#headerSide(condition, action)];
    const widens = action === 'ALLOW';
    const open = openName(condition, action);
    if (this.#index.has(open)) return [{ axis: open, bits: this.#holds(open) }];
    const axis = axisOf(condition);
    const size = this.#sizes[this.#index.get(axis) ?? -1] ?? 0;
    const oneOf = (matchers: readonly Matcher[], widening: boolean): Bits =>
      matchers.reduce(
        (all, matcher) => union(all, this.#matcherBits(field, matcher, widening)),
        emptyBits(size),
      );
    const positive = values.length === 0 ? fullBits(size) : oneOf(values, widens);
    return [{ axis, bits: difference(positive, oneOf(notValues, !widens)) }];
  }

  #headerSide(condition: Condition, action: Action): { axis: string; bits: Bits } {
    const axis = axisOf(condition);
    const found = this.axes[this.#index.get(axis) ?? -1];
    if (found?.kind === 'header') return { axis, bits: found.header.bitsOf(condition, action) };
    const open = openName(condition, action);
    return { axis: open, bits: this.#holds(open) };
  }

  #matcherBits(field: Field, matcher: Matcher, widens: boolean): Bits {
    const axis = axisOf({ field });
    const index = this.#index.get(axis) ?? -1;
    const found = this.axes[index];
    if (found?.kind === 'text') return found.texts.bitsOf(setKey(field, matcher, widens));
    if (found?.kind === 'address' && matcher.kind === 'cidr') return found.addresses.bitsOf(matcher);
    return this.#values(axis, 'value' in matcher ? [matcher.value] : []);
  }

  #values(axis: string, wanted: readonly string[]): Bits {
    const index = this.#index.get(axis) ?? -1;
    const found = this.axes[index];
    const bits = emptyBits(this.#sizes[index] ?? 0);
    if (found?.kind === 'value' || found?.kind === 'label')
      for (const [at, value] of found.values.entries()) if (wanted.includes(value)) addBit(bits, at);
    return bits;
  }

  #protocol(which: 'http' | 'tcp'): Bits {
    const bits = emptyBits(2);
    addBit(bits, which === 'http' ? 0 : 1);
    return bits;
  }

  #holds(axis: string): Bits {
    const bits = emptyBits(this.#sizes[this.#index.get(axis) ?? -1] ?? 0);
    addBit(bits, 0);
    return bits;
  }

  #narrow(box: Box, axis: string, bits: Bits): Box | null {
    const index = this.#index.get(axis) ?? -1;
    const before = box[index];
    if (before === undefined) return box;
    const side = intersection(before, bits);
    if (isEmpty(side)) return null;
    const copy = [...box];
    copy[index] = this.#shared(index, side);
    return copy;
  }

  #shared(axis: number, bits: Bits): Bits {
    const key = `${axis}:${bits.join()}`;
    const known = this.#sets.get(key);
    if (known === undefined) this.#sets.set(key, bits);
    return known ?? bits;
  }
}

function workloadAxes({ policies, workloads = [] }: SpaceOf, { rootNamespace }: PolicyOptions): NamedAxis[] {
  const namespaces = new Set(policies.map(({ namespace }) => namespace));
  // Its policies select every namespace; a workload that is asked about may well be in it.
  namespaces.delete(rootNamespace);
  for (const { namespaces: asked = [] } of workloads) for (const name of asked) namespaces.add(name);
  const values = [...namespaces];
  const labels = new Map<string, Set<string>>();
  const selectors = [...policies.map(({ selector }) => selector), ...workloads.map((one) => one.labels)];
  for (const [name, value] of selectors.flatMap((selector) => Object.entries(selector ?? {})))
    labels.set(name, (labels.get(name) ?? new Set()).add(value));
  return [
    { name: 'namespace', size: values.length + 1, axis: { kind: 'value', field: 'namespace', values } },
    ...[...labels].map(([name, known]): NamedAxis => {
      const axis = { kind: 'label', name, values: [...known] } as const;
      return { name: `label ${name}`, size: known.size + 1, axis };
    }),
  ];
}

const conditionsOf = ({ from, to, when }: Rule): Condition[] => [
  ...(from ?? []).flat(),
  ...(to ?? []).flat(),
  ...when,
];

const isHttp = ({ field }: Condition): boolean => HTTP_FIELDS.has(field);
