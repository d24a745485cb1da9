// The admin address, for people and tools on the machine: what the proxy knows, as JSON. It changes nothing.
// A web page in a browser on this machine could reach it by a name that resolves to 127.0.0.1 (DNS
// rebinding), so that only requests whose Host is a loopback name are answered.
import type { Server } from 'node:net';
import { createLocalServer, type Handler, json, jsonArray } from './local-server.ts';

/** Where the answers come from. */
export interface AdminSources {
  /** The policy in force: hash, sources, rules, last loads. */
  policy(): unknown;
  /** Live connections. */
  connections(): Iterable<unknown>;
  /** Flow records as JSON objects. */
  flowTexts(): Iterable<string>;
  /** Every effective value of the configuration. */
  config(): unknown;
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Keys whose value is a secret wherever it stands. Paths of key files are none. */
const SECRET_KEYS = new Set(['password', 'passphrase', 'secret', 'token', 'privateKey', 'apiKey']);
/** Mappings whose values are secrets, as `tracing.headers`; `limits.headers` is a number. */
const SECRET_MAPS = new Set(['headers']);
const MASK = '[redacted]';

/** Makes the admin server; `listen` binds it. */
export function createAdminServer(options: {
  sources: () => AdminSources;
  defect: (error: unknown) => void;
}): Server {
  const { sources, defect } = options;
  return createLocalServer({
    defect,
    admits: isLoopbackHost,
    routes: new Map<string, Handler>([
      ['/policy', () => json(pretty(sources().policy()))],
      ['/connections', () => json(jsonArray(texts(sources().connections())))],
      ['/flows', () => json(jsonArray(sources().flowTexts()))],
      ['/config', () => json(pretty(redacted(sources().config())))],
    ]),
  });
}

/** A Host that names this machine, with any port. */
function isLoopbackHost(host: string): boolean {
  const colon = host.lastIndexOf(':');
  const hasPort = colon > host.lastIndexOf(']');
  const port = hasPort ? host.slice(colon + 1) : '0';
  return isDigits(port) && LOOPBACK_NAMES.has((hasPort ? host.slice(0, colon) : host).toLowerCase());
}

function isDigits(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return value.length > 0;
}

function* texts(items: Iterable<unknown>): Generator<string> {
  for (const item of items) yield JSON.stringify(item);
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A copy without secrets: values under a secret's name, and anything that holds key material. */
function redacted(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('PRIVATE KEY-----') ? MASK : value;
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, SECRET_KEYS.has(key) ? MASK : withoutValues(key, one)]),
  );
}

function withoutValues(key: string, value: unknown): unknown {
  if (!SECRET_MAPS.has(key) || typeof value !== 'object' || value === null) return redacted(value);
  return Object.fromEntries(Object.keys(value).map((name) => [name, MASK]));
}
