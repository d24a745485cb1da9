// `invariants` of a file with cases: read by the parsers of the policies themselves.
import type { Invariant } from '../algebra/invariants.ts';
import type { DocumentReader, Entry } from '../document-reader.ts';
import type { Clause, PolicyOptions } from '../model.ts';
import { clauseKeys, parseClause } from '../parse-rule.ts';
import type { RuleContext } from '../parse-values.ts';
import { isSeq, type Node } from '../yaml.ts';
import { ERR_CASES, readLabels } from './fields.ts';
import { INVARIANTS_MAX, NAME_CHARACTERS_MAX } from './limits.ts';
import type { NamedInvariant } from './model.ts';

const KINDS = ['never', 'always'] as const;

/** Reads the list; faults go to the reader. */
export function readInvariants(
  reader: DocumentReader,
  list: Entry | undefined,
  options: PolicyOptions,
): NamedInvariant[] {
  if (list === undefined) return [];
  const names = [options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases];
  const context = { namespace: '', sameTrustDomains: [...new Set(names)], id: '' };
  return reader.items(list.value, 'invariants', { max: INVARIANTS_MAX }).flatMap((item, index) => {
    const what = `invariants[${index}]`;
    const read = readInvariant(reader, item, { ...context, what });
    return read === null ? [] : [read];
  });
}

function readInvariant(reader: DocumentReader, node: Node, context: RuleContext): NamedInvariant | null {
  const { what } = context;
  const entries = reader.entries(node, what, ['name', ...KINDS]);
  if (entries === null) return null;
  const nameNode = entries.get('name')?.value;
  const name = nameNode === undefined ? what : reader.string(nameNode, `${what}.name`);
  if ((name?.length ?? 0) > NAME_CHARACTERS_MAX)
    reader.error(node, { code: ERR_CASES, message: 'a name is too long' });
  const stated = KINDS.filter((kind) => entries.has(kind));
  const [kind] = stated;
  const entry = kind && entries.get(kind);
  if (kind === undefined || entry === undefined || stated.length > 1) {
    const hint = 'write `never: {from: {namespaces: [dev]}, to: {labels: {data: pci}}}`';
    reader.error(node, {
      code: ERR_CASES,
      message: `\`${what}\` needs either \`never\` or \`always\``,
      hint,
    });
    return null;
  }
  const sides = reader.entries(entry.value, `${what}.${kind}`, ['from', 'to']);
  if (sides?.size === 0)
    reader.error(entry.key, {
      code: ERR_CASES,
      message: `\`${what}.${kind}\` has neither \`from\` nor \`to\``,
    });
  const from = sides?.get('from');
  const to = sides?.get('to');
  const sources = from && oneOrMore(reader, from.value, `${what}.${kind}.from`, context, readSource);
  const targets = to && oneOrMore(reader, to.value, `${what}.${kind}.to`, context, readTarget);
  const parts = (targets ?? [{ to: null, workloads: {} }]).map(
    (target): Invariant => ({ kind, from: sources ?? null, ...target }),
  );
  return { name: name ?? what, at: reader.position(node), parts };
}

type ReadOne<T> = (reader: DocumentReader, node: Node, context: RuleContext) => T;

function oneOrMore<T>(
  reader: DocumentReader,
  node: Node,
  what: string,
  context: RuleContext,
  read: ReadOne<T>,
): T[] {
  if (!isSeq(node)) return [read(reader, node, { ...context, what })];
  return reader
    .items(node, what)
    .map((item, index) => read(reader, item, { ...context, what: `${what}[${index}]` }));
}

function readSource(reader: DocumentReader, node: Node, context: RuleContext): Clause {
  const entries = reader.entries(node, context.what, clauseKeys('source'));
  if (entries === null) return [];
  refuseEmpty(reader, node, context.what, entries);
  const clause = parseClause(reader, entries, context, 'source');
  // Within a policy `web` is an account of its own namespace; here there is none.
  for (const { field, values, notValues } of clause)
    for (const matcher of [...values, ...notValues])
      if (field === 'serviceAccounts' && 'value' in matcher && matcher.value.startsWith('/'))
        reader.error(node, {
          code: ERR_CASES,
          message: `service account \`${matcher.value.slice(1)}\` has no namespace`,
          hint: 'write `namespace/account`',
        });
  return clause;
}

function readTarget(
  reader: DocumentReader,
  node: Node,
  context: RuleContext,
): Pick<Invariant, 'to' | 'workloads'> {
  const { what } = context;
  const entries = reader.entries(node, what, [...clauseKeys('operation'), 'namespaces', 'labels']);
  if (entries === null) return { to: null, workloads: {} };
  refuseEmpty(reader, node, what, entries);
  const namespaces = entries.get('namespaces');
  const labels = entries.get('labels');
  const clause = parseClause(reader, entries, context, 'operation');
  return {
    to: clause.length === 0 ? null : [clause],
    workloads: {
      ...(namespaces && { namespaces: exactNames(reader, namespaces.value, `${what}.namespaces`) }),
      ...(labels && { labels: readLabels(reader, labels.value, `${what}.labels`) }),
    },
  };
}

function exactNames(reader: DocumentReader, node: Node, what: string): string[] {
  return reader.items(node, what).flatMap((item, index) => {
    const name = reader.string(item, `${what}[${index}]`);
    if (name?.includes('*'))
      reader.error(item, {
        code: ERR_CASES,
        message: `namespace \`${name}\` of a workload is not exact`,
        hint: 'list the namespaces, or select workloads by `labels`',
      });
    return name === undefined ? [] : [name];
  });
}

function refuseEmpty(
  reader: DocumentReader,
  node: Node,
  what: string,
  entries: ReadonlyMap<string, Entry>,
): void {
  if (entries.size > 0) return;
  const hint = 'leave it out to mean anything';
  reader.error(node, { code: ERR_CASES, message: `\`${what}\` is empty`, hint });
}
