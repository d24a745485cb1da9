// The issuer's configuration as the rest of the program reads it. Keys are named as in the file; durations
// are milliseconds, paths are absolute.
import { dirname, join, resolve } from 'node:path';
import type { ConfigFault } from '../config/config-fault.ts';
import {
  clusterLocalFault,
  type FederationConfig,
  federationFaults,
  resolveFederation,
} from '../config/federation.ts';
import type { ValueOf } from '../config/fields.ts';
import { type Address, formatAddress, isLoopback } from '../config/values.ts';
import { parseSpiffeId } from '../spiffe-id.ts';
import type { issuerSchema } from './schema.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Everything that drives `sallyport certs serve`. */
export type IssuerConfig = Omit<DeepReadonly<ValueOf<typeof issuerSchema>>, 'federation'> & {
  readonly federation: readonly FederationConfig[];
  /** Absolute path of the file that it was read from. */
  readonly file: string;
};

/** Who is served on `<socketsDirectory>/<socket>/api.sock` of this machine. */
export type WorkloadConfig = IssuerConfig['workloads'][number];

/** How service account tokens are reviewed. */
export type KubernetesConfig = NonNullable<IssuerConfig['kubernetes']>;

/** How often and how many at a time. */
export type IssuerLimits = IssuerConfig['limits'];

/** The name of the socket in the state folder on which the issuer is administered. */
export const ADMIN_SOCKET = 'admin.sock';

/** The folder in the state folder for the last good documents of bundle endpoints. */
export const FEDERATION_FOLDER = 'federation';

/** Makes paths absolute, from the file's folder on. */
export function resolveIssuerConfig(
  parsed: DeepReadonly<ValueOf<typeof issuerSchema>>,
  file: string,
): IssuerConfig {
  const folder = dirname(resolve(file));
  const absolute = (path: string): string => resolve(folder, path);
  const { kubernetes, bundleEndpoint } = parsed;
  return {
    ...parsed,
    file: resolve(file),
    state: absolute(parsed.state),
    secretFile: absolute(parsed.secretFile),
    socketsDirectory: absolute(parsed.socketsDirectory),
    federation: parsed.federation.map((one) => {
      const cache = join(parsed.state, FEDERATION_FOLDER, `${one.trustDomain}.json`);
      return resolveFederation({ ...one, cache: one.endpoint === undefined ? null : cache }, absolute);
    }),
    ...(kubernetes && {
      kubernetes: {
        ...kubernetes,
        caFile: absolute(kubernetes.caFile),
        tokenFile: absolute(kubernetes.tokenFile),
      },
    }),
    ...(bundleEndpoint && {
      bundleEndpoint: {
        ...bundleEndpoint,
        certificate: absolute(bundleEndpoint.certificate),
        key: absolute(bundleEndpoint.key),
      },
    }),
  };
}

// Linux sun_path is 108 bytes with its final zero.
const SOCKET_PATH_BYTES_MAX = 107;

/** Everything in which the keys contradict each other. */
export function issuerFaults(config: IssuerConfig): ConfigFault[] {
  return [
    ...lifetimeFaults(config),
    ...workloadFaults(config),
    ...placeFaults(config),
    ...foreignFaults(config),
  ];
}

function lifetimeFaults({ svid, ca, joinTokens }: IssuerConfig): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (ca.ttl < 3 * ca.overlap)
    faults.push({
      path: ['ca', 'ttl'],
      message:
        '`ca.ttl` is less than three times `ca.overlap`: the next CA certificate could not be published in time',
      hint: 'raise `ca.ttl`, or lower `ca.overlap`',
    });
  if (ca.ttl < 6 * svid.ttl)
    faults.push({
      path: ['ca', 'ttl'],
      message: '`ca.ttl` is less than six times `svid.ttl`: a CA certificate signs nothing that outlives it',
      hint: 'raise `ca.ttl`, or lower `svid.ttl`',
    });
  if (joinTokens.ttl > joinTokens.ttlMax)
    faults.push({
      path: ['joinTokens', 'ttl'],
      message: '`joinTokens.ttl` is longer than `joinTokens.ttlMax`',
      hint: 'raise `ttlMax`, or lower `ttl`',
    });
  return faults;
}

function workloadFaults({ trustDomain, workloads, socketsDirectory }: IssuerConfig): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const sockets = new Set<string>();
  const pathOf = (socket: string): string => join(socketsDirectory, socket, 'api.sock');
  for (const [index, { id, socket }] of workloads.entries()) {
    const fault = (key: string, message: string, hint: string): void => {
      faults.push({ path: ['workloads', index, key], message, hint });
    };
    const own = parseSpiffeId(id);
    if (own.trustDomain !== trustDomain)
      fault('id', `\`${id}\` is not of trust domain \`${trustDomain}\``, 'an issuer issues IDs of its own');
    if (own.path.startsWith('/sallyport/'))
      fault('id', `\`${id}\` is kept for sallyport itself`, 'choose a path that does not start like that');
    if (sockets.has(socket))
      fault('socket', `\`${socket}\` is taken by another workload`, 'each workload has a socket of its own');
    sockets.add(socket);
    if (Buffer.byteLength(pathOf(socket)) > SOCKET_PATH_BYTES_MAX)
      fault(
        'socket',
        `\`${pathOf(socket)}\` is longer than ${SOCKET_PATH_BYTES_MAX} bytes`,
        'Linux allows no longer path of a socket: choose a shorter `socketsDirectory`',
      );
  }
  return faults;
}

function foreignFaults({ federation, trustDomain }: IssuerConfig): ConfigFault[] {
  const path = ['federation'];
  const ways = ['file', 'endpoint'] as const;
  const faults = federationFaults(federation, { path, own: trustDomain, taken: [], ways });
  const cluster = federation.findIndex((one) => one.trustDomain === CLUSTER_LOCAL);
  if (cluster >= 0 && trustDomain !== CLUSTER_LOCAL)
    faults.push(clusterLocalFault([...path, cluster, 'trustDomain']));
  return faults;
}

const CLUSTER_LOCAL = 'cluster.local';

function placeFaults({ state, listen, status, bundleEndpoint }: IssuerConfig): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (Buffer.byteLength(join(state, ADMIN_SOCKET)) > SOCKET_PATH_BYTES_MAX)
    faults.push({
      path: ['state'],
      message: `\`${join(state, ADMIN_SOCKET)}\` is longer than ${SOCKET_PATH_BYTES_MAX} bytes`,
      hint: 'Linux allows no longer path of a socket: choose a shorter folder',
    });
  const places: { path: string; address: Address }[] = [
    { path: 'listen', address: listen.address },
    { path: 'status', address: status.address },
    ...(bundleEndpoint ? [{ path: 'bundleEndpoint', address: bundleEndpoint.address }] : []),
  ];
  for (const [index, { path, address }] of places.entries())
    if (places.slice(0, index).some((other) => overlap(other.address, address)))
      faults.push({
        path: [path, 'address'],
        message: `\`${formatAddress(address)}\` is taken by another address of this file`,
        hint: 'give each its own port',
      });
  return faults;
}

const ANY = new Set(['0.0.0.0', '::']);

/** True when both cannot be bound at once. */
function overlap(one: Address, other: Address): boolean {
  if (one.port === 0 || one.port !== other.port) return false;
  const same = one.host === other.host || (isLoopback(one.host) && isLoopback(other.host));
  return same || ANY.has(one.host) || ANY.has(other.host);
}
