// The rules between the keys of the configuration: what each key allows alone, and all of them together must
// not say.

import { parseIp } from '../ip.ts';
import type { Config, ListenerConfig } from './config.ts';
import type { ConfigFault } from './config-fault.ts';
import { identityFaults } from './identity-faults.ts';
import { type Address, formatAddress, isLoopback } from './values.ts';

/** Everything in which the keys contradict each other. */
export function configFaults(config: Config): ConfigFault[] {
  return [
    ...identityFaults(config),
    ...listenerFaults(config),
    ...addressFaults(config),
    ...logFaults(config),
  ];
}

function listenerFaults({ listeners }: Config): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const names = new Map<string, number>();
  for (const [index, listener] of listeners.entries()) {
    const { name, upstream } = listener;
    faults.push(...directionFaults(listener, index));
    const first = names.get(name);
    if (first !== undefined)
      faults.push({
        path: ['listeners', index, 'name'],
        message: `the name \`${name}\` is taken by listeners[${first}]`,
        hint: 'logs and metrics tell listeners apart by name',
      });
    else names.set(name, index);
    const own =
      upstream === null
        ? undefined
        : listeners.find((l) => l.address.port !== 0 && reaches(upstream.address, l.address));
    if (own !== undefined && upstream !== null)
      faults.push({
        path: ['listeners', index, 'upstream'],
        message: `the upstream \`${formatAddress(upstream.address)}\` is the listener \`${own.name}\`: requests would go in circles`,
        hint: 'name the address of the application',
      });
  }
  return faults;
}

type Tell = (key: string, message: string, hint: string) => void;

function directionFaults(listener: ListenerConfig, index: number): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const fault: Tell = (key, message, hint) => {
    faults.push({ path: ['listeners', index, key], message, hint });
  };
  if (listener.protocol === 'http-proxy') egressFaults(listener, fault);
  else upstreamFaults(listener, fault);
  if (listener.direction === 'outbound') outboundFaults(listener, fault);
  return faults;
}

/** What an upstream needs. */
function upstreamFaults(
  { name, direction, upstream, destinations, dnsServers, probes }: ListenerConfig,
  fault: Tell,
): void {
  if (upstream === null)
    return fault(
      'name',
      `listener \`${name}\` has no \`upstream\``,
      'add `upstream: 127.0.0.1:8080`, the address of the application',
    );
  if (upstream.tls === 'mutual' && upstream.peers.length === 0)
    fault(
      'upstream',
      `the upstream of \`${name}\` has \`tls: mutual\` and no \`peers\`: whoever has a certificate could be it`,
      'add `peers: ["spiffe://example.org/ns/shop/sa/cart"]`',
    );
  if (upstream.tls === 'off' && upstream.peers.length > 0)
    fault(
      'upstream',
      `the upstream of \`${name}\` has \`peers\`, which plaintext cannot show`,
      'add `tls: mutual`, or remove `peers`',
    );
  if (upstream.tls === 'mutual' && upstream.proxyProtocol !== 'off')
    fault(
      'upstream',
      `the upstream of \`${name}\` has \`proxyProtocol: ${upstream.proxyProtocol}\` and \`tls: mutual\`: the header stands before TLS, where anybody on the way can change it`,
      'remove `proxyProtocol`: the certificate says who calls; or `tls`, for an application beside this proxy',
    );
  const http2 = upstream.protocol !== 'http1';
  if (http2 && (upstream.protocol === 'h2') !== (upstream.tls === 'mutual'))
    fault(
      'upstream',
      `the upstream of \`${name}\` has \`protocol: ${upstream.protocol}\` and \`tls: ${upstream.tls}\``,
      '`h2c` is HTTP/2 in plaintext, `h2` is HTTP/2 over `tls: mutual`',
    );
  if (http2 && upstream.proxyProtocol !== 'off')
    fault(
      'upstream',
      `the upstream of \`${name}\` has \`proxyProtocol\` and HTTP/2, whose connections are shared by callers`,
      'remove `proxyProtocol`: each request says who calls in x-forwarded-client-cert; or use `protocol: http1`',
    );
  if (!http2 && probes.length > 0)
    fault(
      'probes',
      `\`probes\` of \`${name}\` are calls of gRPC, and its upstream speaks HTTP/1.1`,
      'add `protocol: h2c` to the upstream, or remove `probes`',
    );
  if (direction === 'outbound' && upstream.tls === 'off')
    fault(
      'upstream',
      `the outbound listener \`${name}\` would send plaintext`,
      'add `tls: mutual` and `peers`, the SPIFFE IDs that the upstream may have',
    );
  for (const [key, list] of [
    ['destinations', destinations],
    ['dnsServers', dnsServers],
  ] as const)
    if (list.length > 0)
      fault(key, `\`${key}\` of \`${name}\` needs \`protocol: http-proxy\``, `add it, or remove \`${key}\``);
}

/** What a listener for requests that name their destination needs. */
function egressFaults({ name, direction, upstream, destinations }: ListenerConfig, fault: Tell): void {
  if (direction === 'inbound')
    fault(
      'protocol',
      `\`${name}\` has \`protocol: http-proxy\` and is an inbound listener: whoever reaches it could go on from here`,
      'add `direction: outbound`',
    );
  if (upstream !== null)
    fault(
      'upstream',
      `\`${name}\` has an \`upstream\`, but its requests name where they go`,
      'write `destinations` instead',
    );
  if (destinations.length === 0)
    fault(
      'protocol',
      `\`${name}\` has no \`destinations\`, so it could reach nothing`,
      'add `destinations: [{ host: api.example.com }]`',
    );
  for (const { host, tls, ca } of destinations)
    if (tls === 'tunnel' && ca !== null)
      fault(
        'destinations',
        `\`ca\` of \`${host}\`: with \`tls: tunnel\` the caller verifies the server`,
        'remove `ca`, or write `tls: originate`',
      );
}

/** What an outbound listener must not do. */
function outboundFaults({ name, mtls, address, probes }: ListenerConfig, fault: Tell): void {
  if (probes.length > 0)
    fault(
      'probes',
      `\`probes\` of the outbound listener \`${name}\`: what this workload asks of others is for rules to allow`,
      'write it on the listener before the application that is probed, or remove it',
    );
  if (mtls === 'permissive' || mtls === 'server-tls')
    fault(
      'mtls',
      `\`mtls: ${mtls}\` on the outbound listener \`${name}\`: callers without identity would get that of this workload`,
      'write `off` for the application beside this proxy, or `strict` for callers with SVIDs of their own',
    );
  if (mtls === 'off' && !isLoopback(address.host))
    fault(
      'address',
      `the outbound listener \`${name}\` gives this workload’s identity to everybody who reaches \`${formatAddress(address)}\``,
      `write \`127.0.0.1:${address.port}\`, or \`mtls: strict\``,
    );
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
