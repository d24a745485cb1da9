// The Kubernetes example: the schemas where the validator is installed, and what makes it safe, always.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../core/config/load.ts';
import { findCommand } from '../../requirements.ts';
import { at, files, folder, LOCKED, policyFindings, resource, resourcesOf, text } from './kubernetes.ts';

const pod = at(resource('Deployment', 'cart'), 'spec', 'template', 'spec');
const sidecar = at(pod, 'initContainers', 0);
const application = at(pod, 'containers', 0);
const config = parseConfig(
  text('ConfigMap', 'cart-sallyport', 'config.yaml'),
  '/etc/sallyport/config/config.yaml',
);
const validator = findCommand('kubernetes-validate') ?? '';

describe('the example', () => {
  test.runIf(validator !== '').each(files)('%s follows the schemas', (name) => {
    const options = ['--strict', '--no-warn', join(folder, name)];
    const { status, stdout, stderr } = spawnSync(validator, options, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });

  test('is in one namespace', () => {
    const all = files.filter((name) => name !== 'issuer.yaml').flatMap(resourcesOf);
    for (const one of all.filter((candidate) => at(candidate, 'kind') !== 'Namespace')) {
      expect(at(one, 'metadata', 'namespace')).toBe('shop');
    }
  });

  test('runs the proxy as a native sidecar', () => {
    expect(at(sidecar, 'restartPolicy')).toBe('Always');
    expect(at(sidecar, 'startupProbe', 'httpGet', 'path')).toBe('/readyz');
    expect(at(sidecar, 'readinessProbe', 'httpGet', 'path')).toBe('/readyz');
    expect(at(sidecar, 'livenessProbe', 'httpGet', 'path')).toBe('/healthz');
  });

  test('gives the sidecar the time that its configuration asks for', () => {
    const preStop = Number(at(application, 'lifecycle', 'preStop', 'sleep', 'seconds'));
    const grace = Number(at(pod, 'terminationGracePeriodSeconds'));
    expect(1000 * grace).toBeGreaterThan(1000 * preStop + config.shutdown.delay + config.shutdown.drain);
  });

  test('has no way to the application around the proxy', () => {
    expect(at(application, 'env', 0, 'value')).toBe('127.0.0.1:8080');
    expect(at(application, 'ports')).toBeUndefined();
    const policy = resource('NetworkPolicy', 'cart-through-sallyport');
    const ports = [0, 1].map((index) => at(policy, 'spec', 'ingress', index, 'ports', 0, 'port'));
    expect(ports).toEqual([8443, 15021]);
    expect(at(policy, 'spec', 'ingress')).toHaveLength(2);
    expect(at(policy, 'spec', 'podSelector', 'matchLabels')).toEqual({ app: 'cart' });
  });

  test.each([
    { name: 'sallyport', container: sidecar },
    { name: 'cart', container: application },
  ])('locks the container $name', ({ container }) => {
    expect(at(container, 'securityContext')).toEqual(LOCKED);
    expect(at(container, 'resources', 'requests')).toBeDefined();
  });

  test('issues exactly one SPIFFE ID, that of the service account', () => {
    const account = at(pod, 'serviceAccountName');
    const id = `spiffe://example.org/ns/shop/sa/${account}`;
    expect(at(resource('Certificate', 'cart'), 'spec', 'uris')).toEqual([id]);
  });

  test('has a configuration that fits the workload, the mounts and the probes', () => {
    expect(config.workload).toMatchObject({
      namespace: 'shop',
      serviceAccount: at(pod, 'serviceAccountName'),
    });
    expect(config.workload.labels).toEqual(
      at(resource('Deployment', 'cart'), 'spec', 'template', 'metadata', 'labels'),
    );
    const mounts = [0, 1, 2].map((index) => String(at(sidecar, 'volumeMounts', index, 'mountPath')));
    const { files } = config.identity;
    if (files === undefined) throw new Error('the manifest has identity files');
    const { certificate, key, bundles } = files;
    for (const path of [certificate, key, ...Object.values(bundles), ...config.policy.files]) {
      expect(
        mounts.some((mount) => `${path}/`.startsWith(`${mount}/`)),
        path,
      ).toBe(true);
    }
    const ports = [0, 1].map((index) => at(sidecar, 'ports', index, 'containerPort'));
    expect(ports).toEqual([config.listeners[0]?.address.port, config.status.address.port]);
  });

  test('has policies without a finding', () => {
    expect(policyFindings('cart-policies', 'cart.yaml', config)).toEqual([]);
  });
});
