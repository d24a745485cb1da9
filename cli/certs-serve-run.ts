// The composition root of `sallyport certs serve`: opens the issuer, serves it on its sockets, ends on a
// signal.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listenAdmin } from '../certs/issuer/admin/server.ts';
import { type Federation, type ForeignBundle, followFederation } from '../certs/issuer/federation.ts';
import { openBundleEndpoint, readPair } from '../certs/issuer/http/bundle-endpoint.ts';
import {
  bundleDocumentOf,
  type IssuerListener,
  openIssuerListener,
} from '../certs/issuer/http/open-listener.ts';
import { type AuditEntry, type Issuer, openIssuer } from '../certs/issuer/issuer.ts';
import { openTokenReviewer } from '../certs/issuer/kubernetes/token-review.ts';
import { readIssuerSecret } from '../certs/issuer/local/read-secret.ts';
import { type LocalWorkloads, serveWorkloads } from '../certs/issuer/local/serve-workloads.ts';
import { ISSUER_METRICS } from '../certs/issuer/metrics/table.ts';
import { IssuerTally } from '../certs/issuer/metrics/tally.ts';
import { systemClock } from '../core/clock.ts';
import { type Diagnostic, SallyportError } from '../core/errors.ts';
import { ADMIN_SOCKET, FEDERATION_FOLDER, type IssuerConfig } from '../core/issuer-config/config.ts';
import { LIMITS } from '../core/limits.ts';
import { Exposer } from '../proxy/record/expose.ts';
import { openSink } from '../proxy/record/line-sink.ts';
import { LineWriter } from '../proxy/record/line-writer.ts';
import { createLogger, type Logger } from '../proxy/record/logger.ts';
import { listen } from '../proxy/status/local-server.ts';
import { createStatusServer } from '../proxy/status/status-server.ts';
import { openForeignBundles } from './foreign-bundles.ts';
import type { StopSignals } from './proxy-events.ts';
import { packageVersion } from './version.ts';

const STDOUT = 1;
/** Requests that are being answered have this long; those that wait are answered at once. */
const DRAIN_MS = 5_000;
const clock = systemClock;

/** Something that is open, and how it is left. */
type Closing = () => Promise<void> | void;

/** The files that must be usable before anything starts. */
export function openFiles(config: IssuerConfig): readonly (() => Promise<unknown>)[] {
  const { kubernetes, bundleEndpoint, federation, secretFile } = config;
  return [
    () => readIssuerSecret(secretFile),
    ...(kubernetes ? [() => openTokenReviewer(kubernetes)] : []),
    ...(bundleEndpoint ? [() => readPair(bundleEndpoint)] : []),
    ...federation.map(
      (one) => async () => (await openForeignBundles(one, { clock, random: Math.random })).close(),
    ),
  ];
}

/** Runs the issuer until a signal ended it. @throws ERR_ISSUER_…, ERR_LISTEN_FAILED */
export async function runIssuer(config: IssuerConfig, signals: StopSignals): Promise<void> {
  const writer = new LineWriter({ sink: openSink(STDOUT, clock), clock });
  const logger = createLogger({ lines: writer, level: config.log.level });
  const tally = new IssuerTally();
  const problem = (message: string, error: unknown): void => {
    tally.add('sallyport_issuer_problems_total');
    logger.error(message, errorFields(error));
  };
  const open: Closing[] = [];
  try {
    const issuer = await openIssuer({
      ...issuerOptions(config),
      secret: await readIssuerSecret(config.secretFile),
      onAudit: (entry) => logAudit(logger, entry),
      onProblem: (error) => problem('the issuer itself', error),
    });
    open.push(() => issuer.close());
    const found = (diagnostics: readonly Diagnostic[]): void => report({ logger, tally }, diagnostics);
    const federation = await openFederation({ config, issuer, found, problem });
    open.push(() => federation.close());
    const parts = { config, issuer, federation, tally, problem };
    const served = await openServers(parts, open);
    const status = await openStatus({ ...parts, ...served, writer }, open);
    logger.info('ready', {
      trustDomain: config.trustDomain,
      port: served.listener.port,
      status: `${status.host}:${status.port}`,
      admin: join(config.state, ADMIN_SOCKET),
    });
    await signals.untilStopped(async (signal) => {
      logger.info('shutting down', { signal });
      await closeAll(open);
    });
  } finally {
    await closeAll(open);
    await writer.flush(LIMITS.flushMs);
  }
}

/** The last opened first; what is closed is gone from the list. */
async function closeAll(open: Closing[]): Promise<void> {
  for (let close = open.pop(); close !== undefined; close = open.pop()) await close();
}

interface Parts {
  readonly config: IssuerConfig;
  readonly issuer: Issuer;
  readonly federation: Federation;
  readonly tally: IssuerTally;
  readonly problem: (message: string, error: unknown) => void;
}

interface Served {
  readonly listener: IssuerListener;
  readonly workloads: LocalWorkloads;
}

interface FederationParts {
  readonly config: IssuerConfig;
  readonly issuer: Issuer;
  readonly found: (diagnostics: readonly Diagnostic[]) => void;
  readonly problem: (message: string, error: unknown) => void;
}

async function openFederation({ config, issuer, found, problem }: FederationParts): Promise<Federation> {
  const bundles: ForeignBundle[] = [];
  if (config.federation.some(({ cache }) => cache !== null))
    await mkdir(join(config.state, FEDERATION_FOLDER), { recursive: true, mode: 0o700 });
  try {
    for (const one of config.federation) {
      const source = await openForeignBundles(one, { clock, random: Math.random });
      bundles.push({ trustDomain: one.trustDomain, source });
    }
  } catch (error) {
    for (const { source } of bundles) source.close();
    throw error;
  }
  return followFederation({ issuer, bundles, found, problem });
}

async function openServers({ config, issuer, tally, problem }: Parts, open: Closing[]): Promise<Served> {
  const { kubernetes, bundleEndpoint } = config;
  const reviewer = kubernetes === undefined ? null : await openTokenReviewer(kubernetes);
  const admin = await listenAdmin(join(config.state, ADMIN_SOCKET), {
    issuer,
    joinTokens: config.joinTokens,
    clock,
    problem,
  });
  open.push(() => admin.close());
  const listener = await openIssuerListener({
    ...{ issuer, config, reviewer, clock, tally, problem },
    random: Math.random,
  });
  open.push(() => listener.close(DRAIN_MS));
  const workloads = await serveWorkloads({ issuer, config, clock, random: Math.random, problem });
  open.push(() => workloads.close());
  if (bundleEndpoint !== undefined) {
    const endpoint = await openBundleEndpoint({
      config: bundleEndpoint,
      bundleText: bundleDocumentOf(issuer),
      clock,
      problem,
    });
    open.push(() => endpoint.close());
  }
  return { listener, workloads };
}

async function openStatus(
  parts: Parts & Served & { readonly writer: LineWriter },
  open: Closing[],
): Promise<{ readonly host: string; readonly port: number }> {
  const { config, issuer, federation, tally, listener, workloads, writer, problem } = parts;
  const version = packageVersion();
  const faults = () => federation.problems().filter(({ severity }) => severity === 'error');
  const exposer = new Exposer(ISSUER_METRICS, async () =>
    tally.read(issuer, {
      version,
      polls: listener.polls,
      svidExpiryMs: listener.svidExpiryMs,
      workloads: workloads.counts(),
      federationProblems: faults().length,
      logDropped: writer.dropped,
    }),
  );
  const server = createStatusServer({
    readiness: () => ({
      reasons: listener.svidExpiryMs === null ? ['the issuer has no SVID of its own'] : [],
      softer: [],
      warnings: faults().map(({ message, code }) => `federation: ${message} [${code}]`),
    }),
    metrics: () => exposer.expose(),
    defect: (error) => problem('the status address failed', error),
  });
  const status = await listen(server, { ...config.status.address, key: 'status.address' });
  open.push(() => status.close());
  return status;
}

function issuerOptions({ trustDomain, state, svid, ca, refreshHint, limits }: IssuerConfig) {
  const perMinute = (count: number) => ({ burst: count, perSecond: count / 60 });
  return {
    trustDomain,
    stateFolder: state,
    clock,
    svidTtlMs: svid.ttl,
    caTtlMs: ca.ttl,
    overlapMs: ca.overlap,
    refreshHintMs: refreshHint,
    limits: {
      identity: perMinute(limits.issuancesPerIdentity),
      address: perMinute(limits.failuresPerAddress),
    },
  };
}

/** What the source of a foreign bundle found; the last good one is told meanwhile. */
function report(
  { logger, tally }: { readonly logger: Logger; readonly tally: IssuerTally },
  diagnostics: readonly Diagnostic[],
): void {
  for (const diagnostic of diagnostics) {
    const { severity } = diagnostic;
    if (severity === 'error') tally.add('sallyport_issuer_problems_total');
    const level = severity === 'error' ? 'error' : 'warn';
    logger[level]('a foreign bundle', { ...diagnostic });
  }
}

/** The entry as it was hashed, so that the log alone shows when the database was changed. */
function logAudit(logger: Logger, { entry, hash }: AuditEntry): void {
  const audit: unknown = JSON.parse(entry);
  logger.info('audit', { audit, hash });
}

function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof SallyportError) return { code: error.code, error: error.message };
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
