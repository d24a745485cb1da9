// The configuration as the rest of the program reads it. Keys are named as in the file; durations are
// milliseconds, sizes bytes, `none` is Infinity, paths are absolute.
import { dirname, resolve } from 'node:path';
import { SallyportError } from '../errors.ts';
import type { SpiffeId } from '../spiffe-id.ts';
import { resolveFederation } from './federation.ts';
import type { ValueOf } from './fields.ts';
import type { configSchema } from './schema.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The file as the schema leaves it: values converted, defaults applied, paths still as written. */
export type ParsedConfig = DeepReadonly<ValueOf<typeof configSchema>>;

/** One listener; `limits.headBytes` is a number of bytes, `timeouts.head` of milliseconds. */
export type ListenerConfig = Omit<ParsedListener, 'port' | 'mtls' | 'upstream'> & {
  /** Null with `protocol: http-proxy`. */
  readonly upstream: UpstreamConfig | null;
  /** The destination port that policies see. */
  readonly port: number;
  readonly mtls: NonNullable<ParsedListener['mtls']>;
};

/** The application, or the peer of an outbound listener. */
export type UpstreamConfig = NonNullable<ParsedListener['upstream']>;

/** One place that an egress proxy may reach. `ca` is a path. */
export type DestinationConfig = ParsedListener['destinations'][number];

/** Where spans go, and which requests have one. */
export type TracingConfig = NonNullable<ParsedConfig['tracing']>;

type ParsedListener = ParsedConfig['listeners'][number];

/** Everything that drives the proxy. Plain data: it may be cloned to another thread or process. */
export type Config = Omit<ParsedConfig, 'listeners'> & {
  /** Absolute path of the file that it was read from. */
  readonly file: string;
  readonly listeners: readonly ListenerConfig[];
};

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
  const { tracing } = parsed;
  return {
    ...parsed,
    ...(tracing && { tracing: { ...tracing, ca: tracing.ca === null ? null : absolute(tracing.ca) } }),
    file: resolve(file),
    identity: resolveIdentity(parsed.identity, absolute),
    listeners: parsed.listeners.map((l) => ({
      ...l,
      upstream: l.upstream ?? null,
      destinations: l.destinations.map((d) => ({ ...d, ca: d.ca === null ? null : absolute(d.ca) })),
      port: l.port ?? l.upstream?.address.port ?? l.address.port,
      mtls: l.mtls ?? (l.direction === 'outbound' ? 'off' : 'strict'),
    })),
    policy: { ...parsed.policy, files: parsed.policy.files.map(absolute) },
    flows: { ...parsed.flows, file: parsed.flows.file === null ? null : absolute(parsed.flows.file) },
  };
}

function resolveIdentity(
  parsed: ParsedConfig['identity'],
  absolute: (path: string) => string,
): ParsedConfig['identity'] {
  const { files, issuer, federation, crls } = parsed;
  const orNone = (path: string | null): string | null => (path === null ? null : absolute(path));
  return {
    ...parsed,
    ...(files && {
      files: {
        certificate: absolute(files.certificate),
        key: absolute(files.key),
        bundles: mapValues(files.bundles, absolute),
        crls: mapValues(files.crls, absolute),
      },
    }),
    ...(issuer && {
      issuer: {
        ...issuer,
        state: absolute(issuer.state),
        joinTokenFile: orNone(issuer.joinTokenFile),
        serviceAccountTokenFile: orNone(issuer.serviceAccountTokenFile),
        bundle: orNone(issuer.bundle),
      },
    }),
    federation: federation.map((one) => resolveFederation(one, absolute)),
    crls: mapValues(crls, absolute),
  };
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

function mapValues(
  of: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]));
}
