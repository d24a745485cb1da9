// The embedded issuer, as its HTTP server, its admin socket and the Workload API see it: who proves what, and
// what it gets. One process owns the state; every method that changes something commits before it returns.
import type { Clock } from '../../core/clock.ts';
import type { SpiffeId, TrustDomain } from '../../core/spiffe-id.ts';
import type { CertificateRequest } from './certificate-request.ts';
import type { IssuerCounters } from './counters.ts';
import type { IssuanceLimits } from './rate-limits.ts';

export { openIssuer } from './open-issuer.ts';

/** How a caller showed who it is. What needs a network (TokenReview, TLS) was verified before. */
export type Attestation =
  /** The text of the token, with or without its `.pin`. Consumed in the transaction of the issuance. */
  | { readonly kind: 'join-token'; readonly token: string }
  /** The ID is `spiffe://<trust domain>/ns/<namespace>/sa/<serviceAccount>`. */
  | {
      readonly kind: 'kubernetes';
      readonly namespace: string;
      readonly serviceAccount: string;
      readonly pod: string | null;
    }
  /** The client certificate of the connection, verified against the own bundle and CRLs. */
  | { readonly kind: 'renewal'; readonly spiffeId: string; readonly serial: string }
  /**
   * The issuer's own SVID and those of Workload API sockets. `detail` goes to the audit log; `replaces`: the
   * serial before this one, which ends if `rotate` asked for it.
   */
  | {
      readonly kind: 'local';
      readonly spiffeId: string;
      readonly detail: string;
      readonly replaces?: string;
      /** Default: those that its ID gives. */
      readonly dnsNames?: readonly string[];
    };

export interface IssuanceRequest {
  readonly attestation: Attestation;
  readonly csr: CertificateRequest;
  /** The caller's IP address, or for local ones the socket's path: failures are limited by it. */
  readonly from: string;
}

/** An attestation that something else than the issuer refused. */
export interface FailedAttestation {
  readonly kind: Attestation['kind'];
  readonly from: string;
  readonly code: 'ERR_ISSUER_ATTESTATION' | 'ERR_ISSUER_FORBIDDEN';
  /** For the operator. */
  readonly why: string;
}

/** What was issued. */
export interface Issued {
  readonly spiffeId: string;
  /** DER, leaf first, without the root. */
  readonly chainDer: readonly Buffer[];
  readonly chainPem: string;
  /** DER of the root that the chain leads to: the issuer's own listener sends it along. */
  readonly rootDer: Buffer;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Half of the life. The client adds jitter. */
  readonly renewAtMs: number;
}

/** What everyone may know. One value per `sequence`, also across restarts. */
export interface PublishedTrust {
  readonly trustDomain: TrustDomain;
  /** Grows with every change and every `rotate`. */
  readonly sequence: number;
  readonly refreshHintMs: number;
  /** DER of the roots: prepared, active and retiring ones. */
  readonly rootsDer: readonly Buffer[];
  /** DER of one CRL for each root. */
  readonly crlsDer: readonly Buffer[];
  /** DER of the CA certificates of foreign trust domains. */
  readonly federated: ReadonlyMap<TrustDomain, readonly Buffer[]>;
}

/** `prepared`: published, does not sign. `retiring`: still published, does not sign SVIDs any more. */
export type CaState = 'prepared' | 'active' | 'retiring' | 'retired';

export interface CaRow {
  /** Lower-case hex of its subject key identifier. */
  readonly id: string;
  readonly state: CaState;
  readonly fingerprintSha256: string;
  readonly publishedAtMs: number;
  /** Null until it signs. */
  readonly activatedAtMs: number | null;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the last SVID that it signed ends; null when it signed none. */
  readonly lastSvidEndMs: number | null;
}

export interface CaStatus {
  /** Without retired ones, oldest first. */
  readonly authorities: readonly CaRow[];
  /** When the schedule prepares, activates and retires next; null = nothing to do. */
  readonly prepareAtMs: number | null;
  readonly activateAtMs: number | null;
  readonly retireAtMs: number | null;
}

export type CaStep = 'prepare' | 'activate' | 'retire';

/** One SVID that was issued. Rows are kept for a week after the end; the audit log keeps all. */
export interface IssuedRow {
  readonly serial: string;
  readonly spiffeId: string;
  readonly caId: string;
  readonly attestation: Attestation['kind'];
  readonly dnsNames: readonly string[];
  readonly from: string;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  /** Set while `rotate`, or a CA that was activated by force, waits for the replacement. */
  readonly renewAskedAtMs: number | null;
  readonly revoked: Revoked | null;
}

export interface Revoked {
  readonly atMs: number;
  readonly cause: RevocationCause;
  readonly reason: string;
}

/** `operator`: `revoke`; `rotated`: replaced after `rotate`; `ca-withdrawn`: its CA was retired by force. */
export type RevocationCause = 'operator' | 'rotated' | 'ca-withdrawn';

export interface IssuedFilter {
  readonly spiffeId?: string;
  readonly serial?: string;
  /** Default: all. `valid` = neither revoked nor expired. */
  readonly state?: 'valid' | 'revoked' | 'expired';
  /** Newest first; default and maximum ISSUED_ROWS_MAX. */
  readonly limit?: number;
}

/** One line of the audit log. */
export interface AuditEntry {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Canonical JSON (sorted keys, no spaces): `{"event":…,"sequence":…,"time":…,…}`. */
  readonly entry: string;
  /** Lower-case hex of SHA-256(previous hash || entry); the first follows 32 zero bytes. */
  readonly hash: string;
}

/** `brokenAt`: the first sequence number that is changed, missing, out of order or cut off. */
export type AuditVerdict =
  | { readonly ok: true; readonly length: number; readonly hash: string }
  | { readonly ok: false; readonly brokenAt: number; readonly message: string };

export interface IssuerOptions {
  readonly trustDomain: TrustDomain;
  /** Made with mode 0700 if it is not there; refused when anyone else may enter it. */
  readonly stateFolder: string;
  /** What the CA keys are encrypted under; at least SECRET_BYTES_MIN bytes. Not changed, not kept. */
  readonly secret: Buffer;
  readonly clock: Clock;
  /** Default 1 h. */
  readonly svidTtlMs?: number;
  /** Default 1 year; at least 6 SVID lives and 3 overlaps. */
  readonly caTtlMs?: number;
  /** How often clients look at the trust again; default 5 min. */
  readonly refreshHintMs?: number;
  /** How long a root is published before it signs; default max(3 refresh hints, 1 SVID life). */
  readonly overlapMs?: number;
  /** Life of a CRL, signed anew at half of it; default max(24 h, 2 SVID lives). */
  readonly crlTtlMs?: number;
  readonly limits?: Partial<IssuanceLimits>;
  /** Hears every audit entry after its commit: the log keeps the hashes out of the database's reach. */
  readonly onAudit?: (entry: AuditEntry) => void;
  /** Hears of what failed with no caller to tell: the schedule of the CA, signing CRLs anew. */
  readonly onProblem?: (error: Error) => void;
}

/** The issuer. Its errors are IssuerError with the codes of ISSUER_ERRORS (issuer-error.ts). */
export interface Issuer {
  readonly trustDomain: TrustDomain;
  /** `spiffe://<trust domain>/sallyport/issuer`: only `local` attestation gets it. */
  readonly spiffeId: SpiffeId;
  readonly counters: IssuerCounters;

  /**
   * Synchronous: one transaction with its audit entry. Refusals that name an identity are audited too.
   * @throws ERR_ISSUER_ATTESTATION, ERR_ISSUER_CSR, ERR_ISSUER_FORBIDDEN, ERR_ISSUER_REVOKED,
   * ERR_ISSUER_RATE (with retryAfterMs), ERR_ISSUER_CA, ERR_ISSUER_STATE
   */
  issue(request: IssuanceRequest): Issued;
  /**
   * To be asked before an attestation that costs something (TokenReview): has `from` failed too often?
   * @throws ERR_ISSUER_RATE
   */
  checkAddress(from: string): void;
  /** Tells of an attestation that failed before `issue` (TokenReview said no). Counted, limited, audited. */
  attestationFailed(failure: FailedAttestation): void;

  trust(): PublishedTrust;
  /** Every change of roots, CRLs and foreign bundles, and every rotate; after the commit. */
  onTrust(listener: (trust: PublishedTrust) => void): () => void;
  /** True when the SVID of this serial was asked to be replaced and is not yet. */
  mustRenew(serial: string): boolean;
  /** Replaces all foreign bundles; kept across restarts. */
  setFederated(bundles: ReadonlyMap<TrustDomain, readonly Buffer[]>): void;

  /** @throws ERR_ISSUER_REQUEST */
  createJoinToken(request: {
    readonly spiffeId: string;
    readonly ttlMs: number;
    readonly dnsNames?: readonly string[];
    readonly author: string;
  }): { readonly token: string; readonly expiresAtMs: number };
  /**
   * A serial: that SVID. A SPIFFE ID: all its unexpired SVIDs, its open join tokens, and it is blocked: no
   * Kubernetes or local attestation gets it until `reinstate`; a join token made after this does.
   * @returns the serials @throws ERR_ISSUER_REQUEST, ERR_ISSUER_UNKNOWN
   */
  revoke(request: RevocationRequest): readonly string[];
  /** Lifts the block that `revoke` of an ID put up. False when there was none. @throws ERR_ISSUER_REQUEST */
  reinstate(request: { readonly spiffeId: string; readonly author: string }): boolean;
  /**
   * Asks the holders for a replacement; the old serial is revoked a second after the replacement was issued.
   * @returns the serials @throws ERR_ISSUER_REQUEST, ERR_ISSUER_UNKNOWN
   */
  rotate(request: { readonly target: string; readonly author: string }): readonly string[];

  caStatus(): CaStatus;
  /**
   * One step of a CA rotation, as the schedule does it by itself. `force`: activate before the overlap is
   * over (all holders are then asked to renew); retire although SVIDs of the old root live: they are
   * withdrawn, and their holders must attest anew.
   * @throws ERR_ISSUER_CA_STEP
   */
  rotateCa(step: CaStep, author: string, options?: { readonly force?: boolean }): CaStatus;
  /** Encrypts the CA keys under another secret. @throws ERR_ISSUER_SECRET */
  rewrap(secret: Buffer, author: string): void;

  issued(filter?: IssuedFilter): Iterable<IssuedRow>;
  /** In order; `after`: entries with a greater sequence only. */
  audit(after?: number): Iterable<AuditEntry>;
  /** `remembered`: an entry seen earlier, to notice that the end was cut off. */
  verifyAudit(remembered?: Pick<AuditEntry, 'sequence' | 'hash'>): AuditVerdict;
  close(): void;
}

export interface RevocationRequest {
  /** A SPIFFE ID or a serial in lower-case hex. */
  readonly target: string;
  /** For people; kept with the serials and in the audit log. */
  readonly reason: string;
  readonly author: string;
}
