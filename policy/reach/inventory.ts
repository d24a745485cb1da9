// The workloads that there are, from a file in YAML or JSON: a list of {namespace, serviceAccount, labels,
// port}.
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { readLabels } from '../cases/fields.ts';
import { DocumentReader, type SourceText } from '../document-reader.ts';
import { isNothing, type PolicyFile, syntaxFaults } from '../parse.ts';
import { isScalar, LineCounter, type Node, parseDocuments } from '../yaml.ts';

/** One line of an inventory. */
export interface InventoryItem {
  readonly namespace: string;
  /** Null: it calls nobody under a name of its own. */
  readonly serviceAccount: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number | null;
}

/** Characters of the file: 100,000 workloads are some 12 million. */
const INVENTORY_CHARACTERS_MAX = 32 * 1024 * 1024;
/** Workloads: each is asked about with each. */
const WORKLOADS_MAX = 5_000;
const CODE = 'ERR_INVENTORY_INVALID';

/** Reads one file. @throws ERR_INVENTORY_INVALID with every fault */
export function parseInventory(file: PolicyFile): readonly InventoryItem[] {
  const fault = (message: string): Diagnostic => {
    return { severity: 'error', code: CODE, message, at: { file: file.file } };
  };
  if (file.text.length > INVENTORY_CHARACTERS_MAX)
    refuse([fault(`the file is longer than ${INVENTORY_CHARACTERS_MAX} characters`)]);
  const source: SourceText = { ...file, lines: new LineCounter() };
  const [document, more] = parseDocuments(file.text, source.lines, 2);
  if (document === undefined || more !== undefined) return refuse([fault('the file is not one document')]);
  refuse(syntaxFaults(source, document));
  if (isNothing(document.contents)) return refuse([fault('the file is empty')]);
  const reader = new DocumentReader(source, document);
  const items = reader
    .items(document.contents, 'inventory', { max: WORKLOADS_MAX })
    .map((node, index) => readItem(reader, node, `[${index}]`));
  refuse(reader.faults.filter(({ severity }) => severity === 'error'));
  return items;
}

/** @throws ERR_INVENTORY_INVALID when there are faults */
function refuse(faults: readonly Diagnostic[]): readonly InventoryItem[] {
  if (faults.length > 0)
    throw new SallyportError(CODE, 'the inventory has errors', {
      hint: 'write `- {namespace: shop, serviceAccount: cart, labels: {app: cart}, port: 8080}`',
      diagnostics: faults,
    });
  return [];
}

function readItem(reader: DocumentReader, node: Node, what: string): InventoryItem {
  const entries = reader.entries(node, what, ['namespace', 'serviceAccount', 'labels', 'port']);
  const name = (key: string): string | null => {
    const entry = entries?.get(key);
    const text = entry && reader.string(entry.value, `${what}.${key}`);
    if (text === undefined) return null;
    if (!isName(text)) reader.error(entry?.value ?? node, { code: CODE, message: `\`${text}\` is no name` });
    return text;
  };
  if (entries !== null && !entries.has('namespace'))
    reader.error(node, { code: CODE, message: `\`${what}\` has no \`namespace\`` });
  const labels = entries?.get('labels');
  const port = entries?.get('port');
  const number = port !== undefined && isScalar(port.value) ? Number(port.value.value) : 0;
  if (port !== undefined && !(Number.isInteger(number) && number >= 1 && number <= 65_535))
    reader.error(port.value, { code: CODE, message: `\`${what}.port\` must be a port from 1 to 65535` });
  return {
    namespace: name('namespace') ?? '',
    serviceAccount: name('serviceAccount'),
    labels: labels === undefined ? {} : readLabels(reader, labels.value, `${what}.labels`),
    port: port === undefined ? null : number,
  };
}

/** What a segment of a SPIFFE ID may hold; a name that no identity has would be reached by nobody. */
const isName = (text: string): boolean => /^[A-Za-z0-9._-]{1,253}$/.test(text);
