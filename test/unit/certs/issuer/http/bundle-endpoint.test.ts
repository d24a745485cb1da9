// The bundle endpoint: one stranger with many connections keeps neither partners from the bundle nor the
// issuer from its end, and no new certificate is missed.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../../certs/authority/authority.ts';
import {
  type BundleEndpoint,
  type BundleEndpointOptions,
  openBundleEndpoint,
} from '../../../../../certs/issuer/http/bundle-endpoint.ts';
import { BUNDLE_ENDPOINT_CONNECTIONS_MAX, ISSUER_HANDSHAKE_MS_MAX } from '../../../../../certs/limits.ts';
import { systemClock } from '../../../../../core/clock.ts';
import { eventually } from '../../../../e2e/stage/observe.ts';

let web: Authority;
let folder: string;

beforeAll(async () => {
  web = await createAuthority({ trustDomain: 'web.test' });
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-endpoint-'));
  await writePair();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A certificate in the files of the configuration. */
async function writePair(): Promise<void> {
  const { chainPem, privateKeyPem } = await web.issue({ spiffeId: 'spiffe://web.test/endpoint' });
  writeFileSync(join(folder, 'web.pem'), chainPem);
  writeFileSync(join(folder, 'web.key'), privateKeyPem ?? '');
}

type Config = BundleEndpointOptions['config'];

const config = (more: Partial<Config> = {}): Config => ({
  address: { host: '127.0.0.1', port: 0 },
  certificate: join(folder, 'web.pem'),
  key: join(folder, 'web.key'),
  ...more,
});

async function open(of = config()): Promise<BundleEndpoint> {
  const endpoint = await openBundleEndpoint({
    config: of,
    bundleText: () => '{}',
    clock: systemClock,
    problem: (message, error) => expect.unreachable(`${message}: ${String(error)}`),
  });
  onTestFinished(() => endpoint.close());
  return endpoint;
}

/** A connection that says nothing. */
async function stranger({ port }: BundleEndpoint): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test('connections of one address are few of all', async () => {
  const endpoint = await open();
  for (let i = 0; i < BUNDLE_ENDPOINT_CONNECTIONS_MAX; i++) await stranger(endpoint);
  const asked = request({
    ...{ host: '127.0.0.1', localAddress: '127.0.0.2', port: endpoint.port, path: '/bundle.json' },
    ...{ servername: 'localhost', ca: web.certificatePem, agent: false },
  }).end();
  const [response] = await once(asked, 'response');
  expect(response.statusCode).toBe(200);
  response.resume();
});

test('a stranger in the handshake does not hold up the end', async () => {
  const endpoint = await open();
  const silent = await stranger(endpoint);
  const gone = once(silent, 'close');
  const startMs = performance.now();
  await endpoint.close();
  expect(performance.now() - startMs).toBeLessThan(ISSUER_HANDSHAKE_MS_MAX / 2);
  await gone;
});

test('a certificate that is replaced while the endpoint starts is presented', async () => {
  const next = await web.issue({ spiffeId: 'spiffe://web.test/endpoint' });
  const files = config();
  const endpoint = await open({
    ...files,
    // Asked for when the first pair was read.
    get address() {
      writeFileSync(files.key, next.privateKeyPem ?? '');
      writeFileSync(files.certificate, next.chainPem);
      return { host: '127.0.0.1', port: 0 };
    },
  });
  await eventually(
    () => presentedSerial(endpoint),
    (serial) => serial === next.serial,
  );
});

async function presentedSerial({ port }: BundleEndpoint): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber.toLowerCase();
}
