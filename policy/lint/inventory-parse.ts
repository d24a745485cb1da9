// Reads an inventory: a list of `{namespace, labels}`, or what Kubernetes has, as manifests or as
// `kubectl get -o json` prints it. YAML or JSON.
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { LineCounter, parseDocuments } from '../yaml.ts';
import type { KnownWorkload } from './inventory.ts';

/** Characters of one inventory: 30,000 pods as kubectl prints them. */
export const INVENTORY_CHARACTERS_MAX = 256 * 1024 * 1024;
/** Workloads of one inventory; about 1 KB each. */
export const INVENTORY_WORKLOADS_MAX = 200_000;
const DOCUMENTS_MAX = 10_000;

/** Where the labels of a kind's pods are; other kinds are passed over. */
const POD_LABELS: Readonly<Record<string, readonly string[]>> = {
  Pod: ['metadata', 'labels'],
  Deployment: ['spec', 'template', 'metadata', 'labels'],
  StatefulSet: ['spec', 'template', 'metadata', 'labels'],
  DaemonSet: ['spec', 'template', 'metadata', 'labels'],
  ReplicaSet: ['spec', 'template', 'metadata', 'labels'],
  Job: ['spec', 'template', 'metadata', 'labels'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'labels'],
};

/** The workloads of one file. @throws ERR_INVENTORY with a diagnostic for each fault */
export function parseInventory(file: { readonly file: string; readonly text: string }): KnownWorkload[] {
  const found: Found = { file: file.file, workloads: [], faults: [] };
  if (file.text.length > INVENTORY_CHARACTERS_MAX)
    fault(found, 1, 'the file', `is longer than ${INVENTORY_CHARACTERS_MAX} characters`);
  else for (const { data, line } of documentsOf(file, found)) addDocument(found, data, line);
  if (found.workloads.length > INVENTORY_WORKLOADS_MAX)
    fault(found, 1, 'the file', `has more than ${INVENTORY_WORKLOADS_MAX} workloads`);
  if (found.faults.length === 0) return found.workloads;
  throw new SallyportError('ERR_INVENTORY', `\`${file.file}\` is no inventory`, {
    hint: 'a list of `{namespace, labels}`, or what `kubectl get pods -A -o json` prints',
    diagnostics: found.faults,
  });
}

interface Found {
  readonly file: string;
  readonly workloads: KnownWorkload[];
  readonly faults: Diagnostic[];
}

/** Faults of one file that are told. */
const FAULTS_MAX = 20;

function fault({ file, faults }: Found, line: number, what: string, says: string): void {
  if (faults.length >= FAULTS_MAX) return;
  const at = { file, line, column: 1 };
  faults.push({ severity: 'error', code: 'ERR_INVENTORY', message: `${what} ${says}`, at });
}

interface Read {
  readonly data: unknown;
  readonly line: number;
}

/** JSON, which may be long, is not read as YAML. */
function documentsOf({ text }: { readonly text: string }, found: Found): Read[] {
  const start = text.trimStart();
  if (start.startsWith('{') || start.startsWith('[')) {
    try {
      return [{ data: JSON.parse(text), line: 1 }];
    } catch {
      // YAML in flow style begins like this too.
    }
  }
  const lines = new LineCounter();
  const out: Read[] = [];
  for (const document of parseDocuments(text, lines, DOCUMENTS_MAX + 1)) {
    const { line, col } = lines.linePos(document.contents?.range[0] ?? document.range[0]);
    const [error] = document.errors;
    if (error !== undefined) {
      const at = lines.linePos(error.pos[0]);
      const message = `not valid YAML: ${error.message.split('\n')[0] ?? ''}`;
      const place = { file: found.file, line: at.line, column: at.col };
      found.faults.push({ severity: 'error', code: 'ERR_INVENTORY', message, at: place });
      return [];
    }
    try {
      out.push({ data: document.toJS(), line });
    } catch {
      fault(found, line, `the document at column ${col}`, 'uses too many aliases'); // what toJS refuses
    }
  }
  if (out.length > DOCUMENTS_MAX) fault(found, 1, 'the file', `has more than ${DOCUMENTS_MAX} documents`);
  return out;
}

function addDocument(found: Found, data: unknown, line: number): void {
  if (data === null || data === undefined) return;
  if (Array.isArray(data)) {
    for (const [index, item] of data.entries()) addItem(found, item, { what: `item ${index}`, line });
    return;
  }
  const items = memberOf(data, ['items']);
  if (Array.isArray(items) && String(memberOf(data, ['kind'])).endsWith('List')) {
    for (const [index, item] of items.entries()) addItem(found, item, { what: `items[${index}]`, line });
    return;
  }
  addItem(found, data, { what: 'the document', line });
}

function addItem(found: Found, item: unknown, { what, line }: { what: string; line: number }): void {
  const kind = memberOf(item, ['kind']);
  const isResource = typeof kind === 'string';
  const path = isResource ? POD_LABELS[kind] : ['labels'];
  if (path === undefined) return;
  const namespace = memberOf(item, isResource ? ['metadata', 'namespace'] : ['namespace']);
  if (typeof namespace !== 'string' || namespace === '') {
    fault(found, line, what, `has no ${isResource ? '`metadata.namespace`' : '`namespace`'}`);
    return;
  }
  const labels = labelsOf(memberOf(item, path));
  if (labels === null) fault(found, line, what, `has \`${path.join('.')}\` that is no mapping of strings`);
  else found.workloads.push({ namespace, labels });
}

function memberOf(data: unknown, path: readonly string[]): unknown {
  let at = data;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}

function labelsOf(data: unknown): Record<string, string> | null {
  if (data === undefined || data === null) return {};
  if (typeof data !== 'object' || Array.isArray(data)) return null;
  const entries = Object.entries(data);
  return entries.every(isLabel) ? Object.fromEntries(entries) : null;
}

const isLabel = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';
