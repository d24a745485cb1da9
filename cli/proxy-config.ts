// An edited configuration file of a running proxy: `policy.mode` is followed, anything else waits for a
// restart.
import type { Config } from '../core/config/config.ts';
import { SallyportError } from '../core/errors.ts';
import type { Loader } from '../policy/worker-client.ts';
import type { Logger } from '../proxy/record/logger.ts';
import type { ProxyServer } from '../proxy/server.ts';
import { effectiveMode, softerThanEnforce } from '../proxy/softer.ts';

/** A running proxy and the configuration that it was started with. */
export interface Running {
  readonly config: Config;
  readonly loader: Loader;
  readonly server: ProxyServer;
  readonly logger: Logger;
}

/** Reads the file again and applies what can be applied. Never rejects: a bad file leaves the running one. */
export async function followConfig(running: Running): Promise<void> {
  const { config, loader, server, logger } = running;
  let next: Config;
  try {
    next = await loader.loadConfig(config.file);
  } catch (error) {
    server.recorder.policyLoaded('config', 'refused');
    logger.error('the configuration is refused, the running one stays', { err: error });
    const found = error instanceof SallyportError ? error.diagnostics : [];
    for (const problem of found) logger.error('configuration fault', { ...problem });
    return;
  }
  server.setMode(next.policy.mode);
  server.recorder.policyLoaded('config', 'ok');
  const mode = effectiveMode(softerThanEnforce(config, next.policy.mode));
  logger.info('configuration read again', { mode });
  const keys = changedKeys(config, { ...next, policy: { ...next.policy, mode: config.policy.mode } });
  if (keys.length === 0) return;
  logger.warn('the configuration changed: restart to apply it (only policy.mode is followed)', {
    file: config.file,
    keys,
  });
}

/** Where two configurations differ: `log.decisions`, `listeners[0].limits.headers`. */
function changedKeys(before: unknown, after: unknown, at = ''): string[] {
  if (Object.is(before, after)) return [];
  if (!isNested(before) || !isNested(after)) return [at];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const inList = Array.isArray(before) && Array.isArray(after);
  return [...keys].flatMap((key) => {
    const path = inList ? `${at}[${key}]` : at === '' ? key : `${at}.${key}`;
    return changedKeys(Reflect.get(before, key), Reflect.get(after, key), path);
  });
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;
