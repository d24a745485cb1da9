// Short ways to write policies, connections and requests for the tests of the compiled table.
import { parseCidr } from '../../../core/ip.ts';
import { compile } from '../../../policy/compile.ts';
import { evaluate } from '../../../policy/evaluate.ts';
import {
  type Clause,
  type Condition,
  type Field,
  type Matcher,
  negativeName,
  type Policy,
  type PolicyOptions,
  type Rule,
  type Workload,
} from '../../../policy/model.ts';
import type { ConnectionFacts, Decision, RequestFacts } from '../../../policy/request.ts';
import { residualFor } from '../../../policy/residual.ts';
import { loadTable, type Table } from '../../../policy/table.ts';

export const WORKLOAD: Workload = { namespace: 'shop', serviceAccount: 'cart', labels: {} };

export const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'td',
  trustDomains: [],
  trustDomainAliases: ['old'],
  emergencyMaxMs: 86_400_000,
  acceptsPlaintext: true,
  tcpPorts: [],
};

export const CALLER: ConnectionFacts = {
  principal: 'spiffe://td/ns/shop/sa/web',
  sourceIp: '10.0.0.7',
  remoteIp: '10.0.0.7',
  destinationIp: '10.0.1.9',
  destinationPort: 8080,
  sni: 'cart.shop',
};

const IP_FIELDS: readonly Field[] = [
  'ipBlocks',
  'remoteIpBlocks',
  'source.ip',
  'remote.ip',
  'destination.ip',
];

/** A value as a policy writes it: `a`, `a*`, `*a`, `*`, a path template, or a CIDR block of an IP field. */
export function matcher(field: Field, text: string): Matcher {
  if (IP_FIELDS.includes(field)) {
    const block = parseCidr(text);
    if (block === null) throw new Error(`\`${text}\` is no CIDR block`);
    return { kind: 'cidr', text, bytes: Array.from(block.bytes), prefixLength: block.prefixLength };
  }
  if (text === '*') return { kind: 'presence' };
  if (field === 'paths' && text.includes('{')) return { kind: 'template', value: text };
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) };
  if (text.endsWith('*')) return { kind: 'prefix', value: text.slice(0, -1) };
  return { kind: 'exact', value: text };
}

/** Fields with their values: `!` before a name makes not-values, `[x]` after it names a header. */
export type Fields = Readonly<Record<string, readonly string[]>>;

/** `{ methods: ['GET'], '!paths': ['/a'] }` as a clause. */
export function clause(place: string, fields: Fields): Clause {
  return Object.entries(fields).map(([written, texts]): Condition => {
    const isNot = written.startsWith('!');
    const [field, header] = written.replace('!', '').replace(']', '').split('[') as [Field, string?];
    const full = header === undefined ? field : `${field}[${header}]`;
    const name = place === 'when' ? `when[${full}]` : `${place}.${full}`;
    const values = texts.map((text) => matcher(field, text));
    return {
      field,
      ...(header === undefined ? {} : { key: header }),
      name: isNot ? negativeName(name) : name,
      values: isNot ? [] : values,
      notValues: isNot ? values : [],
    };
  });
}

export interface RuleText {
  readonly from?: readonly Fields[];
  readonly to?: readonly Fields[];
  readonly when?: Fields;
}

/** A policy of the workload's namespace. */
export function policy(name: string, rules: readonly RuleText[], given: Partial<Policy> = {}): Policy {
  return {
    namespace: 'shop',
    name,
    action: 'ALLOW',
    selector: null,
    targetRefs: null,
    dryRun: false,
    expiresAtMs: null,
    emergency: null,
    denyStatus: null,
    owner: null,
    at: { file: 'test.yaml' },
    ...given,
    rules: rules.map(
      ({ from, to, when }, i): Rule => ({
        id: `ns[shop]-policy[${name}]-rule[${i}]`,
        from: from?.map((fields) => clause('from.source', fields)) ?? null,
        to: to?.map((fields) => clause('to.operation', fields)) ?? null,
        when: when === undefined ? [] : clause('when', when),
        at: { file: 'test.yaml' },
      }),
    ),
  };
}

export function tableOf(policies: readonly Policy[], options: Partial<PolicyOptions> = {}): Table {
  return loadTable(compile(policies, WORKLOAD, { ...OPTIONS, ...options }));
}

/** `GET /path`, with headers by name. */
export function request(
  line: string,
  given: { host?: string; headers?: Readonly<Record<string, readonly string[]>>; remoteIp?: string } = {},
): RequestFacts {
  const [method = '', path = ''] = line.split(' ');
  return {
    http: { method, path, host: given.host ?? 'cart', headerValues: (name) => given.headers?.[name] },
    remoteIp: given.remoteIp ?? null,
  };
}

export function ask(
  table: Table,
  asked: RequestFacts,
  caller: Partial<ConnectionFacts> = {},
  nowMs = 0,
): Decision {
  return evaluate(residualFor(table, { ...CALLER, ...caller }, nowMs), asked);
}

/** The names of the rules that decided, without namespace: `web-rule[0]`. */
export function shortIds(ids: readonly string[]): string[] {
  return ids.map((id) => id.replace('ns[shop]-policy[', '').replace(']-rule', '-rule'));
}
