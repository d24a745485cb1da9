// Where the request in flight on a connection goes, and what its record says of that.
import assert from 'node:assert/strict';
import type { Reason } from '../../core/reasons.ts';
import type { Judge } from '../decide.ts';
import type { UpstreamPool } from '../forward/pool.ts';
import type { Upstreams } from '../forward/upstreams.ts';
import type { Peer } from '../peer.ts';
import type { RequestHead } from './head.ts';
import type { RequestState } from './request-state.ts';

export class Route {
  private readonly upstreams: Upstreams;
  private chosen: UpstreamPool | null = null;

  constructor(upstreams: Upstreams) {
    this.upstreams = upstreams;
  }

  get pool(): UpstreamPool {
    assert(this.chosen !== null); // a request is routed before it is decided about
    return this.chosen;
  }

  /** Routes the request of `head`; the reason when it goes nowhere. */
  take(head: RequestHead, of: { request: RequestState; peer: Peer; judge: Judge }): Reason | null {
    const { upstreams } = this;
    const chosen = upstreams.choose(head);
    if (typeof chosen === 'string') {
      of.request.destination = upstreams.destination(head);
      return chosen;
    }
    this.chosen = chosen;
    if (upstreams.fixed) return null;
    of.request.destination = chosen.options;
    // Policies see the port of this request; what they say of the connection is worked out anew.
    if (of.peer.facts.destinationPort !== chosen.options.port) {
      of.peer.facts.destinationPort = chosen.options.port;
      of.judge.forget();
    }
    return null;
  }
}
