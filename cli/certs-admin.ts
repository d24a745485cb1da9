// What the verbs for a running issuer share: where its admin socket is, who asks, and times for people.
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { ADMIN_SOCKET } from '../core/issuer-config/config.ts';
import { usage } from './args.ts';
import { parseTtl } from './certs-arguments.ts';
import type { Io } from './io.ts';

/** The options that say which issuer is meant. */
export const ISSUER_OPTIONS = {
  config: { type: 'string' },
  state: { type: 'string' },
  socket: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** Usage of these options. */
export const ISSUER_USAGE = '[--state DIR | --config FILE | --socket PATH] [--json]';

/** The admin socket that the options name. @throws ERR_USAGE, ERR_CONFIG_… */
export async function adminSocket(
  io: Io,
  values: { readonly config?: string; readonly state?: string; readonly socket?: string },
): Promise<string> {
  const { config, state, socket } = values;
  if ([config, state, socket].filter((value) => value !== undefined).length > 1)
    throw usage('`--config`, `--state` and `--socket` name the same thing', 'give one of them');
  if (socket !== undefined) return resolve(io.cwd, socket);
  if (config === undefined) return resolve(io.cwd, state ?? 'state', ADMIN_SOCKET);
  const { loadIssuerConfig } = await import('../core/issuer-config/load.ts');
  return join((await loadIssuerConfig(resolve(io.cwd, config))).state, ADMIN_SOCKET);
}

/** Who asks, for the audit log: the user of this process. */
export function author(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // a user without a name, as in many containers
  }
}

/** `10m` as whole seconds. @throws ERR_USAGE */
export function ttlSeconds(text: string): number {
  return Math.max(1, Math.round(parseTtl(text) / 1000));
}

/** `in 3 h`, `2 d ago`: the distance of a time from now, in its largest unit. */
export function fromNow(ms: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(ms - nowMs) / 1000);
  const [unit, size] = UNITS.find(([, of]) => seconds >= of) ?? ['s', 1];
  const distance = `${Math.floor(seconds / size)} ${unit}`;
  return ms >= nowMs ? `in ${distance}` : `${distance} ago`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;
