// Whom a policy is for: `selector` or `targetRefs`.

import type { DocumentReader, Entry } from './document-reader.ts';
import { TARGET_REFS_MAX } from './limits.ts';
import type { Policy } from './model.ts';
import type { Node } from './yaml.ts';

/** The two scoping parts of a policy. */
export type Scope = Pick<Policy, 'selector' | 'targetRefs'>;

/** Kinds that can be attached to, and the API groups each is known by. */
const TARGET_GROUPS: Readonly<Record<string, readonly string[]>> = {
  Service: ['', 'core'],
  Gateway: ['gateway.networking.k8s.io'],
};

/** Reads the scope from `spec`. */
export function parseScope(
  reader: DocumentReader,
  spec: ReadonlyMap<string, Entry> | null,
  namespace: string | undefined,
): Scope {
  const selector = spec?.get('selector');
  const targetRefs = spec?.get('targetRefs');
  if (selector !== undefined && targetRefs !== undefined)
    reader.error(targetRefs.key, {
      code: 'ERR_POLICY_SCOPE',
      message: '`selector` and `targetRefs` exclude each other',
      hint: 'a policy attaches to workloads or to Services and Gateways; write two policies',
    });
  return {
    selector: selector === undefined ? null : parseSelector(reader, selector.value),
    targetRefs:
      targetRefs === undefined
        ? null
        : reader
            .items(targetRefs.value, 'spec.targetRefs', { max: TARGET_REFS_MAX })
            .map((item, index) => parseTargetRef(reader, item, `spec.targetRefs[${index}]`, namespace)),
  };
}

function parseSelector(reader: DocumentReader, node: Node): Scope['selector'] {
  const labels = reader.entries(node, 'spec.selector', ['matchLabels'])?.get('matchLabels');
  if (labels === undefined) return null;
  const out: Record<string, string> = {};
  for (const [key, entry] of reader.entries(labels.value, 'spec.selector.matchLabels', null) ?? []) {
    const value = reader.string(entry.value, `spec.selector.matchLabels.${key}`);
    if (key === '' || key.includes('*') || value?.includes('*'))
      reader.error(entry.key, {
        code: 'ERR_POLICY_SELECTOR',
        message: `label \`${key}: ${value}\` is not exact`,
        hint: 'labels are compared exactly; there are no wildcards',
      });
    // A null prototype would be lost in transfer; defineProperty keeps a label named __proto__ an own key.
    else if (value !== undefined)
      Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return Object.keys(out).length === 0 ? null : out;
}

function parseTargetRef(
  reader: DocumentReader,
  node: Node,
  what: string,
  namespace: string | undefined,
): { kind: string; group: string; name: string } {
  const entries = reader.entries(node, what, ['group', 'kind', 'name', 'namespace']);
  const text = (field: string): string | undefined => {
    const entry = entries?.get(field);
    return entry === undefined ? undefined : reader.string(entry.value, `${what}.${field}`);
  };
  const bad = (message: string, hint: string): void =>
    reader.error(node, { code: 'ERR_POLICY_TARGET_REF', message: `\`${what}\` ${message}`, hint });
  const kind = text('kind');
  const name = text('name');
  const group = groupOf(entries, text);
  const groups = kind === undefined ? undefined : TARGET_GROUPS[kind];
  if (groups === undefined) bad(`has the kind \`${kind ?? ''}\``, 'the kinds are Service and Gateway');
  else if (!groups.includes(group))
    bad(`has the group \`${group}\``, `for a ${kind} write ${groups.map((g) => `\`${g}\``).join(' or ')}`);
  if (name === undefined) bad('has no name', 'name the Service or Gateway');
  const other = text('namespace');
  if (other !== undefined && other !== namespace)
    bad(`is in namespace \`${other}\``, 'a policy attaches within its own namespace only');
  return { kind: kind ?? '', group, name: name ?? '' };
}

/** The group may be the empty string (the core group), which no other string of a policy may be. */
function groupOf(
  entries: ReadonlyMap<string, Entry> | null,
  text: (field: string) => string | undefined,
): string {
  const value = entries?.get('group')?.value;
  const empty = value !== undefined && 'value' in value && value.value === '';
  return empty ? '' : (text('group') ?? '');
}
