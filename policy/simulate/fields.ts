// Which facts of a request rules look at, by the names that reports give them, and which of them a record
// lacks.
import type { Clause, Condition, Policy, Rule } from '../model.ts';
import type { UsedFields } from './formats.ts';
import type { RecordedRequest } from './recorded.ts';

/** What a record may lack. */
export type FieldName =
  | 'source.principal'
  | 'source.ip'
  | 'remote.ip'
  | 'destination.ip'
  | 'destination.port'
  | 'destination.namespace'
  | 'destination.labels'
  | 'connection.sni'
  | 'http.method'
  | 'http.path'
  | 'http.host'
  | `http.headers[${string}]`;

/** The fact that a condition looks at; null for what no record could have, and the engine answers. */
export function fieldOf({ field, key }: Condition): FieldName | null {
  switch (field) {
    case 'principals':
    case 'namespaces':
    case 'serviceAccounts':
    case 'trustDomains':
    case 'source.principal':
    case 'source.namespace':
    case 'source.serviceAccount':
    case 'source.trustDomain':
      return 'source.principal';
    case 'ipBlocks':
    case 'source.ip':
      return 'source.ip';
    case 'remoteIpBlocks':
    case 'remote.ip':
      return 'remote.ip';
    case 'ports':
    case 'destination.port':
      return 'destination.port';
    case 'destination.ip':
      return 'destination.ip';
    case 'connection.sni':
      return 'connection.sni';
    case 'methods':
      return 'http.method';
    case 'paths':
      return 'http.path';
    case 'hosts':
      return 'http.host';
    case 'request.headers':
      return `http.headers[${key ?? ''}]`;
    case 'requestPrincipals':
      return null;
  }
}

/** Every clause of a rule. */
export function clausesOf({ from, to, when }: Rule): readonly Clause[] {
  return [...(from ?? []), ...(to ?? []), when];
}

/** The facts that a rule looks at. */
export function fieldsOf(rule: Rule): ReadonlySet<FieldName> {
  const fields = new Set<FieldName>();
  for (const condition of clausesOf(rule).flat()) {
    const field = fieldOf(condition);
    if (field !== null) fields.add(field);
  }
  return fields;
}

/** What the rules of policies look at, as far as it tells requests apart. */
export function usedFields(policies: readonly Policy[]): UsedFields {
  const used = new Set(policies.flatMap(({ rules }) => rules.flatMap((rule) => [...fieldsOf(rule)])));
  return {
    sourceIp: used.has('source.ip'),
    remoteIp: used.has('remote.ip'),
    destinationIp: used.has('destination.ip'),
    sni: used.has('connection.sni'),
    host: used.has('http.host'),
    headers: [...used].some((name) => name.startsWith('http.headers[')),
  };
}

/** True when the record does not tell this fact. The path is asked about apart: it varies. */
export function isMissing(field: FieldName, request: RecordedRequest): boolean {
  switch (field) {
    case 'source.principal':
      return request.principal === undefined;
    case 'source.ip':
      return request.sourceIp === undefined;
    case 'remote.ip':
      return request.remoteIp === undefined;
    case 'destination.ip':
      return request.destinationIp === undefined;
    case 'destination.port':
      return request.port === undefined;
    case 'destination.namespace':
      return request.workload.namespace === undefined;
    case 'destination.labels':
      return request.workload.labels === undefined;
    case 'connection.sni':
      return request.sni === undefined;
    case 'http.method':
      return request.method === undefined;
    case 'http.path':
      return false;
    case 'http.host':
      return request.host === undefined;
    default:
      return !request.headers.has(field.slice('http.headers['.length, -1));
  }
}
