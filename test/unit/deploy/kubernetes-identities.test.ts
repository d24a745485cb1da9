// The Kubernetes examples of identities: the embedded issuer, a workload of it, and a workload of SPIRE.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../core/config/load.ts';
import { parseIssuerConfig } from '../../../core/issuer-config/load.ts';
import { at, LOCKED, named, policyFindings, resource, resourcesOf, text } from './kubernetes.ts';

const issuer = parseIssuerConfig(
  text('ConfigMap', 'sallyport-issuer', 'issuer.yaml'),
  '/etc/sallyport/config/issuer.yaml',
);
const configOf = (app: string) =>
  parseConfig(text('ConfigMap', `${app}-sallyport`, 'config.yaml'), '/etc/sallyport/config/config.yaml');
const podOf = (kind: string, name: string): unknown => at(resource(kind, name), 'spec', 'template', 'spec');

/** True when `path` is below a volume that the container mounts. */
function isMounted(container: unknown, path: string): boolean {
  const mounts = at(container, 'volumeMounts');
  return Array.isArray(mounts) && mounts.some((one) => path.startsWith(`${String(at(one, 'mountPath'))}/`));
}

describe('the issuer', () => {
  const pod = podOf('StatefulSet', 'sallyport-issuer');
  const container = at(pod, 'containers', 0);

  test('is in one namespace, but for its cluster role', () => {
    for (const one of resourcesOf('issuer.yaml')) {
      const cluster = ['Namespace', 'ClusterRole', 'ClusterRoleBinding'].includes(String(at(one, 'kind')));
      expect(at(one, 'metadata', 'namespace')).toBe(cluster ? undefined : 'sallyport');
    }
  });

  test('may review tokens and nothing else', () => {
    expect(at(resource('ClusterRole', 'sallyport-issuer'), 'rules')).toEqual([
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ]);
    const binding = resource('ClusterRoleBinding', 'sallyport-issuer');
    const account = at(pod, 'serviceAccountName');
    expect(at(binding, 'subjects')).toEqual([
      { kind: 'ServiceAccount', name: account, namespace: 'sallyport' },
    ]);
  });

  test('is one process, with a volume that one pod mounts', () => {
    const set = resource('StatefulSet', 'sallyport-issuer');
    expect(at(set, 'spec', 'replicas')).toBe(1);
    const claim = at(set, 'spec', 'volumeClaimTemplates', 0, 'spec');
    expect(at(claim, 'accessModes')).toEqual(['ReadWriteOncePod']);
    // Else the kubelet opens 0600 files to the group at each mount, which the issuer refuses.
    expect(at(pod, 'securityContext', 'fsGroupChangePolicy')).toBe('OnRootMismatch');
  });

  test('finds what its configuration names, and nobody wrote a secret into the example', () => {
    for (const path of [issuer.file, issuer.secretFile, issuer.state])
      expect(isMounted(container, path), path).toBe(true);
    expect(resourcesOf('issuer.yaml').map((one) => at(one, 'kind'))).not.toContain('Secret');
    expect(at(pod, 'automountServiceAccountToken')).toBe(true);
    expect(issuer.kubernetes?.tokenFile).toBe('/var/run/secrets/kubernetes.io/serviceaccount/token');
  });

  test('is locked, probed and reached on the ports of its configuration', () => {
    expect(at(container, 'securityContext')).toEqual(LOCKED);
    const ports = [0, 1].map((index) => at(container, 'ports', index, 'containerPort'));
    expect(ports).toEqual([issuer.listen.address.port, issuer.status.address.port]);
    for (const [probe, path] of [
      ['startupProbe', '/readyz'],
      ['readinessProbe', '/readyz'],
      ['livenessProbe', '/healthz'],
    ] as const)
      expect(at(container, probe, 'httpGet')).toEqual({ path, port: 'status' });
    const ingress = at(resource('NetworkPolicy', 'sallyport-issuer'), 'spec', 'ingress');
    expect([0, 1].map((index) => at(ingress, index, 'ports', 0, 'port'))).toEqual(ports);
    expect(ingress).toHaveLength(2);
  });
});

describe.each([{ app: 'web' }, { app: 'pay' }])('the workload $app', ({ app }) => {
  const pod = podOf('Deployment', app);
  const [sidecar, application] = [at(pod, 'initContainers', 0), at(pod, 'containers', 0)];
  const config = configOf(app);

  test('has policies without a finding, and a configuration that fits', () => {
    expect(policyFindings(`${app}-policies`, `${app}.yaml`, config)).toEqual([]);
    expect(config.workload).toMatchObject({ serviceAccount: at(pod, 'serviceAccountName'), labels: { app } });
    for (const path of config.policy.files) expect(isMounted(sidecar, `${path}/`), path).toBe(true);
  });

  test('is locked, and its application has no way to the identity', () => {
    for (const container of [sidecar, application]) expect(at(container, 'securityContext')).toEqual(LOCKED);
    expect(at(sidecar, 'restartPolicy')).toBe('Always');
    expect(at(pod, 'automountServiceAccountToken')).toBe(false);
    expect(at(application, 'volumeMounts')).toBeUndefined();
  });
});

test('web shows the issuer a token of its audience, of a namespace that is listed', () => {
  const pod = podOf('Deployment', 'web');
  const { issuer: source } = configOf('web').identity;
  if (source === undefined) throw new Error('web has its identity from the issuer');
  const projected = at(named(at(pod, 'volumes'), 'token'), 'projected', 'sources', 0, 'serviceAccountToken');
  expect(projected).toMatchObject({ path: 'token', audience: issuer.kubernetes?.audience });
  expect(source.serviceAccountTokenFile).toBe('/var/run/secrets/sallyport/token');
  expect(issuer.kubernetes?.namespaces).toContain('shop');
  for (const path of [source.serviceAccountTokenFile, source.bundle, source.state])
    expect(isMounted(at(pod, 'initContainers', 0), path ?? ''), String(path)).toBe(true);
});

test('web comes to the Service of the issuer, under a name of its certificate', () => {
  const { address } = configOf('web').identity.issuer ?? {};
  const service = resource('Service', 'sallyport-issuer');
  const name = `${at(service, 'metadata', 'name')}.${at(service, 'metadata', 'namespace')}.svc`;
  expect(address).toMatchObject({ host: name, port: at(service, 'spec', 'ports', 0, 'port') });
  expect(issuer.listen.dnsNames).toEqual([name]);
});

test('web expects the SPIFFE ID of cart, and cart lets web in', () => {
  const [listener] = configOf('web').listeners;
  expect(JSON.stringify(listener)).toContain('spiffe://example.org/ns/shop/sa/cart');
  expect(text('ConfigMap', 'cart-policies', 'cart.yaml')).toContain('example.org/ns/shop/sa/web');
});

test('pay asks the socket that the CSI driver of SPIRE mounts', () => {
  const pod = podOf('Deployment', 'pay');
  expect(at(named(at(pod, 'volumes'), 'spire'), 'csi')).toEqual({ driver: 'csi.spiffe.io', readOnly: true });
  const { socket } = configOf('pay').identity.workloadApi ?? {};
  expect(isMounted(at(pod, 'initContainers', 0), String(socket).replace('unix://', ''))).toBe(true);
});
