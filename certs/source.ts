// Where the own identity and the bundles of others come from: files, the SPIFFE Workload API, the embedded
// issuer, bundle endpoints. One interface for all of them.
import type { Diagnostic } from '../core/errors.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import type { TrustState } from './verify.ts';

/**
 * One consistent, verified set: certificate, key, bundles and CRLs that belong together. Never changed, only
 * replaced.
 */
export interface IdentityState extends TrustState {
  /** Counts up from 1 with every change. */
  readonly generation: number;
  readonly spiffeId: SpiffeId;
  /** Leaf first. */
  readonly certificateChainPem: string;
  /** What handshakes show: the chain, behind a leaf alone its CA; see presentedChain. */
  readonly presentedChainPem: string;
  /** PKCS#8. Never logged. */
  readonly privateKeyPem: string;
  /** Of the own path: latest notBefore, earliest notAfter. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Every anchor of every bundle, PEM: the union that OpenSSL verifies against. */
  readonly trustAnchorsPem: readonly string[];
}

/** A running source of something that changes while it is used. Listeners must not throw. */
export interface Source<State> {
  /** The last good state, also after it expired; null before the first. */
  current(): State | null;
  /** Calls back with every new state, not with the current one. Returns the way to stop. */
  onChange(listener: (state: State) => void): () => void;
  /** Calls back when a change was refused and the last good state stays, and with warnings. */
  onProblem(listener: (diagnostics: readonly Diagnostic[]) => void): () => void;
  /**
   * What the last load found: warnings, or the errors for which the last good state stays. Empty when all is
   * well.
   */
  problems(): readonly Diagnostic[];
  close(): void;
}

/** The own SVID with the bundles and CRLs that came with it: so it is a BundleSource too. */
export type SvidSource = Source<IdentityState>;

/** Bundles and CRLs alone, of any number of trust domains. */
export type BundleSource = Source<TrustState>;

/** What readiness and metrics need to know about the own SVID at one moment. */
export interface IdentityReadiness {
  /** The SVID is valid and will be for longer than the margin. */
  readonly ready: boolean;
  readonly valid: boolean;
  readonly expiresSoon: boolean;
  /** Negative after expiry. */
  readonly expiresInMs: number;
}

// A tenth of the lifetime leaves SPIRE (rotates at half) five failed attempts; long-lived files need no more
// than 5 min.
const MARGIN_SHARE = 0.1;
const MARGIN_MS_MAX = 300_000;

/**
 * Judges `state` at `nowMs`. Readiness is lost before the SVID expires, so that traffic moves away in time.
 */
export function identityReadiness(state: IdentityState | null, nowMs: number): IdentityReadiness {
  if (state === null) return { ready: false, valid: false, expiresSoon: false, expiresInMs: 0 };
  const expiresInMs = state.notAfterMs - nowMs;
  const valid = nowMs >= state.notBeforeMs && expiresInMs > 0;
  const marginMs = Math.min(MARGIN_MS_MAX, (state.notAfterMs - state.notBeforeMs) * MARGIN_SHARE);
  const expiresSoon = expiresInMs <= marginMs;
  return { ready: valid && !expiresSoon, valid, expiresSoon, expiresInMs };
}
