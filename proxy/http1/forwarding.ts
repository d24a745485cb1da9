// What the application is told about the requests of one connection: the head as it was judged, with our own
// fields.
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import {
  type ForwardedIds,
  type ForwardOptions,
  forwardedValues,
  forwardHead,
  sanitizedLines,
} from './forward-head.ts';
import type { RequestHead } from './head.ts';
import type { HeadWriter } from './head-writer.ts';
import { canonicalHost } from './host.ts';

export class Forwarding {
  // PERF: one object for all requests of a connection.
  private readonly options: ForwardOptions;
  /** The host of an HTTP/1.0 request that names none, as policies see it. */
  private readonly ownHost: string;

  constructor(context: HttpListenerContext, peer: Peer, ids: ForwardedIds) {
    const { authority } = context.upstreams;
    const { forwarded } = context.options;
    this.ownHost = canonicalHost(authority, 0, authority.length) ?? '';
    const own = {
      forwarded,
      clientCert: forwarded === 'none' ? null : peer.forwardedClientCert,
      clientIp: peer.client.source.ip,
      proto: peer.scheme,
    };
    this.options = {
      ...own,
      authority,
      ids,
      sanitized: sanitizedLines(own),
    };
  }

  /** Writes the head for the application. */
  write(writer: HeadWriter, head: RequestHead): void {
    forwardHead(writer, head, this.options);
  }

  /** The values of a field as the application gets them: what policies judge and the log shows. */
  values(head: RequestHead, name: string): readonly string[] | undefined {
    return forwardedValues(head, this.options, name);
  }

  /** The host as the application gets it, in the form that policies compare. */
  host(head: RequestHead): string {
    return head.host === '' && head.minor === 0 && head.path !== '' ? this.ownHost : head.host;
  }
}
