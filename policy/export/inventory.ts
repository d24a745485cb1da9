// The workloads that are known, with what layer 4 sees of them: a list of `{namespace, serviceAccount,
// labels, ips}`, or pods and their owners as Kubernetes has them
// (`kubectl get pods -A -o json`). YAML or JSON.
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { canonicalIp } from '../../core/ip.ts';
import { LineCounter, parseDocuments } from '../yaml.ts';

/** One workload. */
export interface InventoryWorkload {
  readonly namespace: string;
  /** Null: not said, so that it may be any of its namespace. */
  readonly serviceAccount: string | null;
  /** None, but addresses: a machine outside of the cluster. */
  readonly labels: Readonly<Record<string, string>>;
  /** Canonical addresses; none: not known. */
  readonly ips: readonly string[];
}

/** Characters of one inventory: some 30,000 pods as kubectl prints them. */
const CHARACTERS_MAX = 256 * 1024 * 1024;
const DOCUMENTS_MAX = 10_000;
const FAULTS_MAX = 20;

/** Where a kind has the metadata and spec of its pods; other kinds are passed over. */
const POD_OF: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** The workloads of one file. @throws ERR_INVENTORY with a diagnostic for each fault */
export function readInventory({
  file,
  text,
}: {
  readonly file: string;
  readonly text: string;
}): InventoryWorkload[] {
  const found: Found = { file, workloads: [], faults: [] };
  if (text.length > CHARACTERS_MAX) fault(found, 1, `the file is longer than ${CHARACTERS_MAX} characters`);
  else for (const { data, line } of documentsOf(text, found)) addDocument(found, data, line);
  if (found.faults.length === 0) return found.workloads;
  throw new SallyportError('ERR_INVENTORY', `\`${file}\` is no inventory`, {
    hint: 'a list of `{namespace, serviceAccount, labels, ips}`, or what `kubectl get pods -A -o json` prints',
    diagnostics: found.faults,
  });
}

interface Found {
  readonly file: string;
  readonly workloads: InventoryWorkload[];
  readonly faults: Diagnostic[];
}

function fault({ file, faults }: Found, line: number, message: string): void {
  if (faults.length >= FAULTS_MAX) return;
  faults.push({ severity: 'error', code: 'ERR_INVENTORY', message, at: { file, line, column: 1 } });
}

/** JSON, which may be long, is not read as YAML. */
function documentsOf(text: string, found: Found): { readonly data: unknown; readonly line: number }[] {
  const start = text.trimStart();
  if (start.startsWith('{') || start.startsWith('[')) {
    try {
      return [{ data: JSON.parse(text), line: 1 }];
    } catch {
      // YAML in flow style begins like this too.
    }
  }
  const lines = new LineCounter();
  return parseDocuments(text, lines, DOCUMENTS_MAX).flatMap((document) => {
    const [error] = document.errors;
    const { line } = lines.linePos(error?.pos[0] ?? document.contents?.range[0] ?? document.range[0]);
    try {
      if (error === undefined) return [{ data: document.toJS() as unknown, line }];
      fault(found, line, `not valid YAML: ${error.message.split('\n')[0] ?? ''}`);
    } catch {
      fault(found, line, 'the document uses too many aliases'); // what toJS refuses
    }
    return [];
  });
}

function addDocument(found: Found, data: unknown, line: number): void {
  if (data === null || data === undefined) return;
  const items = Array.isArray(data) ? data : memberOf(data, ['items']);
  if (!Array.isArray(items)) addItem(found, data, { what: 'the document', line });
  else for (const [index, item] of items.entries()) addItem(found, item, { what: `item ${index}`, line });
}

interface Place {
  readonly what: string;
  readonly line: number;
}

function addItem(found: Found, item: unknown, { what, line }: Place): void {
  const kind = memberOf(item, ['kind']);
  const read = typeof kind === 'string' ? resourceParts(item, kind) : plainParts(item);
  if (read === null) return;
  const { namespace, serviceAccount, labels, ips } = read;
  const texts = Array.isArray(ips) ? ips : [];
  const addresses = texts.map((ip) => (typeof ip === 'string' ? canonicalIp(ip) : null));
  const pairs = typeof labels === 'object' && labels !== null ? Object.entries(labels) : [];
  if (typeof namespace !== 'string' || namespace === '') fault(found, line, `${what} has no namespace`);
  else if (serviceAccount !== undefined && typeof serviceAccount !== 'string')
    fault(found, line, `${what} has a service account that is no text`);
  else if (
    (labels !== undefined && typeof labels !== 'object') ||
    Array.isArray(labels) ||
    !pairs.every(isText)
  )
    fault(found, line, `${what} has labels that are no mapping of texts`);
  else if ((ips !== undefined && !Array.isArray(ips)) || addresses.includes(null))
    fault(found, line, `${what} has \`ips\` that are no list of addresses`);
  else
    found.workloads.push({
      namespace,
      serviceAccount: serviceAccount ?? null,
      labels: Object.fromEntries(pairs.filter(isText)),
      ips: addresses.filter((address) => address !== null),
    });
}

const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';

/** Nothing of it is checked yet. */
interface Parts {
  readonly namespace: unknown;
  readonly serviceAccount: unknown;
  readonly labels: unknown;
  readonly ips: unknown;
}

function plainParts(item: unknown): Parts {
  const of = (name: string): unknown => memberOf(item, [name]) ?? undefined;
  return {
    namespace: of('namespace'),
    serviceAccount: of('serviceAccount'),
    labels: of('labels'),
    ips: of('ips'),
  };
}

function resourceParts(item: unknown, kind: string): Parts | null {
  const path = POD_OF[kind];
  if (path === undefined) return null;
  const pod = memberOf(item, path);
  const podIps = memberOf(item, ['status', 'podIPs']);
  return {
    namespace: memberOf(item, ['metadata', 'namespace']),
    // Kubernetes' own default.
    serviceAccount: memberOf(pod, ['spec', 'serviceAccountName']) ?? 'default',
    labels: memberOf(pod, ['metadata', 'labels']) ?? {},
    ips: kind === 'Pod' && Array.isArray(podIps) ? podIps.map((one) => memberOf(one, ['ip'])) : [],
  };
}

function memberOf(data: unknown, path: readonly string[]): unknown {
  let at = data;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}
