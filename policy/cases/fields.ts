// The fields of one case, wherever they stand: in its mapping, in the defaults, in a cell of a table or in a
// dimension of a matrix.
import { didYouMean } from '../../core/errors.ts';
import type { DocumentReader, Entry, Fault } from '../document-reader.ts';
import type { Verdict } from '../request.ts';
import { isAlias, isMap, isScalar, isSeq, type Node } from '../yaml.ts';
import { DEPTH_MAX, NAME_CHARACTERS_MAX } from './limits.ts';
import { type CaseFacts, type Expectation, PLAINTEXT } from './model.ts';
import { splitTarget } from './request.ts';

/** What is known of a case so far; later levels write over earlier ones. */
export type Draft = Partial<CaseFacts> & Partial<Expectation> & { readonly name?: string };

/** Fields with one text or number: keys of a case, columns of a table, dimensions of a matrix. */
export const PLAIN_FIELDS = [
  ...(['as', 'request', 'method', 'host', 'path', 'tcp', 'sourceIp', 'remoteIp', 'sni'] as const),
  ...(['name', 'expect', 'rule', 'reason'] as const),
];
type PlainField = (typeof PLAIN_FIELDS)[number];

/** What `to` holds; in a column `to.namespace`, `to.labels.app`. */
const TO_FIELDS = ['namespace', 'labels', 'ip', 'port'];
const LABEL_COLUMN = 'to.labels.';
const HEADER_COLUMN = 'headers.';
const COLUMNS = [
  ...PLAIN_FIELDS,
  'to.namespace',
  'to.ip',
  'to.port',
  `${LABEL_COLUMN}…`,
  `${HEADER_COLUMN}…`,
];

/** Keys of a mapping that holds the fields of a case. */
export const CASE_FIELDS: readonly string[] = [...PLAIN_FIELDS, 'to', 'headers'];

const HTTP_KEYS = ['request', 'method', 'path'];
/** The code of what is wrong with cases beyond their syntax and types. */
export const ERR_CASES = 'ERR_CASES_INVALID';

/** A name that is none of `known`. */
export function unknownName(what: string, name: string, known: readonly string[]): Fault {
  const near = didYouMean(name, known);
  return {
    code: ERR_CASES,
    message: `unknown ${what} \`${name}\``,
    hint: near === undefined ? `known: ${known.join(', ')}` : `did you mean \`${near}\`?`,
  };
}

/** The fields of `entries`, over `base`. */
export function readFields(
  reader: DocumentReader,
  entries: ReadonlyMap<string, Entry>,
  what: string,
  base: Draft,
): Draft {
  const http = HTTP_KEYS.find((key) => entries.has(key));
  const tcp = entries.get('tcp');
  if (tcp !== undefined && http !== undefined)
    reader.error(tcp.key, { code: ERR_CASES, message: `\`tcp\` and \`${http}\` exclude each other` });
  let draft = base;
  for (const field of PLAIN_FIELDS) {
    const entry = entries.get(field);
    if (entry !== undefined) draft = { ...draft, ...plainField(reader, entry.value, what, field) };
  }
  const to = entries.get('to');
  if (to !== undefined) draft = { ...draft, ...destination(reader, to.value, `${what}.to`) };
  const headers = entries.get('headers');
  return headers === undefined
    ? draft
    : { ...draft, headers: headersOf(reader, headers.value, `${what}.headers`) };
}

/** One cell, over `base`. `column`: a name that `knownColumn` accepted. */
export function readCell(reader: DocumentReader, node: Node, column: string, base: Draft): Draft {
  const plain = PLAIN_FIELDS.find((field) => field === column);
  if (plain !== undefined) return { ...base, ...plainField(reader, node, 'cell', plain) };
  if (column === 'to.port') {
    const port = readPort(reader, node, column);
    return port === undefined ? base : { ...base, port };
  }
  const text = reader.string(node, column);
  if (text === undefined) return base;
  if (column === 'to.namespace') return { ...base, namespace: text };
  if (column === 'to.ip') return { ...base, ip: text };
  if (column.startsWith(LABEL_COLUMN))
    return { ...base, labels: withKey(base.labels ?? {}, column.slice(LABEL_COLUMN.length), text) };
  return { ...base, headers: [...(base.headers ?? []), [column.slice(HEADER_COLUMN.length), text]] };
}

/** A null prototype would not survive a copy; so a label named __proto__ stays an own key. */
function withKey(
  record: Readonly<Record<string, string>>,
  key: string,
  value: string,
): Record<string, string> {
  return Object.fromEntries([...Object.entries(record), [key, value]]);
}

/** Undefined for a column that there is not; else its name. */
export function knownColumn(reader: DocumentReader, node: Node, name: string): string | undefined {
  const known = COLUMNS.includes(name) && !name.endsWith('…');
  if (known || isOpenColumn(name, LABEL_COLUMN) || isOpenColumn(name, HEADER_COLUMN)) return name;
  reader.error(node, unknownName('column', name, COLUMNS));
  return undefined;
}

const isOpenColumn = (name: string, prefix: string): boolean =>
  name.startsWith(prefix) && name.length > prefix.length;

function plainField(reader: DocumentReader, node: Node, what: string, field: PlainField): Draft {
  if (field === 'tcp') {
    const port = readPort(reader, node, `${what}.tcp`);
    return port === undefined ? {} : { tcp: true, port };
  }
  const text = reader.string(node, `${what}.${field}`);
  if (text === undefined) return {};
  const bad = (message: string, hint: string): Draft => {
    reader.error(node, { code: ERR_CASES, message, hint });
    return {};
  };
  switch (field) {
    case 'as':
      return isCaller(text) ? { as: text } : bad(`\`${text}\` is no caller`, CALLER_HINT);
    case 'request':
      return requestOf(text) ?? bad(`\`${text}\` is no request`, 'write `GET cart:8080/items/7`');
    case 'method':
    case 'path':
      return { tcp: false, [field]: text };
    case 'host':
      return Number.isNaN(splitTarget(text).port)
        ? bad(`\`${text}\` has no valid port`, 'a port is 1 to 65535')
        : { host: text };
    case 'expect':
      return verdictOf(text) ?? bad(`\`${text}\` is no verdict`, 'write `allow` or `deny`');
    case 'name':
      return text.length <= NAME_CHARACTERS_MAX
        ? { name: text }
        : bad('a name is too long', `at most ${NAME_CHARACTERS_MAX} characters`);
    default:
      return { [field]: text };
  }
}

const CALLER_HINT = `write \`namespace/account\`, a SPIFFE ID, or \`${PLAINTEXT}\` for nobody`;

function isCaller(text: string): boolean {
  if (text === PLAINTEXT || text.startsWith('spiffe://')) return true;
  const parts = text.split('/');
  return parts.length === 2 && parts.every((part) => part !== '');
}

function requestOf(text: string): Draft | null {
  const [method, target, ...more] = text.trim().split(/[ \t]+/);
  if (method === undefined || target === undefined || more.length > 0) return null;
  const { host, port, path } = splitTarget(target);
  return Number.isNaN(port) ? null : { tcp: false, method, host, path };
}

const verdictOf = (text: string): { expect: Verdict } | null =>
  text === 'allow' || text === 'deny' ? { expect: text } : null;

function destination(reader: DocumentReader, node: Node, what: string): Draft {
  const entries = reader.entries(node, what, TO_FIELDS);
  let draft: Draft = {};
  for (const key of ['namespace', 'ip', 'port']) {
    const entry = entries?.get(key);
    if (entry !== undefined) draft = readCell(reader, entry.value, `to.${key}`, draft);
  }
  const labels = entries?.get('labels');
  return labels === undefined
    ? draft
    : { ...draft, labels: readLabels(reader, labels.value, `${what}.labels`) };
}

/** A mapping of label names to exact values. */
export function readLabels(reader: DocumentReader, node: Node, what: string): Record<string, string> {
  const out: [string, string][] = [];
  for (const [key, { value }] of reader.entries(node, what, null) ?? []) {
    const text = reader.string(value, `${what}.${key}`);
    if (text !== undefined) out.push([key, text]);
  }
  return Object.fromEntries(out);
}

function headersOf(reader: DocumentReader, node: Node, what: string): (readonly [string, string])[] {
  const out: [string, string][] = [];
  for (const [name, { value }] of reader.entries(node, what, null) ?? [])
    for (const item of isSeq(value) ? reader.items(value, `${what}.${name}`) : [value]) {
      const text = reader.string(item, `${what}.${name}`);
      if (text !== undefined) out.push([name, text]);
    }
  return out;
}

function readPort(reader: DocumentReader, node: Node, what: string): number | undefined {
  const written = isScalar(node) ? node.value : null;
  const value = typeof written === 'string' || typeof written === 'number' ? Number(written) : Number.NaN;
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  reader.error(node, { code: ERR_CASES, message: `\`${what}\` must be a port from 1 to 65535` });
  return undefined;
}

/** The value of a node as JSON has it. Aliases count against the limit of the reader. */
export function plainValue(reader: DocumentReader, node: unknown, depth = 0): unknown {
  const resolved = isAlias(node) ? reader.resolve(node) : node;
  if (depth > DEPTH_MAX) return null;
  if (isSeq(resolved)) return resolved.items.map((item) => plainValue(reader, item, depth + 1));
  if (isMap(resolved))
    return Object.fromEntries(
      resolved.items.map(({ key, value }) => [
        isScalar(key) ? String(key.value) : '',
        plainValue(reader, value, depth + 1),
      ]),
    );
  return isScalar(resolved) ? resolved.value : null;
}
