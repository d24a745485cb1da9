// The proxy of one process: listeners, guard, records, status and admin addresses, wired to the policy and
// SVID sources.
import type { IdentityState, SvidSource } from '../certs/source.ts';
import type { Clock } from '../core/clock.ts';
import type { Config, ListenerConfig } from '../core/config/config.ts';
import { LIMITS } from '../core/limits.ts';
import type { Workload } from '../policy/model.ts';
import { nearest } from '../policy/near.ts';
import type { NearRule } from '../policy/request.ts';
import type { LoadOutcome, PolicySource, PolicyState } from '../policy/source.ts';
import { referencedHeaders } from '../policy/table.ts';
import type { CallerConnection } from './caller-connection.ts';
import type { Enforcement } from './decide.ts';
import { type DescriptorUse, shareDescriptors } from './descriptors.ts';
import { boundedResolve, resolveBy, systemResolve } from './egress/resolve.ts';
import { Guard } from './guard.ts';
import type { ChunkedOptions } from './http1/chunked.ts';
import type { RequestParserOptions } from './http1/parse-request.ts';
import { ProtectedNames } from './http1/protected-names.ts';
import { RequestState } from './http1/request-state.ts';
import { SessionParts } from './http2/session-parts.ts';
import { followRefusals } from './identity-problems.ts';
import { Shutdown } from './lifecycle.ts';
import { HttpListener } from './listener.ts';
import { listenerOptions } from './listener-options.ts';
import { listenerRef } from './listener-ref.ts';
import type { LineWriter } from './record/line-writer.ts';
import type { Logger } from './record/logger.ts';
import type { ListenerRef, RequestRecord, SpanSink } from './record/record.ts';
import { createRecorder, type LiveRecorder } from './record/recorder.ts';
import { RequestIds } from './request-ids.ts';
import type { Runtime } from './runtime.ts';
import { Sweeper } from './sweeper.ts';
import { createOwnIdentity, type OwnIdentity } from './tls/own-identity.ts';

export interface ProxyDeps {
  readonly config: Config;
  readonly workload: Workload;
  readonly policy: PolicySource;
  /** Null when no listener speaks TLS. */
  readonly svid: SvidSource | null;
  /** How long the start waited for the first SVID. */
  readonly identityWaitMs: number | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writer: LineWriter;
  /** Where spans go; null = tracing is off. */
  readonly spans: SpanSink | null;
  readonly version: string;
  /** What the process may open, read before any traffic. */
  readonly descriptors: DescriptorUse;
  /** PEM of the CA files that destinations name, by path. */
  readonly authorities: ReadonlyMap<string, string>;
}

export class ProxyServer {
  readonly recorder: LiveRecorder;
  readonly listeners: readonly HttpListener[];
  readonly enforcement: Enforcement;
  readonly runtime: Runtime;
  private readonly deps: ProxyDeps;
  private readonly guard: Guard;
  private readonly shutdownSteps: Shutdown;
  /** What holds the protected names, to be given the new ones at a swap. */
  private readonly named: { names: ProtectedNames }[] = [];
  /** True once every listener is bound. */
  listening = false;
  private identity: OwnIdentity | null = null;
  /** When `identity` became what it is, wall milliseconds. */
  private identityAtMs: number | null = null;
  private readonly http2 = new SessionParts();
  private protectedNames: ProtectedNames;

  constructor(deps: ProxyDeps) {
    const { config, clock, policy } = deps;
    this.deps = deps;
    this.enforcement = { source: policy, mode: config.policy.mode };
    this.protectedNames = new ProtectedNames(referencedHeaders(policy.current().table));
    const refs = config.listeners.map((listener, i) => listenerRef(listener, i, deps.workload));
    this.recorder = this.createRecorder(refs);
    this.runtime = {
      clock,
      sweeper: new Sweeper(clock),
      enforcement: this.enforcement,
      recorder: this.recorder,
      ids: new RequestIds(),
      sampleShare: config.tracing?.sample ?? null,
      descriptors: shareDescriptors(deps.descriptors),
      revokeGraceMs: config.policy.revokeGrace,
      draining: false,
      defect: (error) => deps.logger.error('contained a defect', { err: error }),
      notice: (reason, message) => deps.logger.info(message, { reason }),
    };
    this.listeners = config.listeners.map((listener, i) =>
      this.createListener(listener, refs[i] as ListenerRef),
    );
    this.guard = new Guard({
      clock,
      revokeGraceMs: config.policy.revokeGrace,
      connections: () => this.connections(),
      defect: this.runtime.defect,
    });
    this.shutdownSteps = new Shutdown(
      { clock, delayMs: config.shutdown.delay, drainMs: config.shutdown.drain },
      this.runtime,
      this.listeners,
    );
  }

  /** Takes the identity and follows it: what can be done while the policies are loaded. */
  prepare(): void {
    const { svid } = this.deps;
    const state = svid?.current() ?? null;
    if (state !== null) this.setIdentity(state);
    svid?.onChange((next) => this.identityChanged(next));
    if (svid !== null) followRefusals(svid, () => this.recorder.identityUpdated('refused'));
  }

  /** Follows the policies, whose first load is done, and listens. @throws ERR_LISTEN_FAILED */
  async listen(): Promise<void> {
    const { policy } = this.deps;
    policy.onChange(() => this.policySwapped());
    policy.onLoad((sets) => this.countLoads(sets));
    this.countLoads(firstOutcomes(policy.current()));
    this.policyChanged();
    this.recorder.start();
    this.runtime.sweeper.add(this.http2);
    this.tellDescriptors();
    for (const listener of this.listeners) {
      const bound = await listener.listen();
      this.deps.logger.info('listening', {
        listener: listener.ref.name,
        address: `${bound.host}:${bound.port}`,
      });
    }
    this.listening = true;
  }

  /** `policy.mode` changed in the configuration file. */
  setMode(mode: 'enforce' | 'audit'): void {
    if (this.enforcement.mode === mode) return;
    this.enforcement.mode = mode;
    this.guard.policyChanged();
  }

  /** See Shutdown. */
  async shutdown(): Promise<void> {
    await this.shutdownSteps.run();
  }

  /** Ends everything that still runs and writes the last records. */
  async close(): Promise<void> {
    for (const listener of this.listeners) listener.destroy();
    this.guard.close();
    this.runtime.sweeper.close();
    await this.recorder.close(LIMITS.flushMs);
  }

  /** Every open connection of every listener. */
  *connections(): Iterable<CallerConnection> {
    for (const listener of this.listeners) yield* listener.connections;
  }

  /** A limit that cannot be reached is told at the start, not by the first caller that is refused. */
  private tellDescriptors(): void {
    const { config, logger, descriptors } = this.deps;
    const { max } = this.runtime.descriptors.downstream;
    const wanted = config.listeners.reduce((sum, { limits }) => sum + limits.connections, 0);
    if (wanted <= max) return;
    logger.warn('file descriptors allow fewer connections than limits.connections', {
      'limits.connections': wanted,
      allowed: max,
      'ulimit -n': descriptors.limit,
    });
  }

  private setIdentity(state: IdentityState): OwnIdentity {
    const identity = createOwnIdentity(state, this.minTlsVersion());
    this.identity = identity;
    this.identityAtMs = this.deps.clock.now();
    return identity;
  }

  private identityChanged(state: IdentityState): void {
    let identity: OwnIdentity;
    try {
      identity = this.setIdentity(state);
    } catch (error) {
      // The last good context stays; the source verified the set, so this is OpenSSL's opinion alone.
      this.deps.logger.error('openssl refuses the new identity, the old one stays', { err: error });
      this.recorder.identityUpdated('refused');
      return;
    }
    this.recorder.identityUpdated('ok');
    this.deps.logger.info('identity swapped', { generation: state.generation, id: state.spiffeId.uri });
    this.guard.identityChanged(identity);
    for (const { upstreams } of this.listeners) upstreams.identityChanged(identity);
  }

  private policySwapped(): void {
    const { policyHash, revision } = this.deps.policy.current();
    const emergencyRules = this.deps.policy.emergencyRules();
    this.deps.logger.info('policy swapped', { policyHash, revision, emergencyRules });
    this.policyChanged();
  }

  private policyChanged(): void {
    const { table } = this.deps.policy.current();
    const headers = referencedHeaders(table);
    this.protectedNames = new ProtectedNames(headers);
    for (const options of this.named) options.names = this.protectedNames;
    this.recorder.policySwapped(headers);
    this.guard.policyChanged();
  }

  /** The sources of sallyport_policy_loads_total have the same two names in every namespace. */
  private countLoads(sets: readonly LoadOutcome[]): void {
    const own = this.deps.workload.namespace;
    for (const { namespace, result } of sets)
      this.recorder.policyLoaded(namespace === own ? 'namespace' : 'root', result);
  }

  private minTlsVersion(): 'TLSv1.2' | 'TLSv1.3' {
    return 'TLSv1.3';
  }

  private createListener(config: ListenerConfig, ref: ListenerRef): HttpListener {
    const parserOptions: RequestParserOptions = {
      headBytesMax: config.limits.headBytes,
      headersMax: config.limits.headers,
      targetBytesMax: LIMITS.targetBytes,
      paths: config.paths.ambiguous,
      proxy: config.protocol === 'http-proxy',
      names: this.protectedNames,
    };
    const chunked: ChunkedOptions = {
      trailerBytesMax: LIMITS.trailerBytes,
      trailersMax: LIMITS.trailers,
      names: this.protectedNames,
    };
    this.named.push(parserOptions, chunked);
    return new HttpListener({
      runtime: this.runtime,
      ref,
      config,
      options: listenerOptions(config, chunked),
      http2: this.http2,
      parserOptions,
      graceAfterExpiryMs: this.deps.config.identity.graceAfterExpiry,
      identity: () => this.identity,
      resolve: boundedResolve(config.dnsServers.length === 0 ? systemResolve : resolveBy(config.dnsServers)),
      authorities: this.deps.authorities,
    });
  }

  private createRecorder(listeners: readonly ListenerRef[]): LiveRecorder {
    const { config, policy, svid, clock, logger, writer, spans, version } = this.deps;
    return createRecorder({
      listeners,
      log: config.log,
      flows: { file: config.flows.file, intervalMs: config.flows.interval },
      spans,
      writer,
      logger,
      clock,
      random: Math.random,
      explain: (record) => this.explain(record),
      facts: {
        version,
        mode: () => this.enforcement.mode,
        policyHash: () => policy.current().policyHash,
        policyLoadedMs: () => policy.current().loadedAtMs,
        emergencyRules: () => policy.emergencyRules(),
        svidExpiryMs: () => svid?.current()?.notAfterMs ?? null,
        identityAtMs: () => this.identityAtMs,
        identityProblems: () =>
          svid?.problems().filter(({ severity }) => severity === 'error').length ?? null,
        identityWaitMs: () => this.deps.identityWaitMs,
      },
    });
  }

  private explain(record: RequestRecord): readonly NearRule[] {
    if (!(record instanceof RequestState)) return [];
    const { table } = this.deps.policy.current();
    return nearest(table, record.facts, record, this.deps.clock.now());
  }
}

/** What the load did that was over before anybody could listen. */
function firstOutcomes({ sources: { root, namespace } }: PolicyState): LoadOutcome[] {
  const sets = root.namespace === namespace.namespace ? [namespace] : [root, namespace];
  return sets.flatMap(({ namespace: name, result }) =>
    result === 'none' ? [] : [{ namespace: name, result }],
  );
}
