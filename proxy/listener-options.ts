// From the configuration of a listener to what the data path reads.
import type { ListenerConfig } from '../core/config/config.ts';
import type { ChunkedOptions } from './http1/chunked.ts';
import type { HttpListenerOptions } from './listener-context.ts';

/** Its limits and times. */
export function listenerOptions(config: ListenerConfig, chunked: ChunkedOptions): HttpListenerOptions {
  const { timeouts, limits, probes } = config;
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
    streamsMax: limits.streams,
    probes: probes.length === 0 ? null : new Set(probes.map((name) => `/${name}`)),
    forwarded: config.protocol === 'http-proxy' ? 'none' : config.forwarded,
  };
}
