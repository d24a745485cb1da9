// The connection guard: after a swap of policies or bundles everything live is judged again, and only what is
// now denied or untrusted is ended (ztunnel's connection guard).
import type { Clock } from '../core/clock.ts';
import type { CallerConnection, LiveRequest } from './caller-connection.ts';
import { SlicedWalk } from './sliced-walk.ts';
import type { OwnIdentity } from './tls/own-identity.ts';

export interface GuardOptions {
  readonly clock: Clock;
  readonly revokeGraceMs: number;
  readonly connections: () => Iterable<CallerConnection>;
  /** Told of a request that could not be judged again. */
  readonly defect: (error: unknown) => void;
}

export class Guard {
  private readonly options: GuardOptions;
  private readonly requests: SlicedWalk<CallerConnection>;
  private readonly peers: SlicedWalk<CallerConnection>;
  private identity: OwnIdentity | null = null;

  constructor(options: GuardOptions) {
    this.options = options;
    const { clock, connections } = options;
    this.requests = new SlicedWalk(clock, connections, (c) => this.rejudge(c));
    this.peers = new SlicedWalk(clock, connections, (c) => {
      if (this.identity !== null) c.reverify(this.identity);
    });
  }

  /** The rule table or the mode changed: judges every request in flight and every tunnel again. */
  policyChanged(): void {
    this.requests.start();
  }

  /** Bundles or CRLs changed: verifies every live peer again. */
  identityChanged(identity: OwnIdentity): void {
    this.identity = identity;
    this.peers.start();
  }

  close(): void {
    this.requests.close();
    this.peers.close();
  }

  private rejudge(connection: CallerConnection): void {
    try {
      connection.rejudge((request) => this.revoke(request));
    } catch (error) {
      this.options.defect(error);
      connection.destroy(); // what cannot be judged does not go on
    }
  }

  private revoke(live: LiveRequest): void {
    if (this.options.revokeGraceMs === 0) return live.revoke();
    const { requestId } = live.request;
    this.options.clock.after(this.options.revokeGraceMs, () => {
      // The same request, and still denied by the table that is in force when the grace ends.
      if (live.request.requestId === requestId) live.rejudge(() => live.revoke());
    });
  }
}
