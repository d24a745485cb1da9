// The composition root of `sallyport proxy`: opens the sources, starts the proxy on them, and ends on a
// signal.
import { open, readFile } from 'node:fs/promises';
import type { SvidSource } from '../certs/source.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Config, type ResolvedWorkload, resolveWorkload } from '../core/config/config.ts';
import { type Diagnostic, errorCode, SallyportError } from '../core/errors.ts';
import { createFilePolicySource, type PolicySource } from '../policy/source.ts';
import type { Loader } from '../policy/worker-client.ts';
import { readDescriptorUse } from '../proxy/descriptors.ts';
import { problemHead } from '../proxy/identity-problems.ts';
import { type Management, sourcesOf, startManagement } from '../proxy/management.ts';
import { followReadiness } from '../proxy/readiness.ts';
import { openSink } from '../proxy/record/line-sink.ts';
import { LineWriter } from '../proxy/record/line-writer.ts';
import { createLogger, type Logger } from '../proxy/record/logger.ts';
import type { SpanSink } from '../proxy/record/record.ts';
import { type ProxyDeps, ProxyServer } from '../proxy/server.ts';
import { waitingSources } from '../proxy/waiting.ts';
import { policyOptionsOf } from './policy/options.ts';
import { followConfig } from './proxy-config.ts';
import type { FileEdits, StopSignals } from './proxy-events.ts';
import { openIdentity } from './proxy-identity.ts';
import { packageVersion } from './version.ts';

/** What `sallyport proxy` has at hand once the configuration is read. */
export interface ProxyRun {
  readonly config: Config;
  readonly loader: Loader;
  readonly signals: StopSignals;
  readonly edits: FileEdits;
}

const STDOUT = 1;

/**
 * Runs the proxy until a signal ended it. @throws ERR_IDENTITY_LOAD, ERR_LISTEN_FAILED, ERR_FLOWS_FILE,
 * ERR_TRACING_CA, ERR_CONFIG_…
 */
export async function runProxy(run: ProxyRun): Promise<void> {
  const { config, loader } = run;
  const clock = systemClock;
  const writer = new LineWriter({ sink: openSink(STDOUT, clock), clock });
  const logger = createLogger({ lines: writer, level: config.log.level, fields: config.log.fields });
  if (config.flows.file !== null) await checkWritable(config.flows.file);
  const version = packageVersion();
  const wait = startWait(run, clock, logger);
  // Probes are answered from here on: an agent may let this workload wait for its identity.
  const defect = (error: unknown): void => logger.error('contained a defect', { err: error });
  const management = await startManagement(config, waitingSources({ config, version, ...wait }), defect);
  const followPolicies = (workload: ResolvedWorkload): PolicySource =>
    createFilePolicySource({
      paths: config.policy.files,
      workload,
      options: policyOptionsOf(config),
      clock,
      loader,
    });
  // PERF: when the configuration says for whom, policies are loaded while the SVID opens (bench `start`).
  const said = saidWorkload(config);
  let policy = said === null ? null : followPolicies(said);
  let svid: SvidSource | null = null;
  try {
    svid = await openIdentity(config, { clock, random: Math.random, onWaiting: wait.tell });
    const identityWaitMs = wait.waitedMs();
    const workload = workloadOf(config, svid);
    policy ??= followPolicies(workload);
    const spans = await openSpans({ config, workload, clock, logger, version });
    const descriptors = readDescriptorUse();
    const authorities = await readAuthorities(config);
    const known = { config, workload, policy, svid, identityWaitMs, authorities, version, descriptors };
    await serve({ ...known, clock, logger, writer, spans }, management, run);
  } finally {
    policy?.close();
    svid?.close();
    await management.close();
  }
}

/** The time until the first SVID, and what is known about why it takes so long. */
function startWait(
  { config }: ProxyRun,
  clock: Clock,
  logger: Logger,
): { reason: () => string | null; waitedMs: () => number; tell: (why: Diagnostic) => void } {
  const askedMs = clock.monotonicMs();
  let last: string | null = null;
  return {
    reason: () => last,
    waitedMs: () => clock.monotonicMs() - askedMs,
    tell(why) {
      if (why.message === last) return;
      last = why.message;
      logger.warn('waiting for the first SVID', { ...why, trustDomain: config.identity.trustDomain });
    },
  };
}

/** The workload when the configuration leaves nothing to the SVID. */
function saidWorkload({ workload }: Config): ResolvedWorkload | null {
  const { namespace, serviceAccount, labels } = workload;
  return namespace === undefined || serviceAccount === undefined
    ? null
    : { namespace, serviceAccount, labels };
}

/** Null while tracing is off: then none of its code is loaded. @throws ERR_TRACING_CA */
async function openSpans(
  deps: Pick<ProxyDeps, 'config' | 'workload' | 'clock' | 'logger' | 'version'>,
): Promise<SpanSink | null> {
  const { config, workload } = deps;
  if (config.tracing === undefined) return null;
  const { openTracing } = await import('../proxy/record/trace/open-tracing.ts');
  const { namespace, serviceAccount, labels } = workload;
  return openTracing(config.tracing, {
    ...deps,
    workload: { name: serviceAccount ?? '', namespace },
    labels,
    redact: config.log.redact,
    random: Math.random,
  });
}

/** From the first load to the end of the shutdown. */
async function serve(
  deps: ProxyDeps,
  management: Management,
  { signals, edits, loader }: ProxyRun,
): Promise<void> {
  const { config, policy, svid, logger } = deps;
  const server = new ProxyServer(deps);
  svid?.onProblem((problems) => report(logger, problemHead, problems));
  report(logger, 'identity findings', svid?.problems() ?? []);
  management.serve(sourcesOf(server, deps)); // not ready, while the policies are loaded
  try {
    server.prepare();
    await policy.ready;
    policy.onProblem((problems) => report(logger, 'policy findings', problems));
    report(logger, 'policy findings', policy.problems());
    await server.listen();
    const stopFollowing = followReadiness(server, deps, {
      status: `${management.status.host}:${management.status.port}`,
      admin: `${management.admin.host}:${management.admin.port}`,
    });
    edits.follow(() => void followConfig({ config, loader, server, logger }));
    await signals.untilStopped((signal) => {
      logger.info('shutting down', { signal });
      return server.shutdown();
    });
    stopFollowing();
  } finally {
    await server.close();
  }
}

/** The CA files that destinations name. @throws ERR_CONFIG_AUTHORITY */
async function readAuthorities({ listeners }: Config): Promise<Map<string, string>> {
  const authorities = new Map<string, string>();
  for (const { destinations } of listeners) {
    for (const { ca, host } of destinations) {
      if (ca === null || authorities.has(ca)) continue;
      const wrong = (cause: unknown): SallyportError =>
        new SallyportError(
          'ERR_CONFIG_AUTHORITY',
          `the \`ca\` of destination \`${host}\`, \`${ca}\`, is not usable`,
          {
            hint: 'it is a PEM file of CA certificates that this process may read',
            cause,
          },
        );
      const pem = await readFile(ca, 'latin1').catch((error: unknown) => Promise.reject(wrong(error)));
      if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw wrong(null);
      authorities.set(ca, pem);
    }
  }
  return authorities;
}

function workloadOf(config: Config, svid: SvidSource): ResolvedWorkload {
  const id = svid.current()?.spiffeId;
  if (id === undefined) throw new SallyportError('ERR_IDENTITY_MISSING', 'there is no SVID');
  return resolveWorkload(config, id);
}

/**
 * A flow file that cannot be opened is wrong configuration at the start; later it costs records, not the
 * proxy.
 */
async function checkWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a', 0o640)).close();
  } catch (error) {
    const code = errorCode(error);
    const hint =
      code === 'ENOENT'
        ? 'make its folder, or change `flows.file`'
        : 'let the user of this process write there, or change `flows.file`';
    throw new SallyportError('ERR_FLOWS_FILE', `flow records cannot be written to \`${file}\`: ${code}`, {
      hint,
      cause: error,
    });
  }
}

function report(
  logger: Logger,
  head: string | ((problem: Diagnostic) => string),
  problems: readonly Diagnostic[],
): void {
  for (const problem of problems) {
    const level = problem.severity === 'error' ? 'error' : problem.severity === 'warning' ? 'warn' : 'info';
    logger[level](typeof head === 'string' ? head : head(problem), { ...problem });
  }
}
