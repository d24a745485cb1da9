// Generated policies, connections and requests for the policy triangle.
import fc from 'fast-check';
import { parseCidr } from '../../core/ip.ts';
import { canonicalPath } from '../../core/path.ts';
import type { PolicyOptions, Rule, Workload } from '../../policy/model.ts';
import {
  type Action,
  type Clause,
  type Condition,
  type Field,
  type Matcher,
  negativeName,
  type Policy,
} from '../../policy/model.ts';
import type { ConnectionFacts, RequestFacts } from '../../policy/request.ts';

export const WORKLOAD: Workload = { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' } };

/** Expiry times lie at, before and after the moments asked about. */
const NOW = 1_000_000;
const TIMES = [NOW - 1, NOW, NOW + 1];

const exact = (value: string): Matcher => ({ kind: 'exact', value });
const prefix = (value: string): Matcher => ({ kind: 'prefix', value });
const suffix = (value: string): Matcher => ({ kind: 'suffix', value });
const template = (value: string): Matcher => ({ kind: 'template', value });
const presence: Matcher = { kind: 'presence' };
const cidr = (text: string): Matcher => {
  const parsed = parseCidr(text);
  if (parsed === null) throw new Error(`\`${text}\` is no CIDR block`);
  return { kind: 'cidr', text, bytes: Array.from(parsed.bytes), prefixLength: parsed.prefixLength };
};

const PATHS = [
  ...[
    '/',
    '/a',
    '/a/',
    '/a/b',
    '/a/b/',
    '/a/b/c',
    '/b',
    '/ab',
    '/a/x.json',
    '/b/a',
    '/a//b',
    '//',
    '/a/b/c/d/e',
  ],
  ...[
    '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
    '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    '*',
    '/a/b/x.json',
    '/pkg.Svc/Get',
  ],
];
const TEMPLATES = [
  ...[
    '/{*}',
    '/a/{*}',
    '/{*}/b',
    '/{*}/{*}',
    '/a/{**}',
    '/{**}',
    '/{*}/b/{**}',
    '/a/{**}/c',
    '/a/{*}/c',
    '/a/{*}/',
  ],
  ...['/{**}/x.json', '/{*}/{**}', '/b/{*}', '/a/{*}/{*}/d/e', '/ab/{*}', '/{*}/b/{*}'],
];
const PIECES = [
  '/',
  '/a',
  '/a/',
  '/a/b',
  '/b',
  'b',
  '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '.json',
  '/c',
  '/a/x',
];
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'get'];
const HOSTS = ['cart', 'cart:8080', 'cart.shop', 'cart.shop:80', 'web', '[::1]', '[::1]:8080', ''];
const HEADERS = ['x-a', 'x-b'];
const HEADER_VALUES = ['a', 'b', 'ab', '\u0101', '', 'a,b', 'a, b', ' ,a', 'b,\ta ', ',', 'c'];
const NAMES = ['shop', 'web', 'sh'];
const DOMAINS = ['local', 'cluster.local', 'old.local', 'other', 'far'];
const IPS = ['10.0.0.1', '10.0.0.200', '10.1.0.1', '192.168.0.1', '2001:db8::1', '2001:db8:1::2', '::1'];
const BLOCKS = [
  '10.0.0.0/24',
  '10.0.0.1/32',
  '10.0.0.0/8',
  '0.0.0.0/0',
  '192.168.0.1',
  '2001:db8::/32',
  '::/0',
  '::1',
];
const PORTS = ['80', '8080'];
const SNIS = ['cart', 'cart.shop', 'web'];

const principalText = fc.oneof(
  fc
    .tuple(fc.constantFrom(...DOMAINS), fc.constantFrom(...NAMES), fc.constantFrom('cart', 'web'))
    .map(([domain, namespace, account]) => `${domain}/ns/${namespace}/sa/${account}`),
  fc.constantFrom('local', 'local/x', 'local/a/b/c/d', 'other/a/b/c/d', 'cluster.local/ns/shop/sa/cart/x'),
);

const strings = (values: readonly string[], pieces: readonly string[]): fc.Arbitrary<Matcher> =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...values.filter((v) => v !== '')).map(exact), weight: 5 },
    { arbitrary: fc.constantFrom(...pieces).map(prefix), weight: 2 },
    { arbitrary: fc.constantFrom(...pieces).map(suffix), weight: 1 },
    { arbitrary: fc.constant(presence), weight: 1 },
  );

const principalMatcher = fc.oneof(
  { arbitrary: principalText.map(exact), weight: 5 },
  strings(['local/ns/shop/sa/web'], ['local', 'local/ns/', 'cluster.local/ns/shop/', '/sa/web', 'b/c/d']),
);
const exactly = (values: readonly string[]): fc.Arbitrary<Matcher> => fc.constantFrom(...values).map(exact);
const block = fc.constantFrom(...BLOCKS).map(cidr);
const accounts = NAMES.flatMap((namespace) => [`${namespace}/cart`, `${namespace}/web`]);
const namespace = strings(NAMES, ['s', 'sh', 'eb']);
const domain = strings(DOMAINS, ['loc', 'local', '.local']);

/** Matchers of each field. `requestPrincipals` is refused by the parser until tokens are verified. */
const MATCHERS: Readonly<Record<Exclude<Field, 'requestPrincipals'>, fc.Arbitrary<Matcher>>> = {
  principals: principalMatcher,
  'source.principal': principalMatcher,
  namespaces: namespace,
  'source.namespace': namespace,
  serviceAccounts: exactly(accounts),
  'source.serviceAccount': exactly(accounts),
  trustDomains: domain,
  'source.trustDomain': domain,
  ipBlocks: block,
  'source.ip': block,
  remoteIpBlocks: block,
  'remote.ip': block,
  'destination.ip': block,
  hosts: strings(HOSTS, ['cart', 'cart:', ':8080', 'shop', '[::1]']),
  ports: exactly(PORTS),
  'destination.port': exactly(PORTS),
  methods: strings(METHODS, ['P', 'T']),
  paths: fc.oneof(
    { arbitrary: strings(PATHS, PIECES), weight: 2 },
    { arbitrary: fc.constantFrom(...TEMPLATES).map(template), weight: 1 },
  ),
  'request.headers': strings(HEADER_VALUES, ['a', 'b', 'a,']),
  'connection.sni': strings(SNIS, ['cart', 'shop']),
};

const SOURCE_FIELDS = [
  'principals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'ipBlocks',
  'remoteIpBlocks',
] as const;
const OPERATION_FIELDS = ['hosts', 'ports', 'methods', 'paths'] as const;
const WHEN_FIELDS = [
  ...(['request.headers', 'source.ip', 'remote.ip', 'source.namespace', 'source.principal'] as const),
  ...([
    'source.serviceAccount',
    'source.trustDomain',
    'destination.ip',
    'destination.port',
    'connection.sni',
  ] as const),
];

type GeneratedField = Exclude<Field, 'requestPrincipals'>;

function condition(field: GeneratedField, name: string, key?: string): fc.Arbitrary<Condition> {
  const many = fc.array(MATCHERS[field], {
    minLength: 1,
    maxLength: field === 'paths' || field === 'hosts' ? 20 : 4,
  });
  const few = fc.array(MATCHERS[field], { minLength: 1, maxLength: 3 });
  const keyed = key === undefined ? { field } : { field, key };
  return fc.oneof(
    { arbitrary: few.map((values) => ({ ...keyed, name, values, notValues: [] })), weight: 6 },
    { arbitrary: many.map((values) => ({ ...keyed, name, values, notValues: [] })), weight: 2 },
    {
      arbitrary: few.map((notValues) => ({ ...keyed, name: negativeName(name), values: [], notValues })),
      weight: 2,
    },
    {
      arbitrary: fc.tuple(few, few).map(([values, notValues]) => ({ ...keyed, name, values, notValues })),
      weight: 1,
    },
    {
      arbitrary: fc.tuple(many, few).map(([values, notValues]) => ({ ...keyed, name, values, notValues })),
      weight: 1,
    },
  );
}

const clause = (fields: readonly GeneratedField[], place: string): fc.Arbitrary<Clause> =>
  fc
    .subarray([...fields], { minLength: 1, maxLength: 3 })
    .chain((chosen) => fc.tuple(...chosen.map((field) => condition(field, `${place}.${field}`))));

const when: fc.Arbitrary<Clause> = fc.array(
  fc
    .tuple(fc.constantFrom(...WHEN_FIELDS), fc.constantFrom(...HEADERS))
    .chain(([field, header]) =>
      field === 'request.headers'
        ? condition(field, `when[request.headers[${header}]]`, header)
        : condition(field, `when[${field}]`),
    ),
  { maxLength: 2 },
);

const rule: fc.Arbitrary<Omit<Rule, 'id'>> = fc.record({
  from: fc.option(fc.array(clause(SOURCE_FIELDS, 'from.source'), { minLength: 1, maxLength: 3 })),
  to: fc.option(fc.array(clause(OPERATION_FIELDS, 'to.operation'), { minLength: 1, maxLength: 3 }), {
    freq: 6,
  }),
  when: fc.oneof({ arbitrary: fc.constant([]), weight: 2 }, { arbitrary: when, weight: 1 }),
  at: fc.constant({ file: 'generated.yaml' }),
});

const WEB_OF_SHOP = [[principalCondition('local/ns/shop/sa/web')]];
const WEB_OF_WEB = [[principalCondition('local/ns/web/sa/web')]];

function principalCondition(value: string): Condition {
  return { field: 'principals', name: 'from.source.principals', values: [exact(value)], notValues: [] };
}

// Many rules of few callers, so that a residual builds an index; of one, so that the table does.
const narrowRule = (sources: readonly Rule['from'][]): fc.Arbitrary<Omit<Rule, 'id'>> =>
  fc.record({
    from: fc.constantFrom(...sources),
    to: fc.array(clause(OPERATION_FIELDS, 'to.operation'), { minLength: 1, maxLength: 2 }),
    when: fc.constant([]),
    at: fc.constant({ file: 'generated.yaml' }),
  });

// A few operations only, so that paths share segments that an index passes over.
const sharedPath = fc
  .array(fc.constantFrom('/a', '/a/b', '/a/b/c', '/a/b/x.json'), { minLength: 1, maxLength: 2 })
  .chain((paths) =>
    fc.tuple(
      ...paths.map((path) =>
        fc.constantFrom(exact(path), prefix(path), prefix(`${path}/`), template(`${path}/{*}`)),
      ),
    ),
  )
  .map(
    (values): Omit<Rule, 'id'> => ({
      from: null,
      to: [[{ field: 'paths', name: 'to.operation.paths', values, notValues: [] }]],
      when: [],
      at: { file: 'generated.yaml' },
    }),
  );

type DraftPolicy = Omit<Policy, 'name' | 'rules'> & { readonly rules: readonly Omit<Rule, 'id'>[] };

const policy: fc.Arbitrary<DraftPolicy> = fc
  .record({
    namespace: fc.constantFrom('istio-system', 'shop'),
    action: fc.constantFrom<Action>('ALLOW', 'ALLOW', 'DENY', 'AUDIT'),
    selector: fc.constant(null),
    targetRefs: fc.constant(null),
    rules: fc.oneof(
      { arbitrary: fc.array(rule, { maxLength: 5 }), weight: 6 },
      {
        arbitrary: fc.array(narrowRule([null, WEB_OF_SHOP, WEB_OF_WEB]), { minLength: 1, maxLength: 24 }),
        weight: 4,
      },
      { arbitrary: fc.array(sharedPath, { minLength: 5, maxLength: 12 }), weight: 2 },
      // More than 64 entries of one source: an index of the table itself.
      {
        arbitrary: fc.array(narrowRule([WEB_OF_SHOP]), { minLength: 50, maxLength: 80, size: 'max' }),
        weight: 1,
      },
    ),
    dryRun: fc.oneof(
      { arbitrary: fc.constant(false), weight: 4 },
      { arbitrary: fc.constant(true), weight: 1 },
    ),
    expiresAtMs: fc.option(fc.constantFrom(...TIMES), { freq: 3 }),
    emergency: fc.constant(null),
    denyStatus: fc.constantFrom<403 | 404 | null>(null, 403, 404),
    owner: fc.constant(null),
    at: fc.constant({ file: 'generated.yaml' }),
  })
  // A dry run exists on ALLOW and DENY only.
  .map((made) => ({ ...made, dryRun: made.dryRun && made.action !== 'AUDIT' }));

/** A policy set, names and rule ids filled in. */
export const policies: fc.Arbitrary<Policy[]> = fc.array(policy, { maxLength: 6 }).map((made) =>
  made.map((one, i) => ({
    ...one,
    name: `p${i}`,
    rules: one.rules.map((r, k) => ({ ...r, id: `ns[${one.namespace}]-policy[p${i}]-rule[${k}]` })),
  })),
);

export const optionsOf: fc.Arbitrary<PolicyOptions> = fc.record({
  rootNamespace: fc.constant('istio-system'),
  defaultVerdict: fc.constantFrom('deny', 'allow-when-unselected'),
  localTrustDomain: fc.constant('local'),
  trustDomains: fc.constantFrom([], ['other'], ['*']),
  trustDomainAliases: fc.constantFrom([], ['old.local']),
  emergencyMaxMs: fc.constant(86_400_000),
  acceptsPlaintext: fc.constant(true),
  tcpPorts: fc.constant([]),
});

/** One question to a table. */
export interface Asked {
  readonly connection: ConnectionFacts;
  readonly request: RequestFacts;
  readonly nowMs: number;
}

const connection: fc.Arbitrary<ConnectionFacts> = fc.record({
  principal: fc.oneof(
    { arbitrary: principalText.map((text) => `spiffe://${text}`), weight: 3 },
    { arbitrary: fc.constant('spiffe://local/ns/shop/sa/web'), weight: 3 },
    { arbitrary: fc.constant(null), weight: 1 },
  ),
  sourceIp: fc.option(fc.constantFrom(...IPS), { freq: 8 }),
  remoteIp: fc.constantFrom(...IPS, null, undefined, undefined, undefined),
  destinationIp: fc.option(fc.constantFrom(...IPS), { freq: 8 }),
  destinationPort: fc.option(fc.constantFrom(80, 8080, 443), { freq: 8 }),
  sni: fc.option(fc.constantFrom(...SNIS, ''), { freq: 4 }),
});

const http = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      fc.array(fc.constantFrom('a', 'b', '', 'x.json')).map((s) => `/${s.join('/')}`),
    ),
    host: fc.constantFrom(...HOSTS),
    headers: fc.dictionary(
      fc.constantFrom(...HEADERS),
      fc.array(fc.constantFrom(...HEADER_VALUES), { maxLength: 3 }),
    ),
  })
  .map(({ method, path, host, headers }) => ({
    method,
    path,
    host,
    headers,
    headerValues: (name: string) => headers[name],
  }));

const request: fc.Arbitrary<RequestFacts> = fc.record({
  http: fc.oneof({ arbitrary: http, weight: 9 }, { arbitrary: fc.constant(null), weight: 1 }),
  remoteIp: fc.option(fc.constantFrom(...IPS), { freq: 8 }),
});

export const asked: fc.Arbitrary<Asked> = fc.record({
  connection,
  request,
  nowMs: fc.constantFrom(NOW - 2, ...TIMES),
});

/** Requests that the proxy would bring before a policy. */
export function isPossible(
  { connection, request }: Asked,
  { localTrustDomain, trustDomainAliases }: PolicyOptions,
): boolean {
  const { http } = request;
  if (connection.destinationPort === null || connection.sni === '') return false;
  if (connection.principal !== null && connection.principal.split('/').length < 4) return false;
  const trustDomain = connection.principal?.split('/')[2] ?? localTrustDomain;
  if (trustDomain !== localTrustDomain && ['cluster.local', ...trustDomainAliases].includes(trustDomain))
    return false;
  if (http === null) return true;
  return canonicalPath(http.path, 'reject').fault === null && !canonicalPath(http.path, 'reject').changed;
}
