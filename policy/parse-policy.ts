// One resource: an AuthorizationPolicy to a Policy, with everything that is wrong with it.
// What can be known of a faulty one (its namespace, whom it selects) is kept, so that one team's typo stays
// its own.

import type { Diagnostic } from '../core/errors.ts';
import { didYouMean } from '../core/errors.ts';
import type { DocumentReader, Entry } from './document-reader.ts';
import { RULES_PER_POLICY_MAX } from './limits.ts';
import type { Action, Policy, PolicyOptions } from './model.ts';
import { parseAnnotations } from './parse-annotations.ts';
import { parseRule } from './parse-rule.ts';
import { parseScope } from './parse-scope.ts';
import type { RuleContext } from './parse-values.ts';
import { validatePolicy } from './validate.ts';
import type { Node } from './yaml.ts';

/** A policy that was refused, and what is still certain about it. */
export interface RefusedPolicy {
  /** Null when the document does not say: it then counts against every source. */
  readonly namespace: string | null;
  readonly name: string | null;
  /**
   * Labels that a workload must have to be selected, as far as they are certain; null = it could be any
   * workload.
   */
  readonly selector: Readonly<Record<string, string>> | null;
  /** True when it certainly has `targetRefs`, and so selects no workload. */
  readonly attached: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

export type ParsedResource = { readonly policy: Policy } | { readonly refused: RefusedPolicy };

const TOP_FIELDS = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
const METADATA_FIELDS = [
  ...['name', 'namespace', 'labels', 'annotations'],
  // What the API server adds to a resource that was read back from it.
  ...['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'selfLink'],
  ...['deletionGracePeriodSeconds', 'managedFields', 'ownerReferences', 'finalizers', 'generateName'],
];
const SPEC_FIELDS = ['selector', 'targetRefs', 'action', 'provider', 'rules'];

/**
 * Parses one AuthorizationPolicy; `reader.faults` must be empty on entry and holds its findings afterwards.
 */
export function parsePolicy(
  reader: DocumentReader,
  node: Node,
  options: PolicyOptions,
  nowMs: number,
): ParsedResource {
  const top = reader.entries(node, 'document', TOP_FIELDS);
  const metadataEntry = top?.get('metadata');
  const metadata = metadataEntry ? reader.entries(metadataEntry.value, 'metadata', METADATA_FIELDS) : null;
  const namespace = nameField(reader, node, metadata, 'namespace');
  const name = nameField(reader, node, metadata, 'name');
  const specEntry = top?.get('spec');
  if (specEntry === undefined)
    reader.error(node, {
      code: 'ERR_POLICY_EMPTY',
      message: 'the policy has no `spec`',
      hint: '`spec: {}` is the policy that allows nothing',
    });
  const spec = specEntry ? reader.entries(specEntry.value, 'spec', SPEC_FIELDS) : null;
  const action = parseAction(reader, spec);
  const faultsBefore = reader.faults.length;
  const scope = parseScope(reader, spec, namespace);
  // A selector is certain only when its own part of the document had no fault.
  const certain = spec !== null && reader.faults.length === faultsBefore;
  const annotations = parseAnnotations(reader, metadata?.get('annotations')?.value, {
    action,
    emergencyMaxMs: options.emergencyMaxMs,
    nowMs,
  });
  const id = `ns[${namespace ?? ''}]-policy[${name ?? ''}]`;
  const sameTrustDomains = [
    ...new Set([options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases]),
  ];
  const rules = parseRules(reader, spec, { action, namespace: namespace ?? '', sameTrustDomains, id });
  const policy: Policy = {
    namespace: namespace ?? '',
    name: name ?? '',
    action: action ?? 'DENY',
    ...scope,
    rules,
    ...annotations,
    at: reader.position(node),
  };
  const readable = reader.faults.every((fault) => fault.severity !== 'error');
  if (readable) validatePolicy(policy, options, (at, fault) => reader.errorAt(at, fault));
  return reader.faults.some((fault) => fault.severity === 'error')
    ? {
        refused: {
          namespace: namespace ?? null,
          name: name ?? null,
          selector: certain ? scope.selector : null,
          attached: certain && scope.targetRefs !== null,
          diagnostics: reader.faults,
        },
      }
    : { policy };
}

function parseAction(reader: DocumentReader, spec: ReadonlyMap<string, Entry> | null): Action | null {
  const entry = spec?.get('action');
  const provider = spec?.get('provider');
  const action = entry === undefined ? 'ALLOW' : reader.string(entry.value, 'spec.action');
  if (action === 'CUSTOM') {
    reader.error(entry?.value ?? null, {
      code: 'ERR_POLICY_NOT_BUILT',
      message: 'action CUSTOM (an external authorizer) is not built yet',
      hint: 'remove the policy; ignoring it would open what it closes',
    });
    return null;
  }
  if (provider !== undefined)
    reader.error(provider.key, {
      code: 'ERR_POLICY_ACTION',
      message: '`spec.provider` belongs to action CUSTOM only',
    });
  if (action === 'ALLOW' || action === 'DENY' || action === 'AUDIT') return action;
  if (action !== undefined) {
    const near = didYouMean(action, ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']);
    reader.error(entry?.value ?? null, {
      code: 'ERR_POLICY_ACTION',
      message: `unknown action \`${action}\``,
      hint: near === undefined ? 'write ALLOW, DENY or AUDIT' : `did you mean \`${near}\`?`,
    });
  }
  return null;
}

function parseRules(
  reader: DocumentReader,
  spec: ReadonlyMap<string, Entry> | null,
  context: { action: Action | null } & Omit<RuleContext, 'what'>,
): Policy['rules'] {
  const entry = spec?.get('rules');
  const items =
    entry === undefined
      ? []
      : reader.items(entry.value, 'spec.rules', { max: RULES_PER_POLICY_MAX, emptyAllowed: true });
  if (items.length === 0 && context.action === 'DENY')
    reader.error(entry?.key ?? spec?.get('action')?.value ?? null, {
      code: 'ERR_POLICY_EMPTY',
      message: 'a DENY policy without rules denies nothing',
      hint: 'to deny everything write `rules: [{}]`',
    });
  return items.map((item, index) =>
    parseRule(reader, item, {
      ...context,
      id: `${context.id}-rule[${index}]`,
      what: `spec.rules[${index}]`,
    }),
  );
}

const NAME_CHARACTERS_MAX = { namespace: 63, name: 253 } as const;

/** Whether Kubernetes would take the text: a namespace is an RFC 1123 label, a name an RFC 1123 subdomain. */
export function isKubernetesName(text: string, field: 'namespace' | 'name'): boolean {
  const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
  const parts = field === 'name' ? text.split('.') : [text];
  return text.length <= NAME_CHARACTERS_MAX[field] && parts.every((part) => label.test(part));
}

/** `metadata.namespace` or `metadata.name`. */
function nameField(
  reader: DocumentReader,
  node: Node,
  metadata: ReadonlyMap<string, Entry> | null,
  field: 'namespace' | 'name',
): string | undefined {
  const entry = metadata?.get(field);
  if (entry === undefined) {
    reader.error(node, {
      code: field === 'namespace' ? 'ERR_POLICY_NAMESPACE' : 'ERR_POLICY_NAME',
      message: `the policy has no \`metadata.${field}\``,
      hint:
        field === 'namespace'
          ? 'nothing is assumed: `default` would be a guess about whom the policy protects'
          : 'give it a name; it is part of every rule id',
    });
    return undefined;
  }
  const text = reader.string(entry.value, `metadata.${field}`);
  if (text === undefined) return undefined;
  if (isKubernetesName(text, field)) return text;
  reader.error(entry.value, {
    code: field === 'namespace' ? 'ERR_POLICY_NAMESPACE' : 'ERR_POLICY_NAME',
    message: `\`${text}\` is no Kubernetes ${field}`,
    hint: 'lower-case letters, digits and `-` (a name may have `.` too)',
  });
  return undefined;
}
