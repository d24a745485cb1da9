// The bundle of a foreign trust domain from its SPIFFE bundle endpoint, polled for as long as the source is
// open. SPIFFE Federation sections 4, 5.2.1 and 6.2.
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseTrustDomain, type TrustDomain } from '../../core/spiffe-id.ts';
import { readLimited } from '../files/read-limited.ts';
import { Findings, readCertificates } from '../read-files.ts';
import type { BundleSource } from '../source.ts';
import { SourceBase } from '../source-base.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import type { TrustState } from '../verify.ts';
import { type CacheKey, readCache, writeCache } from './bundle-cache.ts';
import { type EndpointUrl, parseEndpointUrl } from './endpoint-url.ts';
import type { Fetched } from './fetch-document.ts';
import { pollDelayMs, REFRESH_MS } from './poll-delay.ts';
import { type ReadDocument, readBundleDocument } from './read-document.ts';

/** One federation relationship: whose bundle, where from, and how the server is authenticated. */
export interface BundleEndpointOptions {
  /** The document does not name it, so that configuration must (SPIFFE Federation section 5.1). */
  readonly trustDomain: TrustDomain;
  /** https; the profile is https_web. */
  readonly url: string;
  /** PEM file of the CAs that the server's certificate may lead to; default: the roots that Node ships. */
  readonly caFile?: string | undefined;
  /** Default `follow`, as section 5.2.1.4 wants; section 7.5.1 says why one may not. */
  readonly redirects?: 'follow' | 'refuse' | undefined;
  /** Where the last good document is kept. Without it a restart needs the endpoint. */
  readonly cacheFile?: string | undefined;
  /** Bounds of the refresh hint, milliseconds. */
  readonly refreshMinMs?: number | undefined;
  readonly refreshMaxMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** A BundleSource that can say how old its bundle is. */
export interface BundleEndpointSource extends BundleSource {
  readonly trustDomain: TrustDomain;
  /** When the endpoint last confirmed the bundle in use, Unix milliseconds; null while there is none. */
  fetchedAtMs(): number | null;
}

/**
 * Opens the source with the cached document, if there is one, and fetches in the background: a partner that
 * is down keeps nobody from starting. Until there is a document `current()` is null.
 * @throws ERR_BUNDLE_ENDPOINT_URL, ERR_SPIFFE_ID; ERR_BUNDLE_ENDPOINT_CA when the CA file cannot be used
 */
export async function openBundleEndpoint(options: BundleEndpointOptions): Promise<BundleEndpointSource> {
  parseTrustDomain(options.trustDomain);
  const source = new EndpointSource(options, parseEndpointUrl(options.url));
  await source.start();
  return source;
}

class EndpointSource extends SourceBase<TrustState> implements BundleEndpointSource {
  readonly trustDomain: TrustDomain;
  readonly #options: BundleEndpointOptions;
  readonly #url: EndpointUrl;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #timer: Timer | undefined;
  #bundle: TrustBundle | null = null;
  #fetchedAtMs: number | null = null;
  #refreshHintMs: number | null = null;
  /** The highest `spiffe_sequence` seen. INVARIANT: no document below it is taken. */
  #sequence: bigint | null = null;
  #failures = 0;

  constructor(options: BundleEndpointOptions, url: EndpointUrl) {
    super();
    this.#options = options;
    this.#url = url;
    this.#clock = options.clock ?? systemClock;
    this.trustDomain = options.trustDomain;
  }

  fetchedAtMs(): number | null {
    return this.#fetchedAtMs;
  }

  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
  }

  async start(): Promise<void> {
    const findings = new Findings(this.trustDomain);
    if ((await this.#readCa(findings)) === undefined)
      throw new SallyportError(
        'ERR_BUNDLE_ENDPOINT_CA',
        `the CA file of the bundle endpoint of \`${this.trustDomain}\` cannot be used`,
        { diagnostics: findings.list },
      );
    await this.#loadCache(findings);
    this.report(findings.list);
    this.#timer = this.#clock.after(0, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    const findings = new Findings(this.trustDomain);
    const taken = await this.#refresh(findings);
    if (this.#closing.signal.aborted) return;
    this.#failures = taken ? 0 : this.#failures + 1;
    this.report(findings.list);
    this.#timer = this.#clock.after(this.#delayMs(), () => void this.#poll());
  }

  /** True when there is a document that may be used. Never rejects. */
  async #refresh(findings: Findings): Promise<boolean> {
    const ca = await this.#readCa(findings);
    if (ca === undefined)
      return this.#refused('ERR_BUNDLE_ENDPOINT_CA', 'cannot be asked: its CA file cannot be used', findings);
    const fetched = await this.#fetch(ca);
    if (this.#closing.signal.aborted) return false;
    if (!fetched.ok) return this.#refused(fetched.code, fetched.message, findings, fetched.hint);
    const content = { file: fetched.url.shown, bytes: fetched.bytes };
    const document = readBundleDocument(this.trustDomain, content, this.#clock.now(), findings);
    if (document === null)
      return this.#refused('ERR_BUNDLE_ENDPOINT_DOCUMENT', 'sent a document that cannot be used', findings);
    if (!this.#isForward(document, findings)) return false;
    this.#take(document, this.#clock.now());
    await this.#saveCache(fetched.bytes, findings);
    return true;
  }

  async #fetch(ca: string | null): Promise<Fetched> {
    const { fetchDocument } = await import('./fetch-document.ts');
    return fetchDocument({
      url: this.#url,
      ca,
      redirects: this.#options.redirects ?? 'follow',
      clock: this.#clock,
      signal: this.#closing.signal,
    });
  }

  /** False, and an error, for a document that is older than one that was seen: a rollback. */
  #isForward({ bundle, sequence }: ReadDocument, findings: Findings): boolean {
    const seen = this.#sequence;
    if (seen === null) return true;
    if (sequence !== null && sequence < seen) {
      const cache = this.#options.cacheFile;
      const forget = cache === undefined ? 'restart' : `remove \`${cache}\` and restart`;
      const hint = `an old document could bring a withdrawn CA back; if the partner began anew, ${forget}`;
      const message = `sent \`spiffe_sequence\` ${sequence} after ${seen}`;
      return this.#refused('ERR_BUNDLE_ENDPOINT_ROLLBACK', message, findings, hint);
    }
    // Trust Domain and Bundle section 4.1.1: it MUST change with the contents. Not taking the document would
    // keep what the partner withdrew.
    const inUse = this.#bundle;
    const changed = inUse !== null && contentsOf(bundle) !== contentsOf(inUse);
    if (sequence === null || (sequence === seen && changed))
      findings.warn(
        'LINT_BUNDLE_SEQUENCE',
        { file: this.#url.shown },
        sequence === null
          ? `the document of \`${this.trustDomain}\` has lost its \`spiffe_sequence\``
          : `the bundle of \`${this.trustDomain}\` has changed, and \`spiffe_sequence\` is ${seen} as before`,
        'the document is taken; its publisher does not follow SPIFFE Trust Domain and Bundle section 4.1.1',
      );
    return true;
  }

  #take({ bundle, sequence, refreshHintMs }: ReadDocument, fetchedAtMs: number): void {
    const changed = contentsOf(bundle) !== contentsOf(this.#bundle);
    this.#refreshHintMs = refreshHintMs;
    this.#fetchedAtMs = fetchedAtMs;
    this.#sequence = highest(this.#sequence, sequence);
    if (!changed) return;
    this.#bundle = bundle;
    this.publish({ bundles: new Map([[this.trustDomain, bundle]]), crls: new Map() });
  }

  /** Reports what went wrong and what that means. Always false. */
  #refused(code: string, message: string, findings: Findings, hint = 'see the other findings'): false {
    findings.error(
      code,
      { file: this.#url.shown },
      `the bundle endpoint of \`${this.trustDomain}\` ${message}; ${this.#inUse()}`,
      hint,
    );
    return false;
  }

  /** Coarse: the report is repeated when it changes, hourly at first and daily later. */
  #inUse(): string {
    if (this.#fetchedAtMs === null) return 'there is no bundle, and nobody of it is accepted';
    const at = new Date(this.#fetchedAtMs).toISOString();
    return `the bundle in use was fetched at ${at}, ${ageText(this.#clock.now() - this.#fetchedAtMs)} ago`;
  }

  #delayMs(): number {
    const { refreshMinMs = REFRESH_MS.min, refreshMaxMs = REFRESH_MS.max, random } = this.#options;
    return pollDelayMs({
      refreshHintMs: this.#refreshHintMs,
      failures: this.#failures,
      refreshMinMs,
      refreshMaxMs,
      random: random(),
    });
  }

  /** Read again each time, since it may be renewed. Null = Node's roots; undefined: it cannot be used. */
  async #readCa(findings: Findings): Promise<string | null | undefined> {
    const { caFile } = this.#options;
    if (caFile === undefined) return null;
    const content = await readLimited(caFile, findings);
    if (content === null) return undefined;
    readCertificates(content, findings);
    return findings.errors > 0 ? undefined : content.bytes.toString('latin1');
  }

  /** A cache that cannot be used is a warning: the endpoint may well answer. */
  async #loadCache(findings: Findings): Promise<void> {
    const { cacheFile } = this.#options;
    if (cacheFile === undefined) return;
    const inCache = new Findings();
    try {
      const cached = await readCache(cacheFile, this.#cacheKey());
      if (cached === null) return;
      // Also when its document is refused below: what was seen stays seen.
      this.#sequence = cached.sequence;
      const content = { file: cacheFile, bytes: cached.bytes };
      const document = readBundleDocument(this.trustDomain, content, this.#clock.now(), inCache);
      if (document !== null) this.#take(document, cached.fetchedAtMs);
    } catch (error) {
      warnOfCache(error, cacheFile, findings);
    }
    for (const finding of inCache.list)
      findings.warn(finding.code, finding.at, finding.message, finding.hint ?? '');
  }

  async #saveCache(bytes: Buffer, findings: Findings): Promise<void> {
    const { cacheFile } = this.#options;
    if (cacheFile === undefined) return;
    try {
      const cached = { bytes, fetchedAtMs: this.#clock.now(), sequence: this.#sequence };
      await writeCache(cacheFile, this.#cacheKey(), cached);
    } catch (error) {
      warnOfCache(error, cacheFile, findings);
    }
  }

  #cacheKey(): CacheKey {
    return { trustDomain: this.trustDomain, url: this.#url.origin + this.#url.target };
  }
}

function warnOfCache(error: unknown, file: string, findings: Findings): void {
  if (!(error instanceof SallyportError)) throw error;
  findings.warn('LINT_BUNDLE_CACHE', { file }, error.message, error.hint ?? '');
}

/** Equal for bundles of the same certificates. */
const contentsOf = (bundle: TrustBundle | null): string | null =>
  bundle === null
    ? null
    : bundle.anchors
        .map((anchor) => anchor.fingerprintSha256)
        .sort()
        .join();

const highest = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null || (b !== null && b > a) ? b : a;

const HOUR_MS = 3_600_000;
const HOURS_SHOWN_MAX = 48;

function ageText(ageMs: number): string {
  const hours = Math.floor(ageMs / HOUR_MS);
  if (hours < 1) return 'less than an hour';
  return hours <= HOURS_SHOWN_MAX ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
