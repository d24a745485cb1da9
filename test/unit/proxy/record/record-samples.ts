// A clock that a test owns, and records as the data path would make them.
import type { Clock, Timer } from '../../../../core/clock.ts';
import type { Decision } from '../../../../policy/request.ts';
import type { Lines } from '../../../../proxy/record/line-writer.ts';
import type {
  ConnectionRecord,
  HandshakeDetail,
  ListenerRef,
  RequestRecord,
} from '../../../../proxy/record/record.ts';

/** 2026-09-01T12:00:00Z. */
export const START_MS = Date.UTC(2026, 8, 1, 12);

/** Time that passes only by `advance`; monotonic time starts at 5,000 ms. */
export class TestClock implements Clock {
  #ms = 0;
  #tasks: { atMs: number; task: () => void }[] = [];

  now(): number {
    return START_MS + this.#ms;
  }

  monotonicMs(): number {
    return 5000 + this.#ms;
  }

  after(delayMs: number, task: () => void): Timer {
    const entry = { atMs: this.#ms + delayMs, task };
    this.#tasks.push(entry);
    return { cancel: () => this.#remove(entry) };
  }

  /** Timers that still run. */
  get waiting(): number {
    return this.#tasks.length;
  }

  /** Runs every timer that falls due, in order. */
  advance(ms: number): void {
    const end = this.#ms + ms;
    for (;;) {
      const next = this.#tasks.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#ms = next.atMs;
      this.#remove(next);
      next.task();
    }
    this.#ms = end;
  }

  #remove(entry: { atMs: number; task: () => void }): void {
    this.#tasks = this.#tasks.filter((one) => one !== entry);
  }
}

/** Keeps lines, parsed. */
export class TestLines implements Lines {
  readonly texts: string[] = [];

  write(line: string): boolean {
    this.texts.push(line);
    return true;
  }

  /** Every line as the object it says. */
  get objects(): Record<string, unknown>[] {
    return this.texts.map((text): Record<string, unknown> => JSON.parse(text));
  }
}

export const INBOUND: ListenerRef = {
  index: 0,
  name: 'inbound',
  direction: 'inbound',
  destination: { name: 'cart', namespace: 'shop' },
  destinationPort: 8080,
  mtls: 'strict',
};
export const WEB = 'spiffe://example.org/ns/shop/sa/web';

export const ALLOW: Decision = {
  verdict: 'allow',
  reason: 'allow-rule',
  rules: ['ns[shop]-policy[cart]-rule[0]'],
  ruleIndexes: [0],
  audit: [],
  dryRun: null,
  denyStatus: 403,
};
export const DENY: Decision = {
  ...ALLOW,
  verdict: 'deny',
  reason: 'default-deny',
  rules: [],
  ruleIndexes: [],
};

/** A connection of shop/web over TLS. */
export function connection(changes: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return {
    id: 'c-1',
    listener: INBOUND,
    principal: WEB,
    local: true,
    sourceIp: '10.0.0.7',
    remoteIp: '10.0.0.7',
    remoteIpFrom: 'peer',
    destinationIp: '10.0.1.9',
    sni: 'cart.shop',
    tlsVersion: 'TLSv1.3',
    ...changes,
  };
}

/** `GET /items`, allowed; verdict and reason follow the decision that is given. */
export function request(changes: Partial<RequestRecord> = {}): RequestRecord {
  const decision = changes.decision === undefined ? ALLOW : changes.decision;
  return {
    connection: connection(),
    requestId: 'r-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    sampled: false,
    parentSpanId: '',
    startMs: 5000,
    endMs: 5001.25,
    decisionUs: 0.6,
    enforcementUs: 45,
    verdict: decision?.verdict ?? 'deny',
    enforced: true,
    reason: decision?.reason ?? 'bad-header',
    policyHash: 'sha256:00',
    status: decision?.verdict === 'allow' ? 200 : 403,
    httpVersion: '1.1',
    grpcStatus: null,
    method: 'GET',
    path: '/items',
    host: 'cart.shop:8080',
    destination: null,
    remoteIp: '10.0.0.7',
    remoteIpFrom: 'peer',
    bytesIn: 100,
    bytesOut: 1000,
    headerValues: () => undefined,
    ...changes,
    decision,
  };
}

/** A handshake of a caller from 10.0.0.7. */
export function handshake(changes: Partial<HandshakeDetail> = {}): HandshakeDetail {
  const { sourceIp = '10.0.0.7' } = changes;
  return { sourceIp, remoteIp: sourceIp, remoteIpFrom: 'peer', principal: null, message: '', ...changes };
}
