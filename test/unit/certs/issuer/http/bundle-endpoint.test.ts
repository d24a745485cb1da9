// One stranger with many connections does not keep partners from the bundle.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '../../../../../certs/authority/authority.ts';
import { openBundleEndpoint } from '../../../../../certs/issuer/http/bundle-endpoint.ts';
import { BUNDLE_ENDPOINT_CONNECTIONS_MAX } from '../../../../../certs/limits.ts';
import { systemClock } from '../../../../../core/clock.ts';

test('connections of one address are few of all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-endpoint-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const web = await createAuthority({ trustDomain: 'web.test' });
  const { chainPem, privateKeyPem } = await web.issue({ spiffeId: 'spiffe://web.test/endpoint' });
  const [certificate, key] = [join(folder, 'web.pem'), join(folder, 'web.key')];
  writeFileSync(certificate, chainPem);
  writeFileSync(key, privateKeyPem ?? '');
  const endpoint = await openBundleEndpoint({
    config: { address: { host: '127.0.0.1', port: 0 }, certificate, key },
    bundleText: () => '{}',
    clock: systemClock,
    problem: (message, error) => expect.unreachable(`${message}: ${String(error)}`),
  });
  onTestFinished(() => endpoint.close());
  const strangers: net.Socket[] = [];
  onTestFinished(() => {
    for (const socket of strangers) socket.destroy();
  });
  for (let i = 0; i < BUNDLE_ENDPOINT_CONNECTIONS_MAX; i++) {
    const socket = net.connect({ host: '127.0.0.1', port: endpoint.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    strangers.push(socket);
  }
  const asked = request({
    ...{ host: '127.0.0.1', localAddress: '127.0.0.2', port: endpoint.port, path: '/bundle.json' },
    ...{ servername: 'localhost', ca: web.certificatePem, agent: false },
  }).end();
  const [response] = await once(asked, 'response');
  expect(response.statusCode).toBe(200);
  response.resume();
});
