// What NetworkPolicies let through, as Kubernetes documents them: a pod that none selects is open; for one
// that is selected, some rule of some policy must name the source and the port.
import { ipInCidr, parseCidr, parseIp } from '../../core/ip.ts';
import type { LabelSelector, NetworkPeer, NetworkPolicy } from '../../policy/export/network-policy.ts';

/** Somebody who connects. Namespace null: from outside of the cluster. */
export interface NetworkSource {
  readonly namespace: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
}

export interface NetworkTarget {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number;
}

/** True when the connection is let through. */
export function connects(
  policies: readonly NetworkPolicy[],
  source: NetworkSource,
  target: NetworkTarget,
): boolean {
  const selecting = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === target.namespace && matches(spec.podSelector, target.labels),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ spec }) =>
    spec.ingress.some(
      ({ from, ports }) =>
        ports.some(({ protocol, port }) => protocol === 'TCP' && port === target.port) &&
        (from === undefined || from.some((peer) => isPeer(peer, source))),
    ),
  );
}

function isPeer(peer: NetworkPeer, { namespace, labels, ip }: NetworkSource): boolean {
  if ('ipBlock' in peer) {
    const [block, address] = [parseCidr(peer.ipBlock.cidr), parseIp(ip)];
    return block !== null && address !== null && ipInCidr(address, block);
  }
  if (namespace === null) return false;
  const ofNamespace = { 'kubernetes.io/metadata.name': namespace };
  return matches(peer.namespaceSelector, ofNamespace) && matches(peer.podSelector ?? {}, labels);
}

const matches = ({ matchLabels = {} }: LabelSelector, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(matchLabels).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
