// Where the request in flight on a connection goes, and what its record says of that.
import assert from 'node:assert/strict';
import type { Reason } from '../../core/reasons.ts';
import type { Judge } from '../decide.ts';
import type { CallerLane } from '../forward/caller-lane.ts';
import type { Lane } from '../forward/lane.ts';
import type { LinkPool } from '../forward/upstream-link.ts';
import type { Upstreams } from '../forward/upstreams.ts';
import type { Peer } from '../peer.ts';
import type { RequestHead } from './head.ts';
import type { RequestState } from './request-state.ts';

export class Route {
  private readonly upstreams: Upstreams;
  /** Null where callers share connections to the application. */
  private readonly ownLane: CallerLane | null;
  private chosen: LinkPool | null = null;
  private chosenLane: Lane | null = null;

  constructor(upstreams: Upstreams, ownLane: CallerLane | null) {
    this.upstreams = upstreams;
    this.ownLane = ownLane;
  }

  get pool(): LinkPool {
    assert(this.chosen !== null); // a request is routed before it is decided about
    return this.chosen;
  }

  /** The connections of the pool that the request may use. */
  get lane(): Lane {
    assert(this.chosenLane !== null);
    return this.chosenLane;
  }

  /** Routes the request of `head`; the reason when it goes nowhere. */
  take(head: RequestHead, of: { request: RequestState; peer: Peer; judge: Judge }): Reason | null {
    const { upstreams } = this;
    const chosen = upstreams.choose(head);
    if (typeof chosen === 'string') {
      of.request.destination = upstreams.destination(head);
      return chosen;
    }
    // RFC 9113 section 8.6: HTTP/2 has no Upgrade.
    if (chosen.framed && head.upgrade !== '') return 'bad-upgrade';
    this.chosen = chosen;
    this.chosenLane = this.ownLane?.of(of.request.remoteIp) ?? chosen.shared;
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
