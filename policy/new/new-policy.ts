// `sallyport policy new`: words of a command line to the policy that they ask for, and why it is broad where
// it is.
import { type Callers, parseCallers } from './callers.ts';
import type { PolicyDraft } from './draft.ts';
import { type Operation, parseOperation } from './operations.ts';

/** What is asked for. */
export interface NewPolicy {
  readonly action: 'ALLOW' | 'DENY';
  readonly callers: string;
  readonly methods: string;
  readonly target: string;
  readonly to: Scope;
  /** Null: made from caller and target. */
  readonly name: string | null;
  /** Of `NAMESPACE/ACCOUNT`. */
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The workloads that a policy is for. */
export interface Scope {
  readonly namespace: string;
  /** None: all of the namespace. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A policy, and what of it should not be written without saying so. */
export interface DraftedPolicy {
  readonly draft: PolicyDraft;
  readonly broad: readonly string[];
}

/** The policy that `asked` describes. Its text is still to be checked. @throws ERR_POLICY_NEW */
export function newPolicy(asked: NewPolicy): DraftedPolicy {
  const { action, to, rootNamespace } = asked;
  const callers = parseCallers(asked.callers, asked.trustDomain);
  // A caller chooses the host that it sends: a DENY by host would be evaded by another name.
  const hosts = action === 'ALLOW' ? to.namespace : null;
  const operation = parseOperation(asked.methods, asked.target, hosts);
  const everywhere = to.namespace === rootNamespace ? ['workloads of every namespace'] : [];
  const unlabelled =
    Object.keys(to.labels).length === 0 ? [`every workload of namespace ${to.namespace}`] : [];
  const everything = callers.everybody || callers.sources.length === 0 ? [`everybody: ${callers.text}`] : [];
  const broad =
    action === 'ALLOW'
      ? [...callers.broad, ...operation.broad, ...(everywhere.length > 0 ? everywhere : unlabelled)]
      : operation.broad.length > 0 && everything.length > 0
        ? [...everything, ...operation.broad, ...everywhere]
        : everywhere;
  const draft: PolicyDraft = {
    comments: [...commentsOf(asked, callers, operation), ...broad.map((why) => `BROAD, as asked: ${why}.`)],
    name: asked.name ?? nameOf(asked, callers, operation),
    namespace: to.namespace,
    annotations: asked.annotations,
    action,
    selector: to.labels,
    rules: [{ from: callers.sources, to: operation.operations }],
  };
  return { draft, broad };
}

/** The well-known policy that allows nothing: then only what others allow is allowed, in Istio too. */
export const allowNothing = (to: Scope, name: string | null): PolicyDraft => ({
  comments: [
    `Allows nothing to ${scopeText(to)}: what no other allows is denied.`,
    'sallyport denies by default anyway; this says so in the folder, and makes Istio do the same.',
  ],
  name: name ?? 'allow-nothing',
  namespace: to.namespace,
  annotations: {},
  action: 'ALLOW',
  selector: to.labels,
  rules: [],
});

/** `namespace shop, labelled app=cart`. */
export function scopeText({ namespace, labels }: Scope): string {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return wanted.length === 0
    ? `every workload of namespace ${namespace}`
    : `workloads of namespace ${namespace} labelled ${wanted.join(', ')}`;
}

function commentsOf(asked: NewPolicy, callers: Callers, operation: Operation): string[] {
  const { action, to, trustDomain } = asked;
  const local = callers.sources.some(
    ({ principals }) => principals?.some((one) => one.startsWith(`${CLUSTER}/`)) === true,
  );
  const verb = action === 'ALLOW' ? 'may' : 'must not';
  return [
    `Callers: ${callers.text}.`,
    ...(local && trustDomain === CLUSTER ? ['`cluster.local` stands for the own trust domain.'] : []),
    `They ${verb}: ${operation.text}.`,
    ...templateComment(operation.path),
    `Of: ${scopeText(to)}.`,
    ...(action === 'ALLOW' ? allowComments(operation) : denyComments(callers, operation)),
  ];
}

/** Istio's own default. */
const CLUSTER = 'cluster.local';

function templateComment(path: string | null): string[] {
  const below = path?.endsWith('/{**}') === true ? path.slice(0, -'/{**}'.length) : '';
  if (below !== '' && !below.includes('*'))
    return [`${path} is all below ${below}/, with or without more segments, not ${below} itself.`];
  return path?.includes('{*}') === true ? ['{*} is one segment of the path, never empty.'] : [];
}

const allowComments = ({ host }: Operation): string[] => [
  ...(host === null ? [] : ['Hosts are the names that callers write; another spelling is another host.']),
  'What no policy allows is denied; a DENY that matches wins over this.',
];

function denyComments({ sources, everybody }: Callers, { host, methods }: Operation): string[] {
  return [
    'A DENY wins over every ALLOW.',
    ...(everybody && sources.length > 0
      ? ['Peers without identity are not among these callers: `anyone` would include them.']
      : []),
    ...(host === null ? [] : [`The host ${host} is left out: callers choose the host that they send.`]),
    ...(methods?.includes('GET') === true && !methods.includes('HEAD')
      ? ['GET is not HEAD: that one stays as it was.']
      : []),
  ];
}

const NAME_MAX = 63;

/** `allow-web-to-cart-items`: readable, the same for the same words, and a name of Kubernetes. */
function nameOf({ action, to }: NewPolicy, { word }: Callers, { path, host }: Operation): string {
  const [label] = Object.values(to.labels);
  const segments = (path ?? '').split('/').filter((segment) => !segment.includes('*'));
  const words = [action, word, 'to', label ?? host ?? to.namespace, ...segments];
  const slug = words
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  return slug.slice(0, NAME_MAX).replaceAll(/^-+|-+$/g, '');
}
