// `sallyport proxy --config FILE`: opens the sources, starts the proxy, follows the file, and ends on a signal.
import { parseArgs } from 'node:util';
import { openFileSource } from '../certs/file-source.ts';
import type { SvidSource } from '../certs/source.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Config, type ResolvedWorkload, resolveWorkload } from '../core/config.ts';
import { type Diagnostic, SallyportError } from '../core/errors.ts';
import { watchPaths } from '../core/file-watch.ts';
import { createFilePolicySource, type PolicySource } from '../policy/source.ts';
import { type Loader, startLoader } from '../policy/worker-client.ts';
import { startManagement } from '../proxy/management.ts';
import { openSink } from '../proxy/record/line-sink.ts';
import { LineWriter } from '../proxy/record/line-writer.ts';
import { createLogger, type Logger } from '../proxy/record/logger.ts';
import { type ProxyDeps, ProxyServer } from '../proxy/server.ts';
import { effectiveMode, softerThanEnforce } from '../proxy/softer.ts';
import type { Verb } from './io.ts';
import { packageVersion } from './version.ts';

const STDOUT = 1;

/** Runs until SIGTERM or SIGINT; a second signal ends at once. */
export const proxy: Verb = async (args) => {
  const { values } = parseArgs({ args: [...args], options: { config: { type: 'string' } }, strict: true });
  if (values.config === undefined)
    throw new SallyportError('ERR_CLI_USAGE', '`sallyport proxy` needs --config FILE', {
      hint: 'make one with `sallyport init DIR`',
    });
  const clock = systemClock;
  // YAML and its schema are read in the loader process: this one never loads that code.
  const loader = startLoader(clock);
  const config = await loader.loadConfig(values.config);
  const writer = new LineWriter({ sink: openSink(STDOUT, clock), clock });
  const logger = createLogger({ lines: writer, level: config.log.level, fields: config.log.fields });
  const svid = await openSvidSource(config);
  const policy = openPolicySource(config, svid, { clock, loader });
  const workload = workloadOf(config, svid);
  const deps: ProxyDeps = {
    config,
    workload,
    policy,
    svid,
    clock,
    logger,
    writer,
    version: packageVersion(),
  };
  try {
    await serve(deps, loader);
  } finally {
    policy.close();
    svid.close();
  }
  return 0;
};

/** From the first load to the end of the shutdown. */
async function serve(deps: ProxyDeps, loader: Loader): Promise<void> {
  const { config, policy, svid, logger } = deps;
  await policy.ready;
  const server = new ProxyServer(deps);
  svid?.onProblem((problems) => report(logger, 'identity update refused, the last good one stays', problems));
  policy.onProblem((problems) => report(logger, 'policy findings', problems));
  report(logger, 'policy findings', policy.problems());
  const management = await startManagement(server, deps);
  try {
    await server.start();
    logger.info('ready', {
      mode: effectiveMode(softerThanEnforce(config, config.policy.mode)),
      policyHash: policy.current().policyHash,
      id: svid?.current()?.spiffeId.uri ?? null,
      status: `${management.status.host}:${management.status.port}`,
      admin: `${management.admin.host}:${management.admin.port}`,
    });
    const watch = watchPaths([config.file], () => void followConfig({ config, loader, server, logger }));
    await untilSignal((signal) => {
      logger.info('shutting down', { signal });
      return server.shutdown();
    });
    watch.close();
  } finally {
    await server.close();
    await management.close();
  }
}

function openSvidSource(config: Config): Promise<SvidSource> {
  const { files } = config.identity;
  return openFileSource({
    trustDomain: config.identity.trustDomain,
    certificateFile: files.certificate,
    keyFile: files.key,
    bundleFiles: files.bundles,
    crlFiles: files.crls,
  });
}

function workloadOf(config: Config, svid: SvidSource): ResolvedWorkload {
  const id = svid.current()?.spiffeId;
  if (id === undefined) throw new SallyportError('ERR_IDENTITY_MISSING', 'there is no SVID');
  return resolveWorkload(config, id);
}

function openPolicySource(
  config: Config,
  svid: SvidSource,
  from: { readonly clock: Clock; readonly loader: Loader },
): PolicySource {
  const { policy, identity, listeners } = config;
  return createFilePolicySource({
    paths: policy.files,
    workload: workloadOf(config, svid),
    options: {
      rootNamespace: policy.rootNamespace,
      defaultVerdict: policy.defaultVerdict,
      localTrustDomain: identity.trustDomain,
      trustDomains: policy.trustDomains,
      trustDomainAliases: policy.trustDomainAliases,
      emergencyMaxMs: policy.emergencyMax,
      acceptsPlaintext: listeners.some((l) => l.mtls !== 'strict'),
      tcpPorts: [],
    },
    ...from,
  });
}

interface Running {
  readonly config: Config;
  readonly loader: Loader;
  readonly server: ProxyServer;
  readonly logger: Logger;
}

/** `policy.mode` is followed; any other change of the file is reported and waits for a restart. */
async function followConfig(running: Running): Promise<void> {
  const { config, loader, server, logger } = running;
  try {
    const next = await loader.loadConfig(config.file);
    server.setMode(next.policy.mode);
    const same = { ...next, policy: { ...next.policy, mode: config.policy.mode } };
    if (JSON.stringify(same) === JSON.stringify(config)) {
      logger.info('configuration read again', {
        mode: effectiveMode(softerThanEnforce(config, next.policy.mode)),
      });
    } else {
      server.recorder.policyLoaded('config', 'refused');
      logger.warn('the configuration changed: restart to apply it (only policy.mode is followed)', {
        file: config.file,
      });
    }
  } catch (error) {
    server.recorder.policyLoaded('config', 'refused');
    const problems = error instanceof SallyportError ? error.diagnostics : [];
    logger.error('the configuration is refused, the running one stays', { err: error });
    report(logger, 'configuration fault', problems);
  }
}

function report(logger: Logger, message: string, problems: readonly Diagnostic[]): void {
  for (const problem of problems) {
    const level = problem.severity === 'error' ? 'error' : problem.severity === 'warning' ? 'warn' : 'info';
    logger[level](message, { ...problem });
  }
}

function untilSignal(stop: (signal: string) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const onSignal = (signal: string): void => void stop(signal).then(resolve, reject);
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
