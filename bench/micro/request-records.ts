// The requests that the record and the log-line bench tell about, as the data path tells them.
import type { Decision } from '../../policy/request.ts';
import type { ConnectionRecord, RequestRecord } from '../../proxy/record/record.ts';

export const LISTENER = {
  index: 0,
  name: 'inbound',
  direction: 'inbound',
  destination: { name: 'cart', namespace: 'shop' },
  destinationPort: 8080,
  mtls: 'strict',
} as const;

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

/** One request on a connection of `caller`. */
export function requestRecord(
  decision: Decision,
  of: { readonly method: string; readonly status: number; readonly caller?: string },
): RequestRecord {
  const connection: ConnectionRecord = {
    id: 'c-000001',
    listener: LISTENER,
    principal: `spiffe://example.org/ns/shop/sa/${of.caller ?? 'web'}`,
    local: true,
    sourceIp: '10.0.0.7',
    remoteIp: '10.0.0.7',
    remoteIpFrom: 'peer',
    destinationIp: '10.0.1.9',
    sni: 'cart.shop',
    tlsVersion: 'TLSv1.3',
  };
  return {
    connection,
    requestId: '0190c2d4-7e3a-7b11-8f6e-5f3b6a1c2d3e',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    sampled: false,
    parentSpanId: '',
    startMs: 1000.5,
    endMs: 1001.75,
    decisionUs: 0.6,
    enforcementUs: 45,
    decision,
    verdict: decision.verdict,
    enforced: true,
    reason: decision.reason,
    policyHash: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    status: of.status,
    httpVersion: '1.1',
    grpcStatus: null,
    method: of.method,
    path: '/admin',
    host: 'cart.shop:8080',
    destination: null,
    remoteIp: '10.0.0.7',
    remoteIpFrom: 'peer',
    bytesIn: 310,
    bytesOut: 1290,
    headerValues: () => undefined,
  };
}
