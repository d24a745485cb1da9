// The issuer over one state: puts issuance, the operator's work and the life of the CA behind the interface,
// and looks at the schedule by a timer.
import type { KeyObject } from 'node:crypto';
import type { Timer } from '../../core/clock.ts';
import { asError } from '../../core/errors.ts';
import type { SpiffeId, TrustDomain } from '../../core/spiffe-id.ts';
import { BUNDLE_CERTIFICATES_MAX, ENDED_ROWS_KEPT_MS, ISSUER_TICK_MS } from '../limits.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { DerError } from '../x509/der.ts';
import { CaLife } from './ca-life.ts';
import type { IssuerCounters } from './counters.ts';
import { Issuance } from './issuance.ts';
import type {
  AuditEntry,
  AuditVerdict,
  CaStatus,
  CaStep,
  FailedAttestation,
  IssuanceRequest,
  Issued,
  IssuedFilter,
  IssuedRow,
  Issuer,
  PublishedTrust,
  RevocationRequest,
} from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import type { IssuerParts } from './issuer-parts.ts';
import { Operator, textOfPerson } from './operator.ts';

/** How the secret becomes the wrapping key of `rewrap`; writes the new parameters. */
export type Rewrap = (secret: Buffer) => KeyObject;

// A clock that was corrected by less is nothing to write down.
const CLOCK_BACK_MS = 2_000;

export class EmbeddedIssuer implements Issuer {
  readonly #parts: IssuerParts;
  readonly #issuance: Issuance;
  readonly #operator: Operator;
  readonly #life: CaLife;
  readonly #newWrapping: Rewrap;
  readonly #onProblem: (error: Error) => void;
  readonly #opened: { readonly nowMs: number; readonly monotonicMs: number };
  #timer: Timer | null = null;
  #ending: Timer | null = null;

  constructor(parts: IssuerParts, newWrapping: Rewrap, onProblem: (error: Error) => void) {
    this.#parts = parts;
    this.#issuance = new Issuance(parts);
    this.#operator = new Operator(parts);
    this.#life = new CaLife(parts);
    this.#newWrapping = newWrapping;
    this.#onProblem = onProblem;
    this.#opened = { nowMs: parts.clock.now(), monotonicMs: parts.clock.monotonicMs() };
    this.#tick();
  }

  get trustDomain(): TrustDomain {
    return this.#parts.settings.trustDomain;
  }

  get spiffeId(): SpiffeId {
    return this.#parts.settings.spiffeId;
  }

  get counters(): IssuerCounters {
    const { audit, authorities, counters } = this.#parts;
    counters.auditLength = audit.length;
    counters.caNotAfterMs = authorities.inState('active')?.notAfterMs ?? 0;
    return counters;
  }

  issue(request: IssuanceRequest): Issued {
    const issued = this.#issuance.issue(request);
    this.#endLater();
    return issued;
  }

  checkAddress(from: string): void {
    this.#issuance.checkAddress(from);
  }

  attestationFailed(failure: FailedAttestation): void {
    this.#issuance.attestationFailed(failure);
  }

  trust(): PublishedTrust {
    return this.#parts.trust.current();
  }

  onTrust(listener: (trust: PublishedTrust) => void): () => void {
    return this.#parts.trust.onTrust(guarded(listener, this.#onProblem));
  }

  mustRenew(serial: string): boolean {
    return this.#parts.svids.renewalAsked(serial, this.#parts.clock.now());
  }

  setFederated(bundles: ReadonlyMap<TrustDomain, readonly Buffer[]>): void {
    const { audit, clock, db, trust } = this.#parts;
    for (const [trustDomain, certificates] of bundles)
      checkBundle(trustDomain, { certificates, own: this.trustDomain });
    db.transact(() => {
      if (trust.setFederated(bundles))
        audit.append('federated-changed', clock.now(), { trustDomains: [...bundles.keys()].sort() });
    });
  }

  createJoinToken(request: Parameters<Issuer['createJoinToken']>[0]): ReturnType<Issuer['createJoinToken']> {
    return this.#operator.createJoinToken(request);
  }

  revoke(request: RevocationRequest): readonly string[] {
    return this.#operator.revoke(request);
  }

  reinstate(request: { readonly spiffeId: string; readonly author: string }): boolean {
    return this.#operator.reinstate(request);
  }

  rotate(request: { readonly target: string; readonly author: string }): readonly string[] {
    return this.#operator.rotate(request);
  }

  caStatus(): CaStatus {
    return this.#life.status();
  }

  rotateCa(step: CaStep, author: string, { force = false }: { readonly force?: boolean } = {}): CaStatus {
    return this.#life.step({ step, author: textOfPerson('author', author), force });
  }

  rewrap(secret: Buffer, author: string): void {
    const { audit, authorities, clock, db } = this.#parts;
    const wrapping = db.transact(() => {
      const key = this.#newWrapping(secret);
      authorities.rewrap(key);
      audit.append('secret-changed', clock.now(), { author: textOfPerson('author', author) });
      return key;
    });
    authorities.useWrapping(wrapping);
    db.checkpoint();
  }

  issued(filter: IssuedFilter = {}): Iterable<IssuedRow> {
    return this.#parts.svids.list(filter, this.#parts.clock.now());
  }

  audit(after?: number): Iterable<AuditEntry> {
    return this.#parts.audit.entries(after);
  }

  verifyAudit(remembered?: Pick<AuditEntry, 'sequence' | 'hash'>): AuditVerdict {
    return this.#parts.audit.verify(remembered);
  }

  close(): void {
    this.#timer?.cancel();
    this.#ending?.cancel();
    this.#timer = null;
    this.#parts.db.close();
  }

  #tick(): void {
    try {
      this.#tidy();
      this.#life.tick();
      this.#endLater();
    } catch (error) {
      this.#onProblem(asError(error));
    }
    const everyMs = Math.min(ISSUER_TICK_MS, this.#parts.settings.svidTtlMs / 10);
    this.#timer = this.#parts.clock.after(everyMs, () => this.#tick());
  }

  /** Revokes replaced SVIDs when their time is over: now, or by a timer. */
  #endLater(): void {
    const { clock, svids } = this.#parts;
    this.#ending?.cancel();
    const atMs = svids.nextEndMs();
    if (atMs === null) return;
    this.#ending = clock.after(Math.max(0, atMs - clock.now()), () => {
      try {
        this.#operator.endReplaced();
        this.#endLater();
      } catch (error) {
        this.#onProblem(asError(error)); // the next tick tries again
      }
    });
  }

  /** Ends what has expired, forgets what ended long ago, and notices a clock that went back. */
  #tidy(): void {
    const { audit, clock, db, svids, tokens } = this.#parts;
    const nowMs = clock.now();
    const behindMs = audit.lastTimeMs - nowMs;
    const due = tokens.isDue(nowMs);
    // SAFETY: a serial that is forgotten leaves the CRL. A clock that jumped ahead must not bring that about.
    const passedMs = clock.monotonicMs() - this.#opened.monotonicMs;
    const forgottenMs = Math.min(nowMs, this.#opened.nowMs + passedMs) - ENDED_ROWS_KEPT_MS;
    if (due || svids.endedBefore(forgottenMs))
      db.transact(() => {
        tokens.expire(nowMs);
        tokens.forget(forgottenMs);
        svids.forget(forgottenMs);
      });
    if (behindMs > CLOCK_BACK_MS) db.transact(() => audit.append('clock-went-back', nowMs, { behindMs }));
  }
}

/** What was committed stays committed, whatever a listener does. */
export function guarded<T>(
  listener: (value: T) => void,
  onProblem: (error: Error) => void,
): (value: T) => void {
  return (value) => {
    try {
      listener(value);
    } catch (error) {
      onProblem(asError(error));
    }
  };
}

function checkBundle(
  trustDomain: TrustDomain,
  { certificates, own }: { readonly certificates: readonly Buffer[]; readonly own: TrustDomain },
): void {
  if (trustDomain === own) throw bundleError(`\`${own}\` is the own trust domain, not a foreign one`);
  if (certificates.length > BUNDLE_CERTIFICATES_MAX)
    throw bundleError(
      `the bundle of \`${trustDomain}\` has more than ${BUNDLE_CERTIFICATES_MAX} certificates`,
    );
  try {
    for (const der of certificates) parseCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw bundleError(`the bundle of \`${trustDomain}\` holds no valid certificate: ${error.message}`);
  }
}

const bundleError = (message: string): IssuerError => new IssuerError('ERR_ISSUER_REQUEST', message);
