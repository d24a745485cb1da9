// Starter policies: what almost every namespace needs, with what differs left to fill in.
import { SallyportError } from '../../core/errors.ts';
import { parseCallers } from './callers.ts';
import type { OperationDraft, PolicyDraft } from './draft.ts';
import { allowNothing, type DraftedPolicy, type Scope, scopeText } from './new-policy.ts';

/** What a starter is filled with; null or empty where its own default is good. */
export interface StarterValues {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly from: string | null;
  readonly port: string | null;
  readonly paths: readonly string[];
  readonly ttlMs: number | null;
  readonly nowMs: number;
  readonly trustDomain: string;
}

/** One starter policy. */
export interface Starter {
  readonly name: string;
  /** One line, lower case. */
  readonly summary: string;
  /** Who calls, unless told otherwise; null: it must be told. */
  readonly from: string | null;
  /** Labels of the workloads, unless told otherwise. */
  readonly labels: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly methods: readonly string[];
  readonly port: string | null;
  /** How long it lasts unless told otherwise, milliseconds; null: for good. */
  readonly ttlMs: number | null;
  readonly comments: readonly string[];
}

const HOUR_MS = 3_600_000;

/** In the order in which one needs them. */
export const STARTERS: readonly Starter[] = [
  {
    name: 'default-deny',
    summary: 'a namespace in which only what other policies allow is allowed',
    ...{ from: null, labels: {}, paths: [], methods: [], port: null, ttlMs: null, comments: [] },
  },
  {
    name: 'probes',
    summary: 'health probes of the kubelet, by the addresses of the nodes',
    ...{ from: null, labels: {}, paths: ['/healthz', '/livez', '/readyz'], methods: ['GET'] },
    ...{ port: null, ttlMs: null },
    comments: [
      'The kubelet has no identity: it is known by its address, and reaches only listeners that accept',
      'plaintext (`mtls: permissive`). Probes of the proxy itself (:15021/readyz) need no policy.',
    ],
  },
  {
    name: 'metrics',
    summary: 'Prometheus scrapes /metrics',
    ...{ from: 'monitoring/prometheus', labels: {}, paths: ['/metrics'], methods: ['GET'] },
    ...{ port: null, ttlMs: null },
    comments: ['For metrics of the application; those of the proxy are at :15021/metrics without a policy.'],
  },
  {
    name: 'dns',
    summary: 'a namespace may resolve names, over TCP',
    ...{ from: 'default/*', labels: { 'k8s-app': 'kube-dns' }, paths: [], methods: [], port: '53' },
    ttlMs: null,
    comments: ['No proxy sees UDP: it is for TCP, which long answers need. Fence UDP off at layer 4.'],
  },
  {
    name: 'gateway',
    summary: 'the gateway brings requests from outside to one API',
    ...{ from: 'edge/gateway', labels: {}, paths: ['/api/{**}'], methods: ['GET', 'HEAD', 'POST'] },
    ...{ port: null, ttlMs: null },
    comments: ['Workloads behind it still see the gateway as the caller, not the user.'],
  },
  {
    name: 'sandbox',
    summary: 'developers may do everything on one port of a sandbox, for some hours',
    ...{ from: 'dev/*', labels: { env: 'sandbox' }, paths: [], methods: [], port: '8080' },
    ttlMs: 8 * HOUR_MS,
    comments: [
      'It stops matching at `sallyport.dev/expires-at` by itself, and opens nothing then.',
      'Istio does not know that annotation: there it stays until somebody removes it.',
    ],
  },
];

/**
 * The starter `name`, filled in.
 * @throws ERR_POLICY_NEW for an unknown one, and where it must be told who calls
 */
export function starterPolicy(name: string, values: StarterValues): DraftedPolicy {
  const starter = STARTERS.find((one) => one.name === name);
  if (starter === undefined)
    throw new SallyportError('ERR_POLICY_NEW', `there is no starter policy \`${name}\``, {
      hint: `known: ${STARTERS.map((one) => one.name).join(', ')}`,
    });
  const labels = Object.keys(values.labels).length === 0 ? starter.labels : values.labels;
  const to: Scope = { namespace: values.namespace, labels };
  if (name === 'default-deny') return { draft: allowNothing(to, null), broad: [] };
  const from = values.from ?? starter.from;
  if (from === null)
    throw new SallyportError('ERR_POLICY_NEW', `the starter policy \`${name}\` must know who calls`, {
      hint: 'add --from, for probes the addresses of the nodes: --from 10.0.0.0/24',
    });
  const callers = parseCallers(from, values.trustDomain);
  const ttlMs = values.ttlMs ?? starter.ttlMs;
  const ends = ttlMs === null ? null : secondsText(values.nowMs + ttlMs);
  const draft: PolicyDraft = {
    comments: [
      `Starter policy \`${name}\`: ${starter.summary}.`,
      ...starter.comments,
      `Callers: ${callers.text}.`,
      `Of: ${scopeText(to)}.`,
    ],
    name: `${name}-${callers.word}`,
    namespace: values.namespace,
    annotations: ends === null ? {} : { 'sallyport.dev/expires-at': ends },
    action: 'ALLOW',
    selector: labels,
    rules: [{ from: callers.sources, to: operationsOf(starter, values) }],
  };
  // What a starter is about by itself needs no second word; other callers do.
  const asMeant = values.from === null || (isNamespace(from) && isNamespace(starter.from ?? ''));
  return { draft, broad: asMeant ? [] : callers.broad };
}

const isNamespace = (from: string): boolean => from.endsWith('/*') && !from.startsWith('spiffe://');

function operationsOf(starter: Starter, values: StarterValues): readonly OperationDraft[] {
  const port = values.port ?? starter.port;
  const paths = values.paths.length > 0 ? values.paths : starter.paths;
  const operation: OperationDraft = {
    ...(port === null ? {} : { ports: [port] }),
    ...(starter.methods.length === 0 ? {} : { methods: starter.methods }),
    ...(paths.length === 0 ? {} : { paths }),
  };
  return Object.keys(operation).length === 0 ? [] : [operation];
}

/** RFC 3339, to the second. */
export const secondsText = (ms: number): string =>
  `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
