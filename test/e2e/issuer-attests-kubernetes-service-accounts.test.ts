// Service account tokens, reviewed by a real Kubernetes API server: whose they are decides, and every doubt
// refuses.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IssuerStage } from './stage/issuer.ts';
import { makeCsr } from './stage/issuer-requests.ts';
import { KubernetesApi } from './stage/kubernetes.ts';
import { eventually } from './stage/observe.ts';

const AUDIENCE = 'sallyport';
let api: KubernetesApi;
let stage: IssuerStage;

beforeAll(async () => {
  api = await KubernetesApi.start();
  for (const [namespace, name] of [
    ['shop', 'web'],
    ['shop', 'gone'],
    ['other', 'web'],
    ['sallyport', 'issuer'],
  ] as const)
    await api.serviceAccount(namespace, name);
  await api.create('/api/v1/namespaces/shop/pods', {
    metadata: { name: 'web-1' },
    spec: { serviceAccountName: 'web', containers: [{ name: 'web', image: 'web' }] },
  });
  // The role that docs/issuer.md asks for, and no other.
  await api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'sallyport-issuer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects: [{ kind: 'ServiceAccount', name: 'issuer', namespace: 'sallyport' }],
  });
  await writeIssuerToken();
  stage = await IssuerStage.create(`kubernetes:
  apiServer: ${api.url}
  caFile: ${api.path('ca.pem')}
  tokenFile: ${api.path('issuer.token')}
  namespaces: [shop]
  timeout: 2s
limits: { failuresPerAddress: 1000 }`);
  await stage.start();
}, 90_000);

afterAll(async () => {
  await stage?.close();
  await api?.close();
});

async function writeIssuerToken(): Promise<void> {
  writeFileSync(api.path('issuer.token'), await api.token('sallyport', 'issuer', {}));
}

const spec = (more: object = {}): object => ({ audiences: [AUDIENCE], expirationSeconds: 600, ...more });

async function attest(serviceAccountToken: string): Promise<{ status: number; code: unknown; id: unknown }> {
  const { csr } = await makeCsr();
  const { status, json } = await stage.ask('/v1/svid', { csr, serviceAccountToken });
  return { status, code: json?.['code'], id: json?.['spiffeId'] };
}

const REFUSED = { status: 401, code: 'ERR_ISSUER_ATTESTATION', id: undefined };

describe('a service account token', () => {
  test('gives the SVID of its service account', async () => {
    const answer = await attest(await api.token('shop', 'web', spec()));
    expect(answer).toEqual({ status: 200, code: undefined, id: 'spiffe://example.org/ns/shop/sa/web' });
  });

  test('that is bound to a pod has the pod in the audit log', async () => {
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web-1' };
    expect((await attest(await api.token('shop', 'web', spec({ boundObjectRef })))).status).toBe(200);
    const entries = (await stage.adminLines('/v1/audit')).map((line) => JSON.parse(line.text('entry')));
    expect(entries.at(-1)).toMatchObject({ attestation: 'kubernetes', event: 'issued', pod: 'web-1' });
  });

  test('of a namespace that is not listed is forbidden', async () => {
    const answer = await attest(await api.token('other', 'web', spec()));
    expect(answer).toMatchObject({ status: 403, code: 'ERR_ISSUER_FORBIDDEN' });
  });

  const BAD: readonly { name: string; token: () => Promise<string> | string }[] = [
    { name: 'for another audience', token: () => api.token('shop', 'web', spec({ audiences: ['vault'] })) },
    { name: 'for the API server', token: () => api.token('shop', 'web', {}) },
    { name: 'that is cut', token: async () => (await api.token('shop', 'web', spec())).slice(0, -4) },
    {
      name: 'with a changed claim',
      token: async () => {
        const [head, , signature] = (await api.token('shop', 'web', spec())).split('.');
        const claims = { sub: 'system:serviceaccount:shop:admin', aud: [AUDIENCE] };
        return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
      },
    },
    { name: 'that is no JWT', token: () => 'not a token' },
    { name: 'with a line break', token: () => 'a.b.c\r\nx: y' },
    { name: 'that is too long', token: () => `a.${'b'.repeat(20_000)}.c` },
  ];
  test.each(BAD)('$name is refused', async ({ token }) => {
    expect(await attest(await token())).toEqual(REFUSED);
  });

  test('of an account that is deleted is refused as soon as the API server says so', async () => {
    const token = await api.token('shop', 'gone', spec());
    expect((await attest(token)).status).toBe(200);
    expect((await api.call('DELETE', '/api/v1/namespaces/shop/serviceaccounts/gone')).status).toBe(200);
    // The API server itself remembers a good token for 10 s; the issuer adds nothing to that.
    await eventually(
      () => attest(token),
      ({ status }) => status === REFUSED.status,
    );
  });
});

describe('the issuer', () => {
  test('reads its own token again when it changes, and refuses while it is not good', async () => {
    const token = await api.token('shop', 'web', spec());
    writeFileSync(api.path('issuer.token'), 'a.b.c');
    expect(await attest(token)).toMatchObject({ status: 503, code: 'ERR_ISSUER_HTTP_REVIEW' });
    await writeIssuerToken();
    expect((await attest(token)).status).toBe(200);
  });

  test('that may not review tokens says 503, not 401', async () => {
    const token = await api.token('shop', 'web', spec());
    writeFileSync(api.path('issuer.token'), await api.token('shop', 'web', {}));
    expect(await attest(token)).toMatchObject({ status: 503, code: 'ERR_ISSUER_HTTP_REVIEW' });
    await writeIssuerToken();
  });

  test('verifies the API server: another CA is no answer', async () => {
    const token = await api.token('shop', 'web', spec());
    const other = await IssuerStage.create(`kubernetes:
  apiServer: ${api.url}
  caFile: ${api.path('other.pem')}
  tokenFile: ${api.path('issuer.token')}
  namespaces: [shop]`);
    try {
      const { json } = await stage.ask('/v1/trust');
      writeFileSync(api.path('other.pem'), String(json?.['bundle']));
      await other.start();
      const { csr } = await makeCsr();
      const { status } = await other.ask('/v1/svid', { csr, serviceAccountToken: token });
      expect(status).toBe(503);
    } finally {
      await other.close();
    }
  });
});
