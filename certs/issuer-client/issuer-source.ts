// Identity from the embedded issuer: the kept SVID at once, a new one at half life, bundles and CRLs as soon
// as the issuer publishes them. Whatever fails, the last good set stays. docs/issuer-client.md tells it all.
import type { KeyObject } from 'node:crypto';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { firstState } from '../first-state.ts';
import type { IdentityState } from '../source.ts';
import { SourceBase } from '../source-base.ts';
import { writePem } from '../x509/pem.ts';
import { type Attestation, type AttestationFiles, chooseAttestation, issuerTrust } from './attestation.ts';
import { certificateRequest, generateKey, REQUEST_KEY_TYPES } from './certificate-request.ts';
import { IssuerApi } from './issuer-api.ts';
import { type KeptSet, keepSet, loadKept } from './kept-set.ts';
import type { IssuerSourceOptions } from './options.ts';
import { diagnosticsOf, IssuerClientError, svidEnded } from './problem.ts';
import type { TrustAnswer } from './read-answer.ts';
import { joinAnswer, joinTrust, type Received, type Receiver } from './receive.ts';
import { retryDelay } from './schedule.ts';
import { sleep, waitEnded } from './wait.ts';

// A byte at least every half minute: what stands between here and the issuer may end quiet connections.
const POLL_MS = 25_000;
// An issuer whose trust changes all the time, or that does not wait, is asked twice a second at most.
const POLL_GAP_MS = 500;
// Waiting for a file costs nothing but a look at it.
const FILE_RETRY_MS_MAX = 5_000;
// Without an SVID nothing is served: the issuer that comes up late is found soon.
const FIRST_RETRY_MS_MAX = 10_000;

/** Codes after which a join token is as good as before. */
const NOT_ANSWERED: ReadonlySet<string> = new Set([
  'ERR_ISSUER_CLIENT_UNREACHABLE',
  'ERR_ISSUER_CLIENT_UNVERIFIED',
  'ERR_ISSUER_CLIENT_BUSY',
]);

/**
 * Opens the source; resolves with the first SVID, a kept one at once. @throws ERR_ISSUER_CLIENT_WAIT when
 * `signal` ended the wait, with what it waited for
 */
export async function openIssuerSource(options: IssuerSourceOptions): Promise<IssuerSource> {
  const source = new IssuerSource(options);
  await source.start();
  return source;
}

/** A source of SVIDs that asks the issuer. Made by openIssuerSource. */
export class IssuerSource extends SourceBase<IdentityState> {
  readonly #options: IssuerSourceOptions;
  readonly #files: AttestationFiles;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #makeKey: () => Promise<KeyObject>;
  readonly #api: IssuerApi;
  readonly #ended = new AbortController();
  /** What the problems are about, and what they are. */
  readonly #found = new Map<'svid' | 'trust' | 'state' | 'set', readonly Diagnostic[]>();
  #kept: KeptSet | null = null;
  #generation = 0;
  #svidAtMs = 0;
  #failuresInARow = 0;
  #pollAtMs = 0;
  /** The sequence to wait beyond; null after a failure: the issuer may be another than it was. */
  #after: number | null = null;
  #pollFailures = 0;
  /** The sequence at which the issuer last wanted the SVID renewed. */
  #wishedAt: number | null = null;
  /** The last renewal failed: the next attempt uses another proof, if there is one. */
  #svidRefused = false;
  #spentToken: string | null = null;

  constructor(options: IssuerSourceOptions) {
    super();
    this.#options = options;
    const { bundleFile = null, joinTokenFile = null, serviceAccountTokenFile = null } = options;
    this.#files = { bundleFile, joinTokenFile, serviceAccountTokenFile };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#makeKey = options.makeKey ?? (() => generateKey(options.keyType ?? REQUEST_KEY_TYPES[0]));
    this.#api = new IssuerApi(options.address, this.#clock);
  }

  /** When the issuer is asked for the next SVID, Unix milliseconds: sooner than wanted after a failure. */
  nextRenewalAtMs(): number {
    return this.#svidAtMs;
  }

  /** The texts behind the current state, for those who write them elsewhere; null before the first. */
  material(): KeptSet | null {
    return this.current() === null ? null : this.#kept;
  }

  close(): void {
    this.#ended.abort();
    this.#api.close();
  }

  /** Resolves when there is a state. */
  async start(): Promise<void> {
    const { stateDirectory, trustDomain, signal, onWaiting } = this.#options;
    const kept = await loadKept(stateDirectory, trustDomain, this.#clock.now());
    this.#kept = kept?.set ?? null;
    this.#spentToken = kept?.set.spentToken ?? null;
    if (kept !== null && kept.verified !== null) {
      this.#svidAtMs = kept.set.nextRenewalMs;
      this.publish({ ...kept.verified, generation: ++this.#generation });
    }
    void this.#run();
    if (this.current() !== null) return;
    try {
      await firstState(this, { signal, onWaiting, ended: waitEnded });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** One thing at a time: an SVID when it is due, trust otherwise. Never rejects. */
  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const nowMs = this.#clock.now();
      const pollAtMs = this.current() === null ? Infinity : this.#pollAtMs;
      if (nowMs >= this.#svidAtMs) await this.#renew();
      else if (nowMs >= pollAtMs) await this.#poll(this.#svidAtMs - nowMs);
      else await sleep(Math.min(this.#svidAtMs, pollAtMs) - nowMs, this.#clock, this.#ended.signal);
    }
  }

  async #renew(): Promise<void> {
    let way: Attestation | null = null;
    try {
      way = await this.#chooseAttestation();
      const key = await this.#makeKey();
      const request = certificateRequest(key, this.current()?.spiffeId.uri ?? null);
      const csr = writePem('CERTIFICATE REQUEST', request);
      const answer = await this.#api.requestSvid({ csr, ...way.tokens }, way.access, this.#ended.signal);
      const spentToken = way.spends ?? this.#spentToken;
      await this.#take(joinAnswer(answer, { key, spentToken }, this.#receiver()));
      this.#renewed();
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#renewalFailed(error, way);
    }
  }

  #renewed(): void {
    this.#svidAtMs = this.#kept?.nextRenewalMs ?? 0;
    this.#spentToken = this.#kept?.spentToken ?? null;
    this.#svidRefused = false;
    this.#failuresInARow = 0;
    this.#pollAtMs = 0;
    this.#found.delete('svid');
    this.#found.delete('trust'); // the trust that came along verified
    this.#tell();
  }

  #renewalFailed(error: unknown, way: Attestation | null): void {
    const diagnostics = diagnosticsOf(error);
    const failed = error instanceof IssuerClientError ? error : null;
    this.#failuresInARow++;
    // An issuer that answered has consumed the token: it counts attempts, and accepts it once.
    if (failed !== null && !NOT_ANSWERED.has(failed.code)) this.#spentToken = way?.spends ?? this.#spentToken;
    this.#svidRefused = way?.kind === 'renewal' && failed?.code !== 'ERR_ISSUER_CLIENT_BUSY';
    const delayMs = retryDelay(this.#failuresInARow, this.#lifetimeMs(), this.#random());
    const first = this.current() === null ? FIRST_RETRY_MS_MAX : Infinity;
    const most = way === null ? FILE_RETRY_MS_MAX : first;
    this.#svidAtMs = this.#clock.now() + Math.max(Math.min(delayMs, most), failed?.retryAfterMs ?? 0);
    this.#found.set('svid', diagnostics);
    this.#tell();
  }

  /** Waits for what the issuer publishes next, but not beyond `leftMs`, when the SVID is due. */
  async #poll(leftMs: number): Promise<void> {
    const startedMs = this.#clock.now();
    const due = new AbortController();
    const timer = this.#clock.after(leftMs, () => due.abort());
    const signal = AbortSignal.any([this.#ended.signal, due.signal]);
    const waitMs = this.#after === null ? null : Math.max(1_000, Math.min(POLL_MS, leftMs));
    try {
      const answer = await this.#api.trust({ after: this.#after, waitMs, signal }, await this.#access());
      if (this.#ended.signal.aborted) return;
      this.#pollAtMs = startedMs + POLL_GAP_MS;
      if (answer !== null) await this.#heard(answer);
      this.#pollFailures = 0;
      this.#found.delete('trust');
      this.#tell();
    } catch (error) {
      if (!this.#ended.signal.aborted) await this.#pollFailed(error);
    } finally {
      timer.cancel();
    }
  }

  async #heard(answer: TrustAnswer): Promise<void> {
    this.#after = answer.sequence;
    // Once for each sequence: an issuer that never stops to ask is not answered without end.
    if (answer.renew === true && this.#wishedAt !== answer.sequence) this.#svidAtMs = 0;
    if (answer.renew === true) this.#wishedAt = answer.sequence;
    const received = joinTrust(answer, this.#receiver());
    if (received !== null) await this.#take(received);
    // Not worth a write: after a restart the issuer is asked for what there is.
    else if (this.#kept !== null) this.#kept = { ...this.#kept, sequence: answer.sequence };
  }

  async #pollFailed(error: unknown): Promise<void> {
    const heard = error instanceof IssuerClientError && error.code === 'ERR_ISSUER_CLIENT_ANSWER';
    // New trust without the CA of the present SVID: both are replaced together, or both stay.
    if (heard && this.#failuresInARow === 0) this.#svidAtMs = 0;
    if (!heard) this.#after = null;
    this.#pollFailures++;
    const delayMs = retryDelay(this.#pollFailures, this.#lifetimeMs(), this.#random());
    this.#pollAtMs = this.#clock.now() + delayMs;
    // An issuer that restarts ends the connection on which it was waited for: the next one tells.
    const quiet = this.#pollFailures === 1 && (heard || codeOf(error) === 'ERR_ISSUER_CLIENT_UNREACHABLE');
    this.#found.set('trust', quiet ? [] : await this.#whyNoTrust(error));
    if (!this.#ended.signal.aborted) this.#tell();
  }

  /** An issuer that ends the connection of this SVID may still answer those who show none. */
  async #whyNoTrust(error: unknown): Promise<readonly Diagnostic[]> {
    const diagnostics = diagnosticsOf(error);
    if (codeOf(error) !== 'ERR_ISSUER_CLIENT_UNREACHABLE') return diagnostics;
    try {
      const access = { ...(await this.#access()), svid: null };
      const answer = await this.#api.trust({ after: null, waitMs: null, signal: this.#ended.signal }, access);
      if (answer !== null) await this.#heard(answer);
    } catch (second) {
      return codeOf(second) === 'ERR_ISSUER_CLIENT_UNREACHABLE' ? diagnostics : diagnosticsOf(second);
    }
    if (this.#failuresInARow === 0) this.#svidAtMs = 0;
    return diagnosticsOf(svidEnded());
  }

  /** Keeps a set, then puts it into effect. */
  async #take({ set, verified, findings }: Received): Promise<void> {
    this.#found.delete('state');
    await keepSet(this.#options.stateDirectory, set).catch((error: unknown) =>
      this.#found.set('state', diagnosticsOf(error)),
    );
    if (this.#ended.signal.aborted) return;
    this.#kept = set;
    this.#found.set('set', findings);
    this.publish({ ...verified, generation: ++this.#generation });
  }

  #chooseAttestation(): Promise<Attestation> {
    const nowMs = this.#clock.now();
    const current = this.current();
    return chooseAttestation(this.#files, {
      ...this.#situation(),
      svid: current !== null && nowMs < current.notAfterMs ? current : null,
      svidRefused: this.#svidRefused,
      spentToken: this.#spentToken,
    });
  }

  /** An expired SVID would end the connection; trust is published to everybody. */
  async #access(): Promise<{ trust: Awaited<ReturnType<typeof issuerTrust>>; svid: IdentityState | null }> {
    const current = this.current();
    const holds = current !== null && this.#clock.now() < current.notAfterMs;
    return { trust: await issuerTrust(this.#files, this.#situation()), svid: holds ? current : null };
  }

  #situation(): Pick<Receiver, 'trustDomain' | 'kept' | 'nowMs'> {
    return { trustDomain: this.#options.trustDomain, kept: this.#kept, nowMs: this.#clock.now() };
  }

  #receiver(): Receiver {
    const { host, port } = this.#options.address;
    const name = `https://${host}:${port}`;
    const found = this.#found.get('set') ?? [];
    const refusedSome = found.some(({ severity }) => severity === 'error');
    return { ...this.#situation(), name, current: this.current(), refusedSome, random: this.#random() };
  }

  #lifetimeMs(): number | null {
    const current = this.current();
    return current === null ? null : current.notAfterMs - current.notBeforeMs;
  }

  #tell(): void {
    const all = [...this.#found.values()].flat();
    this.report([...new Map(all.map((one) => [JSON.stringify(one), one])).values()]);
  }
}

const codeOf = (error: unknown): string => (error instanceof IssuerClientError ? error.code : '');
