// What all connections of one HTTP listener share: its options in milliseconds and bytes, its pool, its
// counters.
import type { Upstreams } from './forward/upstreams.ts';
import type { Downstream } from './http1/downstream.ts';
import type { ExchangeOptions } from './http1/exchange-port.ts';
import type { Exchanges } from './http1/exchanges.ts';
import type { ForwardedMode } from './http1/forward-head.ts';
import type { RequestParserOptions } from './http1/parse-request.ts';
import type { ListenerRef } from './record/record.ts';
import type { Runtime } from './runtime.ts';

export interface HttpListenerOptions {
  readonly exchange: ExchangeOptions;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionAgeMs: number;
  readonly requestsInFlightMax: number;
  readonly forwarded: ForwardedMode;
}

export interface HttpListenerContext {
  readonly ref: ListenerRef;
  readonly runtime: Runtime;
  readonly upstreams: Upstreams;
  readonly exchanges: Exchanges;
  readonly options: HttpListenerOptions;
  /** Its set of protected names is replaced when the policies change. */
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  requestsInFlight: number;
  /** Called once when a connection is gone. */
  closed(connection: Downstream): void;
}
