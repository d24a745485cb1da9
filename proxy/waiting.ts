// What status and admin address answer before the proxy knows who it is: alive, not ready, and why.
import type { Config } from '../core/config/config.ts';
import type { ManagementSources } from './management.ts';
import { Metrics } from './record/metrics.ts';
import { MetricsRender } from './record/metrics-render.ts';
import { softerText, softerThanEnforce } from './softer.ts';

/** The wait for the first SVID. */
export interface IdentityWait {
  readonly config: Config;
  readonly version: string;
  /** Why there is none yet, in words; null = nobody said. */
  readonly reason: () => string | null;
  readonly waitedMs: () => number;
}

/** Answers for the time of `wait`. */
export function waitingSources({ config, version, reason, waitedMs }: IdentityWait): ManagementSources {
  const unknown = (): null => null;
  const facts = {
    version,
    mode: () => config.policy.mode,
    policyHash: unknown,
    policyLoadedMs: unknown,
    emergencyRules: () => 0,
    svidExpiryMs: unknown,
    identityAtMs: unknown,
    identityProblems: unknown,
    identityWaitMs: waitedMs,
  };
  const nothingLost = { logDropped: 0, flowOverflow: 0, flowFileErrors: 0, spans: null };
  const render = new MetricsRender(new Metrics([]), facts, () => nothingLost);
  return {
    readiness() {
      const why = reason();
      const waiting = 'identity: waiting for the first SVID';
      return {
        reasons: [why === null ? waiting : `${waiting}: ${why}`, 'listeners: not bound yet'],
        softer: softerThanEnforce(config, config.policy.mode).map(softerText),
        warnings: [],
      };
    },
    metrics: () => render.expose(),
    admin: { policy: unknown, connections: () => [], flowTexts: () => [], config: () => config },
  };
}
