// One rule of an AuthorizationPolicy: `from`, `to` and `when`, each read to conditions.

import type { DocumentReader, Entry } from './document-reader.ts';
import { SOURCES_PER_RULE_MAX } from './limits.ts';
import type { Clause, Condition, Field, Rule } from './model.ts';
import { negativeName } from './model.ts';
import { parseValues, type RuleContext, refuseJwt } from './parse-values.ts';
import { parseWhen } from './parse-when.ts';
import type { Node } from './yaml.ts';

const SOURCE_FIELDS = [
  ...(['principals', 'requestPrincipals', 'namespaces', 'serviceAccounts', 'trustDomains'] as const),
  ...(['ipBlocks', 'remoteIpBlocks'] as const),
];
const OPERATION_FIELDS = ['hosts', 'ports', 'methods', 'paths'] as const;

/** Reads one rule; faults go to the reader, and the result is used only when there were none. */
export function parseRule(reader: DocumentReader, node: Node, context: RuleContext): Rule {
  const { what } = context;
  const rule = reader.entries(node, what, ['from', 'to', 'when']);
  const from = rule?.get('from');
  const to = rule?.get('to');
  const when = rule?.get('when');
  return {
    id: context.id,
    from:
      from === undefined
        ? null
        : reader
            .items(from.value, `${what}.from`, { max: SOURCES_PER_RULE_MAX })
            .map((item, i) => parseWrapped(reader, item, { ...context, what: `${what}.from[${i}]` }, SOURCE)),
    to:
      to === undefined
        ? null
        : reader
            .items(to.value, `${what}.to`)
            .map((item, i) =>
              parseWrapped(reader, item, { ...context, what: `${what}.to[${i}]` }, OPERATION),
            ),
    when:
      when === undefined
        ? []
        : reader
            .items(when.value, `${what}.when`)
            .flatMap((item, i) => parseWhen(reader, item, { ...context, what: `${what}.when[${i}]` })),
    at: reader.position(node),
  };
}

interface Wrapping {
  readonly key: 'source' | 'operation';
  /** The start of condition names: `from.source.`. */
  readonly prefix: string;
  readonly fields: readonly Exclude<Field, 'request.headers'>[];
}

const SOURCE: Wrapping = { key: 'source', prefix: 'from.source.', fields: SOURCE_FIELDS };
const OPERATION: Wrapping = { key: 'operation', prefix: 'to.operation.', fields: OPERATION_FIELDS };
const WRAPPINGS: Readonly<Record<Wrapping['key'], Wrapping>> = { source: SOURCE, operation: OPERATION };

/** `- source: {…}` or `- operation: {…}`. */
function parseWrapped(reader: DocumentReader, item: Node, context: RuleContext, wrapping: Wrapping): Clause {
  const inner = reader.entries(item, context.what, [wrapping.key])?.get(wrapping.key);
  const what = `${context.what}.${wrapping.key}`;
  if (inner === undefined) {
    reader.error(item, {
      code: 'ERR_POLICY_EMPTY',
      message: `\`${context.what}\` has no \`${wrapping.key}\``,
      hint: `write \`- ${wrapping.key}: { … }\`; leave \`from\` or \`to\` out to match anything`,
    });
    return [];
  }
  const entries = reader.entries(inner.value, what, clauseKeys(wrapping.key));
  if (entries === null) return [];
  if (entries.size === 0)
    reader.error(inner.key, {
      code: 'ERR_POLICY_EMPTY',
      message: `\`${what}\` is empty`,
      hint: 'leave `from` or `to` out to match anything',
    });
  return parseClause(reader, entries, { ...context, what }, wrapping.key);
}

/** The keys of a `source` or an `operation`. */
export const clauseKeys = (kind: Wrapping['key']): string[] =>
  WRAPPINGS[kind].fields.flatMap((field) => [field, notField(field)]);

/** The fields of a `source` or an `operation`, whatever they stand in; other entries are passed over. */
export function parseClause(
  reader: DocumentReader,
  entries: ReadonlyMap<string, Entry>,
  context: RuleContext,
  kind: Wrapping['key'],
): Clause {
  const { fields, prefix } = WRAPPINGS[kind];
  if (kind === 'source') checkServiceAccounts(reader, entries, context.what);
  return fields.flatMap((field) => parseField(reader, entries, context, `${prefix}${field}`, field));
}

function parseField(
  reader: DocumentReader,
  entries: ReadonlyMap<string, Entry>,
  context: RuleContext,
  name: string,
  field: Exclude<Field, 'request.headers'>,
): Condition[] {
  const positive = entries.get(field);
  const negative = entries.get(notField(field));
  if (positive === undefined && negative === undefined) return [];
  if (field === 'requestPrincipals') {
    for (const entry of [positive, negative]) if (entry) refuseJwt(reader, entry.key, field);
    return [];
  }
  const values = positive
    ? parseValues(reader, positive.value, `${context.what}.${field}`, context, field)
    : [];
  const notValues = negative
    ? parseValues(reader, negative.value, `${context.what}.${notField(field)}`, context, field)
    : [];
  return [{ field, name: values.length > 0 ? name : negativeName(name), values, notValues }];
}

function checkServiceAccounts(
  reader: DocumentReader,
  entries: ReadonlyMap<string, Entry>,
  what: string,
): void {
  const accounts = entries.get('serviceAccounts') ?? entries.get('notServiceAccounts');
  if (accounts === undefined) return;
  for (const other of ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'])
    if (entries.has(other))
      reader.error(accounts.key, {
        code: 'ERR_POLICY_SERVICE_ACCOUNT',
        message: `\`${what}\` has service accounts together with \`${other}\``,
        hint: 'a service account already names its namespace; use two sources for two callers',
      });
}

function notField(field: string): string {
  return `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}
