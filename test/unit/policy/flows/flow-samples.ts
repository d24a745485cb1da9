// Flow records and lines for tests.
import type { FlowRecord } from '../../../../policy/flows/record.ts';

export const WEB = 'spiffe://example.org/ns/shop/sa/web';
export const CART = 'spiffe://example.org/ns/shop/sa/cart';
/** 2026-09-01T12:00:00Z. */
export const NOON_MS = Date.UTC(2026, 8, 1, 12);

/** A record of the form that the proxy writes, before `JSON.stringify`. */
export const WRITTEN = {
  time: '2026-09-01T12:00:10.000Z',
  listener: 'inbound',
  direction: 'inbound',
  verdict: 'allow',
  enforced: true,
  reason: 'allow-rule',
  rules: ['ns[shop]-policy[cart]-rule[0]'],
  source: { principal: WEB },
  destination: { workload: 'cart', namespace: 'shop', port: 8080 },
  http: { method: 'GET', path: '/items/{*}' },
  count: 2,
  bytes: 2200,
  firstSeen: '2026-09-01T12:00:01.000Z',
  lastSeen: '2026-09-01T12:00:03.000Z',
  window: 10,
};

/** A denied request of the decision log. */
export const LOGGED = {
  time: '2026-09-01T12:00:03.000Z',
  level: 'info',
  listener: 'inbound',
  direction: 'inbound',
  verdict: 'deny',
  enforced: true,
  reason: 'default-deny',
  rules: [],
  near: [
    {
      rule: 'ns[shop]-policy[cart]-rule[0]',
      field: 'to.operation.methods',
      want: ['GET'],
      got: 'DELETE',
    },
  ],
  requestId: 'r-1',
  source: { principal: WEB, ip: '10.0.0.7', remoteIp: null },
  destination: { workload: 'cart', namespace: 'shop', ip: '10.0.1.9', port: 8080 },
  http: { method: 'DELETE', path: '/items/7', host: 'cart', status: 403, version: '1.1' },
};

const RECORD: FlowRecord = {
  listener: 'inbound',
  direction: 'inbound',
  verdict: 'allow',
  enforced: true,
  reason: 'allow-rule',
  rules: ['ns[shop]-policy[cart]-rule[0]'],
  dryRun: null,
  source: { principal: WEB, ip: null },
  destination: { workload: 'cart', namespace: 'shop', port: 8080 },
  http: { method: 'GET', path: '/items/{*}' },
  count: 1,
  bytes: 100,
  firstSeenMs: NOON_MS,
  lastSeenMs: NOON_MS,
  windowSeconds: 10,
};

/** A record that was allowed, but for `change`. */
export const flow = (change: Partial<FlowRecord> = {}): FlowRecord => ({ ...RECORD, ...change });

/** Calls of one workload of shop by another, seen `seconds` after noon. */
export function call(
  [from, to]: readonly [string, string],
  seconds: number | readonly [number, number],
  change: Partial<FlowRecord> = {},
): FlowRecord {
  const [first, last] = typeof seconds === 'number' ? [seconds, seconds] : seconds;
  return flow({
    source: { principal: `spiffe://example.org/ns/shop/sa/${from}`, ip: null },
    destination: { workload: to, namespace: 'shop', port: 8080 },
    firstSeenMs: NOON_MS + first * 1000,
    lastSeenMs: NOON_MS + last * 1000,
    ...change,
  });
}

export const DENIED: Partial<FlowRecord> = { verdict: 'deny', reason: 'default-deny', rules: [] };

/** Chunks as a stream gives them. */
export async function* chunks(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
}
