// How long a connection may live: its age, and the identity of its caller, which can expire or be withdrawn
// meanwhile.

import { verifyPeer } from '../../certs/verify-peer.ts';
import type { Reason } from '../../core/reasons.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';

/** `drain`: no further request. `end`: what runs is ended by force. */
export type LifetimeStep = 'live' | 'drain' | 'end';

// A request in flight when its caller's identity is withdrawn may finish within this time: with the second
// that a revocation takes to arrive and the sweeper's, a connection is gone within 5 s.
const WITHDRAWN_DRAIN_MS = 2_500;

export class Lifetime {
  private readonly context: HttpListenerContext;
  private readonly peer: Peer;
  private readonly agedMs: number;
  /** Coarse monotonic milliseconds at which a withdrawn identity's connection ends by force. */
  private forcedMs = Number.POSITIVE_INFINITY;

  constructor(context: HttpListenerContext, peer: Peer) {
    this.context = context;
    this.peer = peer;
    this.agedMs = context.runtime.sweeper.nowMs + context.options.connectionAgeMs;
  }

  /** What the connection has to do now. */
  step(nowMs: number): LifetimeStep {
    if (this.context.runtime.sweeper.wallMs >= this.peer.expiresAtMs)
      this.withdraw('expired-certificate', 'its SVID expired');
    if (nowMs >= this.forcedMs) return 'end';
    const withdrawn = this.forcedMs !== Number.POSITIVE_INFINITY;
    return withdrawn || nowMs >= this.agedMs ? 'drain' : 'live';
  }

  /** Verifies the caller again after bundles or CRLs changed; false when it is no longer accepted. */
  reverify(own: OwnIdentity): boolean {
    if (this.peer.chain.length === 0) return true;
    const { runtime, graceAfterExpiryMs } = this.context;
    const verdict = verifyPeer(own.callers, this.peer.chain, null, {
      nowMs: runtime.clock.now(),
      graceAfterExpiryMs,
    });
    if (!verdict.ok) this.withdraw(verdict.reason, verdict.message);
    return verdict.ok;
  }

  private withdraw(reason: Reason, why: string): void {
    if (this.forcedMs !== Number.POSITIVE_INFINITY) return;
    const { runtime, ref } = this.context;
    this.forcedMs = runtime.sweeper.nowMs + WITHDRAWN_DRAIN_MS;
    runtime.recorder.revoked(ref, reason);
    runtime.notice('identity-withdrawn', `connection ${this.peer.record.id} on listener ${ref.name}: ${why}`);
  }
}
