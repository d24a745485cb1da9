// The files that `sallyport init` writes: a CA, two identities, a configuration and a first policy that work
// together.
import { type Authority, createAuthority } from '../certs/authority/authority.ts';
import { formatAddress } from '../core/config/values.ts';
import type { OutputFile } from './certs-arguments.ts';

/** What is set up, and for whom. */
export interface InitPlan {
  readonly trustDomain: string;
  readonly namespace: string;
  /** Service account of the service behind the proxy, and its `app` label. */
  readonly service: string;
  /** Service account of the caller that the first policy lets in. */
  readonly client: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly upstream: { readonly host: string; readonly port: number };
}

/** Files by folder, relative to the target. */
export interface InitFolder {
  readonly folder: string;
  readonly files: readonly OutputFile[];
}

export const spiffeIdOf = (plan: InitPlan, account: string): string =>
  `spiffe://${plan.trustDomain}/ns/${plan.namespace}/sa/${account}`;

/** Makes keys and certificates, and every file's text. */
export async function initFolders(plan: InitPlan): Promise<InitFolder[]> {
  const authority = await createAuthority({ trustDomain: plan.trustDomain });
  const plain = (name: string, text: string): OutputFile => ({ name, text, secret: false });
  const bundle = plain('ca.pem', authority.certificatePem);
  return [
    { folder: 'ca', files: [bundle, { name: 'ca.key', text: authority.privateKeyPem, secret: true }] },
    { folder: 'identity', files: [...(await identity(authority, plan, plan.service)), bundle] },
    { folder: 'client', files: [...(await identity(authority, plan, plan.client)), bundle] },
    { folder: 'policies', files: [plain(`${plan.client}.yaml`, policyText(plan))] },
    { folder: '.', files: [plain('sallyport.yaml', configText(plan))] },
  ];
}

async function identity(authority: Authority, plan: InitPlan, account: string): Promise<OutputFile[]> {
  const { namespace } = plan;
  const svid = await authority.issue({
    spiffeId: spiffeIdOf(plan, account),
    dnsNames: [account, `${account}.${namespace}`, `${account}.${namespace}.svc`, 'localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  return [
    { name: 'tls.crt', text: svid.chainPem, secret: false },
    { name: 'tls.key', text: svid.privateKeyPem ?? '', secret: true },
  ];
}

function policyText({ namespace, service, client, trustDomain }: InitPlan): string {
  return `# Who may do what: a plain Istio AuthorizationPolicy. Edit and save: it takes effect at once.
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: ${client}
  namespace: ${namespace}
spec:
  selector:
    matchLabels:
      app: ${service}
  action: ALLOW
  rules:
    - from:
        - source:
            principals: ["${trustDomain}/ns/${namespace}/sa/${client}"]
      to:
        - operation:
            methods: ["GET", "HEAD"]
`;
}

function configText({ namespace, service, trustDomain, listen, upstream }: InitPlan): string {
  return `# docs/config.md describes every key; \`sallyport config explain\` prints every effective value.
workload: { namespace: ${namespace}, serviceAccount: ${service}, labels: { app: ${service} } }
identity:
  trustDomain: ${trustDomain}
  files:
    certificate: identity/tls.crt
    key: identity/tls.key
    bundles: { ${trustDomain}: identity/ca.pem }
listeners:
  - name: inbound
    address: "${formatAddress(listen)}"
    mtls: strict
    upstream: "${formatAddress(upstream)}" # your service, plain HTTP
policy:
  files: [policies/]
  mode: enforce # audit: forward everything, and record what would be denied
status: { address: 127.0.0.1:15021 } # /healthz /readyz /metrics
admin: { address: 127.0.0.1:15000 } # /policy /connections /flows /config
`;
}
