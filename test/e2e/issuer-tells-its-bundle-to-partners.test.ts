// The SPIFFE bundle endpoint, profile https_web: what partners of a federation read, with a certificate that
// they know, replaced while it serves.
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { readPem } from '../../certs/x509/pem.ts';
import { freePorts } from '../../core/free-ports.ts';
import { IssuerStage } from './stage/issuer.ts';
import { eventually } from './stage/observe.ts';

let stage: IssuerStage;
let port: number;
let web: Authority;

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  stage = await IssuerStage.create(
    `bundleEndpoint: { address: "127.0.0.1:${port}", certificate: web.pem, key: web.key }`,
  );
  web = await createAuthority({ trustDomain: 'web.test' });
  await present(web);
  await stage.start();
});
afterAll(() => stage.close());

async function present(authority: Authority): Promise<void> {
  const { chainPem, privateKeyPem } = await authority.issue({ spiffeId: 'spiffe://web.test/endpoint' });
  writeFileSync(join(stage.folder, 'web.key'), privateKeyPem ?? '', { mode: 0o600 });
  writeFileSync(join(stage.folder, 'web.pem'), chainPem);
}

function ask(path: string, ca = web, method = 'GET'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', servername: 'localhost', port, path, method, agent: false };
    const asked = request({ ...options, ca: ca.certificatePem }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('the document has the roots of now and their sequence', async () => {
  const { status, text } = await ask('/bundle.json');
  const { json } = await stage.ask('/v1/trust');
  const roots = readPem(String(json?.['bundle'])).blocks.map(({ der }) => der.toString('base64'));
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({
    keys: roots.map((x5c) => ({ use: 'x509-svid', kty: 'EC', x5c: [x5c] })),
    spiffe_sequence: json?.['sequence'],
    spiffe_refresh_hint: 300,
  });
  expect((await stage.ask('/bundle.json')).json).toEqual(JSON.parse(text));
});

test('a prepared CA is in the document at once', async () => {
  expect((await stage.cli('certs', 'rotate', '--ca', 'prepare')).code).toBe(0);
  expect(JSON.parse((await ask('/bundle.json')).text)['keys']).toHaveLength(2);
});

test.each([
  { name: 'another path', path: '/v1/trust', method: 'GET', expect: 404 },
  { name: 'the root', path: '/', method: 'GET', expect: 404 },
  { name: 'a query', path: '/bundle.json?a', method: 'GET', expect: 404 },
  { name: 'POST', path: '/bundle.json', method: 'POST', expect: 405 },
])('$name is not served', async ({ path, method, expect: status }) => {
  expect((await ask(path, web, method)).status).toBe(status);
});

test('half of a new certificate is refused and said, the whole of it is served', async () => {
  const other = await createAuthority({ trustDomain: 'web.test' });
  writeFileSync(
    join(stage.folder, 'web.pem'),
    (await other.issue({ spiffeId: 'spiffe://web.test/x' })).chainPem,
  );
  await eventually(
    async () => (await stage.status('/metrics')).text,
    (text) => /sallyport_issuer_problems_total [1-9]/.test(text),
  );
  expect((await ask('/bundle.json')).status).toBe(200);
  await present(other);
  await eventually(
    () => ask('/bundle.json', other).catch(() => null),
    (answer) => answer?.status === 200,
  );
});
