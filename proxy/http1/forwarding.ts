// What the application is told about the requests of one connection: the head as it was judged, with our own fields.
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import { type ForwardOptions, forwardHead } from './forward-head.ts';
import type { RequestHead } from './head.ts';
import type { RequestState } from './request-state.ts';

export class Forwarding {
  // PERF: one object for all requests of a connection.
  private readonly options: { -readonly [K in keyof ForwardOptions]: ForwardOptions[K] };

  constructor(context: HttpListenerContext, peer: Peer) {
    const { host, port } = context.pool.options;
    this.options = {
      forwarded: context.options.forwarded,
      authority: `${host}:${port}`,
      clientCert: peer.forwardedClientCert,
      requestId: null,
      traceparent: null,
      sourceIp: peer.record.sourceIp,
      proto: peer.scheme,
    };
  }

  /** The head to write to the application. */
  head(head: RequestHead, request: RequestState): string {
    this.options.requestId = request.requestId;
    this.options.traceparent = request.traceparentKept ? null : request.traceparent;
    return forwardHead(head, this.options);
  }
}
