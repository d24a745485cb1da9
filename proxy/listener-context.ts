// What all connections of one HTTP listener share: its options in milliseconds and bytes, its pool, its
// counters.
import type net from 'node:net';
import type { CallerConnection } from './caller-connection.ts';
import type { Upstreams } from './forward/upstreams.ts';
import type { ExchangeOptions } from './http1/exchange-port.ts';
import type { Exchanges } from './http1/exchanges.ts';
import type { ForwardedMode } from './http1/forward-head.ts';
import type { RequestParserOptions } from './http1/parse-request.ts';
import type { SessionParts } from './http2/session-parts.ts';
import type { ListenerRef } from './record/record.ts';
import type { Runtime } from './runtime.ts';

export interface HttpListenerOptions {
  readonly exchange: ExchangeOptions;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionAgeMs: number;
  readonly requestsInFlightMax: number;
  /** Requests that one HTTP/2 connection may have in flight. */
  readonly streamsMax: number;
  /** Targets of health checks that need no rule; null = none. */
  readonly probes: ReadonlySet<string> | null;
  readonly forwarded: ForwardedMode;
}

export interface HttpListenerContext {
  readonly ref: ListenerRef;
  readonly runtime: Runtime;
  readonly upstreams: Upstreams;
  readonly exchanges: Exchanges;
  readonly options: HttpListenerOptions;
  /** What all its HTTP/2 connections share. */
  readonly http2: SessionParts;
  /** Its set of protected names is replaced when the policies change. */
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  requestsInFlight: number;
  /** `connection` speaks HTTP/2, of which `chunk` are the first bytes; it was taken off `socket`. */
  switchToHttp2(connection: CallerConnection, socket: net.Socket, chunk: Buffer): void;
  /** Called once when a connection is gone. */
  closed(connection: CallerConnection): void;
}
