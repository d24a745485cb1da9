// What the application is told about the requests of one connection: the head as it was judged, with our own
// fields.
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import { type ForwardOptions, forwardedValues, forwardHead } from './forward-head.ts';
import type { RequestHead } from './head.ts';
import { canonicalHost } from './host.ts';
import type { RequestState } from './request-state.ts';

export class Forwarding {
  // PERF: one object for all requests of a connection.
  private readonly options: { -readonly [K in keyof ForwardOptions]: ForwardOptions[K] };
  /** The host of an HTTP/1.0 request that names none, as policies see it. */
  private readonly ownHost: string;

  constructor(context: HttpListenerContext, peer: Peer) {
    const { host, port } = context.pool.options;
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.ownHost = canonicalHost(authority, 0, authority.length) ?? '';
    this.options = {
      forwarded: context.options.forwarded,
      authority,
      clientCert: peer.forwardedClientCert,
      requestId: null,
      traceparent: null,
      sourceIp: peer.record.sourceIp,
      proto: peer.scheme,
    };
  }

  /** The head to write to the application. */
  head(head: RequestHead, request: RequestState): string {
    return forwardHead(head, this.for(request));
  }

  /** The values of a field as the application gets them: what policies judge and the log shows. */
  values(head: RequestHead, request: RequestState, name: string): readonly string[] | undefined {
    return forwardedValues(head, this.for(request), name);
  }

  /** The host as the application gets it, in the form that policies compare. */
  host(head: RequestHead): string {
    return head.host === '' && head.minor === 0 && head.path !== '' ? this.ownHost : head.host;
  }

  private for(request: RequestState): ForwardOptions {
    this.options.requestId = request.requestId;
    this.options.traceparent = request.traceparentKept ? null : request.traceparent;
    return this.options;
  }
}
