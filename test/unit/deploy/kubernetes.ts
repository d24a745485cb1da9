// Reads the Kubernetes examples: resources by kind and name, and what their configurations and policies are.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Config } from '../../../core/config/config.ts';
import { parsePolicies } from '../../../policy/parse.ts';

/** Where the examples are. */
export const folder = join(import.meta.dirname, '../../../deploy/kubernetes');
/** Their names. */
export const files: readonly string[] = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

/** What every container of ours and beside ours is given. */
export const LOCKED = {
  runAsUser: 65532,
  runAsGroup: 65532,
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** The resources of one file. */
export function resourcesOf(name: string): readonly unknown[] {
  return parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${name}: ${String(document.errors[0])}`);
    return document.toJS() as unknown;
  });
}

/** The value at a path of keys and indexes. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), value);
}

/** The entry called `name` of a list. */
export function named(list: unknown, name: string): unknown {
  return Array.isArray(list) ? list.find((one) => at(one, 'name') === name) : undefined;
}

/** The only resource of that kind and name. */
export function resource(kind: string, name: string): unknown {
  const found = files
    .flatMap(resourcesOf)
    .filter((one) => at(one, 'kind') === kind && at(one, 'metadata', 'name') === name);
  if (found.length !== 1) throw new Error(`${found.length} resources are ${kind} ${name}`);
  return found[0];
}

/** One text in a ConfigMap. */
export const text = (kind: string, name: string, key: string): string =>
  String(at(resource(kind, name), 'data', key));

/** What is wrong with the policies of a ConfigMap, for the proxy of `config`. */
export function policyFindings(map: string, key: string, config: Config): readonly unknown[] {
  const options = {
    rootNamespace: config.policy.rootNamespace,
    defaultVerdict: config.policy.defaultVerdict,
    localTrustDomain: config.identity.trustDomain,
    trustDomains: [],
    trustDomainAliases: [],
    emergencyMaxMs: 0,
    acceptsPlaintext: false,
    tcpPorts: [],
  };
  const { policies, diagnostics } = parsePolicies(
    [{ file: key, text: text('ConfigMap', map, key) }],
    options,
    0,
  );
  return policies.length === 1 ? diagnostics : [`${policies.length} policies`, ...diagnostics];
}
