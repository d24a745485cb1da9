// The decide phase: asks the rule table about one request and mints the Permit without which nothing is
// forwarded.
import { evaluate } from '../policy/evaluate.ts';
import type { ConnectionFacts, Decision, RequestFacts } from '../policy/request.ts';
import { type Residual, residualFor } from '../policy/residual.ts';
import type { PolicySource, PolicyState } from '../policy/source.ts';

/** What the policy side of the process currently says; the mode can change without a new policy. */
export interface Enforcement {
  readonly source: PolicySource;
  mode: 'enforce' | 'audit';
}

const minting = Symbol('minting');

/**
 * The right to forward one request. Only `Judge.decide` makes a valid one; `revision` is what it was minted
 * under.
 */
export class Permit {
  private revision: PolicyState | null = null;
  private mode: Enforcement['mode'] = 'enforce';

  /** True while the rule table and the mode are still those that allowed the request. */
  heldUnder(state: PolicyState, mode: Enforcement['mode']): boolean {
    return this.revision === state && this.mode === mode;
  }

  [minting](state: PolicyState | null, mode: Enforcement['mode']): void {
    this.revision = state;
    this.mode = mode;
  }
}

/**
 * Whether a deny of this reason is a policy's, which audit mode lets through; everything else always denies.
 */
function isPolicyVerdict(decision: Decision): boolean {
  return decision.reason === 'default-deny' || decision.reason === 'deny-rule';
}

function allowedProbe(decision: Decision): Decision {
  const dryRun = decision.dryRun?.reason === 'deny-rule' ? decision.dryRun : null;
  return { ...decision, verdict: 'allow', reason: 'allow-probe', dryRun };
}

/** Decides the requests of one connection; keeps what the connection fixes as its residual rules. */
export class Judge {
  /** The last decision; `deny` although a permit was minted means audit mode. */
  decision: Decision | null = null;
  /** The state that made the last decision. */
  state: PolicyState | null = null;
  private readonly enforcement: Enforcement;
  private readonly facts: ConnectionFacts;
  private readonly isProbe: (() => boolean) | null;
  private readonly permit = new Permit();
  private residual: Residual | null = null;
  private residualState: PolicyState | null = null;

  /** `isProbe`: whether the request is a health check that needs no rule; null = none is. */
  constructor(enforcement: Enforcement, facts: ConnectionFacts, isProbe: (() => boolean) | null = null) {
    this.enforcement = enforcement;
    this.facts = facts;
    this.isProbe = isProbe;
  }

  /**
   * The permit for `request` at `nowMs` (Unix), or null when it is denied; `decision` says why either way.
   */
  decide(request: RequestFacts, nowMs: number): Permit | null {
    const state = this.enforcement.source.current();
    const mode = this.enforcement.mode;
    this.state = state;
    this.decision = null;
    this.permit[minting](null, mode);
    // The source swaps the state when a rule expires; a late timer must not keep the rule alive.
    if (this.residual === null || this.residualState !== state || nowMs >= this.residual.validUntilMs) {
      this.residual = residualFor(state.table, this.facts, nowMs);
      this.residualState = state;
    }
    let decision = evaluate(this.residual, request);
    // SAFETY: in place of a missing ALLOW rule and of nothing else: a DENY rule, and no or invalid policies,
    // deny health checks too.
    if (this.isProbe !== null && decision.reason === 'default-deny' && this.isProbe())
      decision = allowedProbe(decision);
    this.decision = decision;
    if (decision.verdict === 'deny' && !(mode === 'audit' && isPolicyVerdict(decision))) return null;
    this.permit[minting](state, mode);
    return this.permit;
  }

  /** What the connection fixes has changed. */
  forget(): void {
    this.residual = null;
  }

  /** True when a swap happened since `permit` was minted. */
  moved(permit: Permit): boolean {
    return !permit.heldUnder(this.enforcement.source.current(), this.enforcement.mode);
  }
}
