// From the configuration of a listener to what the data path reads.
import type { ListenerConfig, UpstreamConfig } from '../core/config/config.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import type { Workload } from '../policy/model.ts';
import type { ChunkedOptions } from './http1/chunked.ts';
import type { HttpListenerOptions } from './listener-context.ts';
import type { ListenerRef, WorkloadName } from './record/record.ts';

/** The listener as its records show it. */
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

/** Its limits and times. */
export function listenerOptions(config: ListenerConfig, chunked: ChunkedOptions): HttpListenerOptions {
  const { timeouts, limits } = config;
  return {
    exchange: {
      requestTimeoutMs: timeouts.request,
      idleTimeoutMs: timeouts.idle,
      handshakeTimeoutMs: timeouts.handshake,
      bodyBytesMax: limits.bodyBytes,
      chunked,
    },
    headTimeoutMs: timeouts.head,
    idleTimeoutMs: timeouts.idle,
    connectionAgeMs: timeouts.connectionAge,
    requestsInFlightMax: limits.requestsInFlight,
    forwarded: config.protocol === 'http-proxy' ? 'none' : config.forwarded,
  };
}
