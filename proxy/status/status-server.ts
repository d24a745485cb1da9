// The status address, for probes and Prometheus: /healthz, /readyz and /metrics, nothing else.
import type { Server } from 'node:net';
import type { Exposition } from '../record/metrics-render.ts';
import { createLocalServer, type Handler, text } from './local-server.ts';

/** The truth about readiness, asked for at every probe. */
export interface Readiness {
  /** Why traffic must not come: identity, policy, listeners, draining. Empty = ready. */
  readonly reasons: readonly string[];
  /** Everything softer than enforce, one line each: audit, permissive, off, allow-when-unselected, grace. */
  readonly softer: readonly string[];
  /** What is not well and does not stop traffic yet. */
  readonly warnings: readonly string[];
}

/** Collects readiness from those who know. */
export type ReadinessProbe = () => Readiness;

/** Makes the status server; `listen` binds it. */
export function createStatusServer(options: {
  readiness: ReadinessProbe;
  metrics: () => Promise<Exposition>;
  defect: (error: unknown) => void;
}): Server {
  const { readiness, metrics, defect } = options;
  return createLocalServer({
    defect,
    routes: new Map<string, Handler>([
      ['/healthz', () => text(200, ['ok'])],
      ['/readyz', () => readinessAnswer(readiness())],
      [
        '/metrics',
        async () => {
          const { contentType, body } = await metrics();
          return { status: 200, contentType, body };
        },
      ],
    ]),
  });
}

function readinessAnswer({ reasons, softer, warnings }: Readiness): ReturnType<typeof text> {
  const ready = reasons.length === 0;
  return text(ready ? 200 : 503, [
    ready ? 'ready' : 'not ready',
    ...reasons.map((reason) => `reason: ${reason}`),
    ...softer.map((line) => `softer than enforce: ${line}`),
    ...warnings.map((line) => `warning: ${line}`),
  ]);
}
