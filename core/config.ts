// The configuration as the rest of the program reads it, and the rules between its keys. Keys are named as in
// the file; durations are milliseconds, sizes bytes, `none` is Infinity, paths are absolute.
import { dirname, resolve } from 'node:path';
import type { ValueOf } from './config-fields.ts';
import type { configSchema } from './config-schema.ts';
import { type Address, formatAddress, isLoopback } from './config-values.ts';
import { SallyportError } from './errors.ts';
import { parseIp } from './ip.ts';
import type { SpiffeId } from './spiffe-id.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The file as the schema leaves it: values converted, defaults applied, paths still as written. */
export type ParsedConfig = DeepReadonly<ValueOf<typeof configSchema>>;

/** One listener; `limits.headBytes` is a number of bytes, `timeouts.head` of milliseconds. */
export type ListenerConfig = Omit<ParsedConfig['listeners'][number], 'port'> & {
  /** The destination port that policies see. */
  readonly port: number;
};

/** Everything that drives the proxy. Plain data: it may be cloned to another thread or process. */
export type Config = Omit<ParsedConfig, 'listeners'> & {
  /** Absolute path of the file that it was read from. */
  readonly file: string;
  readonly listeners: readonly ListenerConfig[];
};

/** A rule between keys that does not hold, at the key that should change. */
export interface ConfigFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string;
}

/** The workload that policies select. */
export interface ResolvedWorkload {
  readonly namespace: string;
  readonly serviceAccount: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Makes paths absolute (from the file's folder on) and fills in what depends on other keys. */
export function resolveConfig(parsed: ParsedConfig, file: string): Config {
  const folder = dirname(resolve(file));
  const absolute = (path: string): string => resolve(folder, path);
  const { files } = parsed.identity;
  return {
    ...parsed,
    file: resolve(file),
    identity: {
      ...parsed.identity,
      files: {
        certificate: absolute(files.certificate),
        key: absolute(files.key),
        bundles: mapValues(files.bundles, absolute),
        crls: mapValues(files.crls, absolute),
      },
    },
    listeners: parsed.listeners.map((l) => ({ ...l, port: l.port ?? l.upstream.address.port })),
    policy: { ...parsed.policy, files: parsed.policy.files.map(absolute) },
    flows: { ...parsed.flows, file: parsed.flows.file === null ? null : absolute(parsed.flows.file) },
  };
}

/** Everything in which the keys contradict each other. */
export function configFaults(config: Config): ConfigFault[] {
  return [...trustFaults(config), ...listenerFaults(config), ...addressFaults(config), ...logFaults(config)];
}

/**
 * The workload of the configuration, completed by the own SVID.
 * @throws ERR_CONFIG_WORKLOAD when the two disagree, or neither names a namespace
 */
export function resolveWorkload(config: Pick<Config, 'workload'>, id: SpiffeId): ResolvedWorkload {
  const { workload } = config;
  for (const key of ['namespace', 'serviceAccount'] as const) {
    const [said, held] = [workload[key], id[key]];
    if (said !== undefined && held !== null && said !== held)
      throw new SallyportError(
        'ERR_CONFIG_WORKLOAD',
        `workload.${key} is \`${said}\`, but the SVID is \`${id.uri}\``,
        { hint: 'remove the key to take it from the SVID, or use the certificate of this workload' },
      );
  }
  const namespace = workload.namespace ?? id.namespace;
  if (namespace === null)
    throw new SallyportError(
      'ERR_CONFIG_WORKLOAD',
      `the SVID \`${id.uri}\` names no namespace, and workload.namespace is not set`,
      { hint: 'set workload.namespace: it decides which policies apply' },
    );
  return {
    namespace,
    serviceAccount: workload.serviceAccount ?? id.serviceAccount,
    labels: workload.labels,
  };
}

function trustFaults({ identity, policy }: Config): ConfigFault[] {
  const { trustDomain, files } = identity;
  const faults: ConfigFault[] = [];
  if (!Object.hasOwn(files.bundles, trustDomain))
    faults.push({
      path: ['identity', 'files', 'bundles'],
      message: `\`identity.files.bundles\` has no bundle for the own trust domain \`${trustDomain}\``,
      hint: `add \`${trustDomain}: ca.pem\``,
    });
  for (const domain of Object.keys(files.crls))
    if (!Object.hasOwn(files.bundles, domain))
      faults.push({
        path: ['identity', 'files', 'crls', domain],
        message: `\`${domain}\` has a CRL but no bundle`,
        hint: 'add its bundle to identity.files.bundles, or remove the CRL',
      });
  // A foreign CA could otherwise issue what policies read as one of our own identities.
  const impersonates = (domain: string): boolean =>
    domain !== trustDomain && Object.hasOwn(files.bundles, domain);
  for (const [index, alias] of policy.trustDomainAliases.entries())
    if (impersonates(alias))
      faults.push({
        path: ['policy', 'trustDomainAliases', index],
        message: `\`${alias}\` stands for the own trust domain and has a bundle of its own: its CA could impersonate every workload here`,
        hint: 'remove the alias, or the bundle',
      });
  if (impersonates('cluster.local'))
    faults.push({
      path: ['identity', 'files', 'bundles', 'cluster.local'],
      message: '`cluster.local` in a policy stands for the own trust domain, so it may not have a bundle',
      hint: 'give that trust domain another name, or remove its bundle',
    });
  return faults;
}

function listenerFaults({ listeners }: Config): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const names = new Map<string, number>();
  for (const [index, { name, upstream }] of listeners.entries()) {
    const first = names.get(name);
    if (first !== undefined)
      faults.push({
        path: ['listeners', index, 'name'],
        message: `the name \`${name}\` is taken by listeners[${first}]`,
        hint: 'logs and metrics tell listeners apart by name',
      });
    else names.set(name, index);
    const own = listeners.find((l) => l.address.port !== 0 && reaches(upstream.address, l.address));
    if (own !== undefined)
      faults.push({
        path: ['listeners', index, 'upstream'],
        message: `the upstream \`${formatAddress(upstream.address)}\` is the listener \`${own.name}\`: requests would go in circles`,
        hint: 'name the address of the application',
      });
  }
  return faults;
}

function addressFaults({ listeners, status, admin }: Config): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (!isLoopback(admin.address.host))
    faults.push({
      path: ['admin', 'address'],
      message: `\`admin.address\` is \`${formatAddress(admin.address)}\`, which other machines may reach`,
      hint: `write \`127.0.0.1:${admin.address.port}\`; probes and Prometheus use \`status.address\``,
    });
  const taken: { path: PropertyKey[]; address: Address; what: string }[] = [];
  const all = [
    ...listeners.map((l, i) => ({
      path: ['listeners', i, 'address'],
      address: l.address,
      what: `\`${l.name}\``,
    })),
    { path: ['status', 'address'], address: status.address, what: '`status`' },
    { path: ['admin', 'address'], address: admin.address, what: '`admin`' },
  ];
  for (const one of all) {
    const other = taken.find(({ address }) => overlap(address, one.address));
    if (other !== undefined)
      faults.push({
        path: one.path,
        message: `\`${formatAddress(one.address)}\` is taken by ${other.what}`,
        hint: 'give each its own port',
      });
    taken.push(one);
  }
  return faults;
}

// What the proxy itself writes on a line; a fixed field of the same name would hide it.
const LOG_KEYS = new Set(
  (
    'time level msg err listener direction verdict enforced reason rules policyHash requestId connectionId ' +
    'source destination sni http jwt grpc durationUs decisionUs bytesIn bytesOut trace count'
  ).split(' '),
);

function logFaults({ log }: Config): ConfigFault[] {
  return Object.keys(log.fields)
    .filter((key) => LOG_KEYS.has(key))
    .map((key) => ({
      path: ['log', 'fields', key],
      message: `\`${key}\` is a field that the log has already`,
      hint: 'choose another name',
    }));
}

/** True when both cannot be listened on at once. */
function overlap(a: Address, b: Address): boolean {
  return a.port === b.port && a.port !== 0 && (sameHost(a, b) || covers(a, b) || covers(b, a));
}

/** True when `any` is every interface of the other's family; `::` takes IPv4 too. */
function covers(any: Address, other: Address): boolean {
  const [all, one] = [parseIp(any.host), parseIp(other.host)];
  if (all === null || all.some((byte) => byte !== 0)) return false;
  return all.length === 16 || one?.length !== 16;
}

/** True when a connection to `target` ends at `listener`. */
function reaches(target: Address, listener: Address): boolean {
  if (target.port !== listener.port) return false;
  if (target.host === 'localhost') return isLoopback(listener.host) || covers(listener, listener);
  return sameHost(target, listener) || (isLoopback(target.host) && covers(listener, target));
}

function sameHost(a: Address, b: Address): boolean {
  const [x, y] = [parseIp(a.host), parseIp(b.host)];
  return x === null || y === null ? a.host === b.host : Buffer.from(x).equals(y);
}

function mapValues(
  of: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]));
}
