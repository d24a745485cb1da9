// Policy texts for tests of swaps: one rule each, for callers of shop/web unless said otherwise.

/** What a policy differs in. */
export interface PolicyText {
  readonly name?: string;
  readonly namespace?: string;
  readonly action?: 'ALLOW' | 'DENY';
  readonly paths?: readonly string[];
  readonly methods?: readonly string[];
  readonly principals?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
}

/** An AuthorizationPolicy as YAML. */
export function policyText(policy: PolicyText = {}): string {
  const { name = 'web', namespace = 'shop', action = 'ALLOW', annotations = {}, selector } = policy;
  const { paths, methods, principals = ['example.org/ns/shop/sa/web'] } = policy;
  const operation = JSON.stringify({ ...(paths && { paths }), ...(methods && { methods }) });
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: ${JSON.stringify({ name, namespace, annotations })}
spec:
  action: ${action}
${selector === undefined ? '' : `  selector: { matchLabels: ${JSON.stringify(selector)} }\n`}  rules:
    - from: [{ source: { principals: ${JSON.stringify(principals)} } }]
${operation === '{}' ? '' : `      to: [{ operation: ${operation} }]\n`}`;
}

/** Moves a rule to a moment: `sallyport.dev/expires-at` so many milliseconds from now. */
export function expiresIn(ms: number): Record<string, string> {
  return { 'sallyport.dev/expires-at': new Date(Date.now() + ms).toISOString() };
}
