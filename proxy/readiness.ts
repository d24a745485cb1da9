// The truth about readiness: what /readyz answers, and one log line whenever it changes (demand 24).
import { identityReadiness } from '../certs/source.ts';
import { identityWarnings } from './identity-problems.ts';
import type { ProxyDeps, ProxyServer } from './server.ts';
import { effectiveMode, softerText, softerThanEnforce } from './softer.ts';
import type { Readiness } from './status/status-server.ts';

/** Every reason why traffic must not come, and everything softer than enforce. */
export function readinessOf(proxy: ProxyServer, deps: ProxyDeps): Readiness {
  const reasons: string[] = [];
  const policy = deps.policy.current();
  if (policy.table.failure !== null) reasons.push(`policy: ${policy.table.failure}`);
  if (deps.svid !== null) {
    const identity = identityReadiness(deps.svid.current(), deps.clock.now());
    if (!identity.valid) reasons.push('identity: there is no valid SVID');
    else if (!identity.ready)
      reasons.push(`identity: the SVID expires in ${Math.round(identity.expiresInMs / 1_000)} s`);
  }
  if (!proxy.listening) reasons.push('listeners: not bound yet');
  if (proxy.runtime.draining) reasons.push('shutdown: draining');
  const softer = softerThanEnforce(deps.config, proxy.enforcement.mode).map(softerText);
  return { reasons, softer, warnings: identityWarnings(deps.svid) };
}

const LOOK_MS = 1_000;

/**
 * Logs `ready` or `not ready` now and at every change, with the effective mode and `addresses`.
 * Returns the way to stop.
 */
export function followReadiness(
  proxy: ProxyServer,
  deps: ProxyDeps,
  addresses: Readonly<Record<string, string>>,
): () => void {
  const { config, policy, svid, clock, logger } = deps;
  let wasReady: boolean | null = null;
  const look = (): void => {
    const { reasons } = readinessOf(proxy, deps);
    const ready = reasons.length === 0;
    if (ready === wasReady) return;
    wasReady = ready;
    const fields = {
      mode: effectiveMode(softerThanEnforce(config, proxy.enforcement.mode)),
      policyHash: policy.current().policyHash,
      id: svid?.current()?.spiffeId.uri ?? null,
      ...addresses,
    };
    if (ready) logger.info('ready', fields);
    else logger.error('not ready', { ...fields, reasons });
  };
  look();
  const stops = [policy.onChange(look), svid?.onChange(look)];
  // An SVID comes close to its end without an event.
  let timer = clock.after(LOOK_MS, function again() {
    look();
    timer = clock.after(LOOK_MS, again);
  });
  return () => {
    timer.cancel();
    for (const stop of stops) stop?.();
  };
}
