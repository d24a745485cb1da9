// What sinks know of a listener: its name, and whom its callers call.
import type { ListenerConfig, UpstreamConfig } from '../core/config/config.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import type { Workload } from '../policy/model.ts';
import type { ListenerRef, WorkloadName } from './record/record.ts';

/** The listener at `index`, before the workload `own`. */
export function listenerRef(config: ListenerConfig, index: number, own: Workload): ListenerRef {
  const { name, direction, port, mtls } = config;
  const destination =
    direction === 'inbound'
      ? { name: own.serviceAccount ?? '', namespace: own.namespace }
      : peerName(config.upstream);
  return { index, name, direction, destination, destinationPort: port, mtls };
}

/** The workload that an upstream is, where its expected ID says so; else its host. */
function peerName(upstream: UpstreamConfig | null): WorkloadName {
  if (upstream === null) return { name: '', namespace: '' }; // each request names its own
  const { address, peers } = upstream;
  const [id, ...others] = peers;
  if (id === undefined || others.length > 0 || id.endsWith('*')) return { name: address.host, namespace: '' };
  const { serviceAccount, namespace } = parseSpiffeId(id);
  return { name: serviceAccount ?? address.host, namespace: namespace ?? '' };
}
