// Requests judged by policy texts on the proxy's own engine, in one line each.
import { Judge } from '../../../cli/policy/judge.ts';
import { judgedRequests } from '../../../cli/policy/requests.ts';
import type { PolicyOptions } from '../../../policy/model.ts';
import { parsePolicies } from '../../../policy/parse.ts';
import { OPTIONS } from './policy-text.ts';

/** One request; what is left out is what a test seldom asks about. */
export interface AskedRequest {
  /** `shop/web` of example.org, a SPIFFE ID, or null for a peer without identity. */
  readonly as: string | null;
  /** `GET /items/7`; null: TCP. */
  readonly what: string | null;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly host?: string;
  readonly ip?: string;
}

/** The verdict, after a colon the reason. @throws ERR_POLICY_INVALID */
export function judged(
  text: string,
  asked: AskedRequest,
  { nowMs, options = {} }: { readonly nowMs: number; readonly options?: Partial<PolicyOptions> },
): string {
  const all = { ...OPTIONS, ...options };
  const files = [{ file: 'p.yaml', text }];
  const parsed = parsePolicies(files, all, nowMs);
  const judge = new Judge({ files, parsed, options: all, workload: null, nowMs, pathMode: () => 'reject' });
  const { as, what, namespace = 'shop', labels = { app: 'cart' }, port = 8080, host = 'cart', ip } = asked;
  const [method, path] = what?.split(' ') ?? [];
  const principal =
    as === null || as.startsWith('spiffe://') ? as : `spiffe://example.org/ns/${as.replace('/', '/sa/')}`;
  const value = {
    ...{ principal, sourceIp: ip ?? '10.9.9.9', destination: { port, namespace, labels } },
    http: what === null ? null : { method, path, host },
  };
  const line = { file: 'requests', line: 1, value, text: JSON.stringify(value) };
  const answers = judgedRequests([line], {
    files,
    parsed,
    options: all,
    workload: null,
    nowMs,
    pathMode: () => 'reject',
  });
  return (
    answers
      .map((one) => judge.judge(one, judge.workloadOf(one)))
      .map(({ verdict, reason }) => `${verdict}: ${reason}`)[0] ?? ''
  );
}
