// Bundles of partners by a bundle endpoint and by a Workload API, beside an SVID from files: neither keeps
// the proxy from starting, each takes effect on live connections, and a restart goes on while the endpoint
// is down.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { writeBundleDocument } from '../../certs/federation/write-document.ts';
import { serveWorkloadApi, type WorkloadApiServer } from '../../certs/workload-api/server.ts';
import { startWeb, type Web } from '../unit/certs/federation/endpoint-stage.ts';
import { HeldFeed, issued } from '../unit/certs/workload-api/held-feed.ts';
import { eventually, statusPage } from './stage/observe.ts';
import { ALLOW_ALL, type RunningProxy, Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

/** The shortest that a hint may ask for is 10 s. */
const POLLED_MS = 15_000;

let stage: Stage;
let application: Application;
let web: Web;
let partner: Authority;
let third: Authority;
let agent: WorkloadApiServer | null = null;
let proxy: RunningProxy;
let sequence = 0;
const feed = new HeldFeed();
const folder = mkdtempSync(join(tmpdir(), 'sallyport-agent-'));

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  const webCa = await createAuthority({ trustDomain: 'web.example' });
  web = await startWeb(webCa);
  stage.write('web-ca.pem', webCa.certificatePem);
  partner = await createAuthority({ trustDomain: 'partner.example' });
  third = await createAuthority({ trustDomain: 'third.example' });
});

afterAll(async () => {
  await agent?.close();
  await web.close();
  await stage.close();
  application.close();
  rmSync(folder, { recursive: true, force: true });
});

const start = (): Promise<RunningProxy> =>
  stage.start({
    upstreamPort: application.port,
    identity: `trustDomain: example.org
files: { certificate: server.pem, key: server.key, bundles: { example.org: ca.pem } }
federation:
  - { trustDomain: partner.example, endpoint: "${web.url}", ca: web-ca.pem, cache: partner.json }
  - { trustDomain: third.example, workloadApi: "unix://${join(folder, 'cart', 'api.sock')}" }`,
    policies: { 'all.yaml': ALLOW_ALL },
  });

function publish(...roots: readonly Authority[]): void {
  const rootsDer = roots.map(({ certificate }) => certificate.der);
  const document = writeBundleDocument({ rootsDer, sequence: ++sequence, refreshHintMs: 1_000 });
  web.answer = (_, response) => response.end(document);
}

const down = (): void => {
  web.answer = (_, response) => response.writeHead(503).end();
};

/** Whether a caller of `authority` is served now; its connection when it is. */
async function ask(authority: Authority): Promise<Wire | null> {
  const files = await stage.svid('x', `spiffe://${authority.trustDomain}/x`, { authority });
  const wire = await call(stage, files);
  wire.send(get('/'));
  const answered = wire.until((text) => text.endsWith('ok'));
  await Promise.race([answered, wire.end()]).catch(() => undefined); // ended without an answer: refused
  return wire.text.endsWith('ok') ? wire : null;
}

const served = (authority: Authority): Promise<Wire | null> =>
  eventually(
    () => ask(authority),
    (wire) => wire !== null,
    POLLED_MS,
  );

test('it starts while both partners are down, serves its own, and says what is missing', async () => {
  down();
  proxy = await start();
  expect(await ask(stage.authority)).not.toBeNull();
  expect(await ask(partner)).toBeNull();
  const { text } = await eventually(
    () => statusPage(stage, '/readyz'),
    (page) => (page.text.match(/^warning: identity: /gm) ?? []).length === 2,
  );
  expect(text).toMatch(/\[ERR_BUNDLE_ENDPOINT_/);
  expect(text).toMatch(/\[ERR_WORKLOAD_API_UNREACHABLE\]/);
});

test('an endpoint that comes up brings its callers', async () => {
  publish(partner);
  (await served(partner))?.socket.destroy();
  expect(await ask(third)).toBeNull();
}, 30_000);

test('an agent that comes up brings its bundle of this trust domain, and of no other', async () => {
  const stranger = await createAuthority({ trustDomain: 'stranger.example' });
  const svid = await third.issue({ spiffeId: 'spiffe://third.example/agent' });
  const federated = new Map([['stranger.example', [stranger.certificate.der]]]);
  feed.set(issued(svid, third, { federated }));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  agent = await serveWorkloadApi({ directory: folder, name: 'cart', uid, gid, feed });
  (await served(third))?.socket.destroy();
  expect(await ask(stranger)).toBeNull();
  const { text } = await statusPage(stage, '/readyz');
  expect(text).not.toContain('warning');
}, 60_000);

test('a root that the partner takes back ends its connections', async () => {
  const live = await served(partner);
  const next = await createAuthority({ trustDomain: 'partner.example' });
  publish(next);
  await live?.end(POLLED_MS);
  partner = next;
  (await served(partner))?.socket.destroy();
}, 60_000);

test('a restart while the endpoint is down goes on with the last good document', async () => {
  down();
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  proxy = await start();
  expect(await ask(partner)).not.toBeNull();
});
