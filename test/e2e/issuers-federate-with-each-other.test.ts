// Two issuers that read each other's bundle endpoint, and what a proxy of one of them knows by its issuer
// alone: the partner's callers are served, a root that the partner takes back ends their connections, and an
// endpoint that is down changes nothing, over a restart too.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { openWorkloadApiSource } from '../../certs/workload-api/svid-source.ts';
import { freePorts } from '../../core/free-ports.ts';
import { type HeldSvid, IssuerStage } from './stage/issuer.ts';
import { eventually } from './stage/observe.ts';
import { ALLOW_ALL, Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

const HERE = 'example.org';
const PARTNER = 'partner.example';
const CALLER = `spiffe://${PARTNER}/ns/shop/sa/web`;
/** The shortest that a refresh hint may ask for is 10 s. */
const POLLED_MS = 20_000;
/** The proxy's certificate is not what these tests are about. */
const ANY_SERVER = { rejectUnauthorized: false };

let web: Authority;
let here: IssuerStage;
let partner: IssuerStage;
let stage: Stage;
let application: Application;

beforeAll(async () => {
  web = await createAuthority({ trustDomain: 'web.test' });
  const [own = 0, foreign = 0] = await freePorts(2);
  here = await issuer(HERE, own, { trustDomain: PARTNER, port: foreign });
  partner = await issuer(PARTNER, foreign, { trustDomain: HERE, port: own });
  await here.start();
  await partner.start();
  application = await Application.start(answering(OK));
  stage = await Stage.create();
  stage.write('token', await here.token(`spiffe://${HERE}/ns/shop/sa/cart`));
  await stage.start({
    upstreamPort: application.port,
    identity: `trustDomain: ${HERE}
issuer: { address: "127.0.0.1:${here.port}", state: state, joinTokenFile: token }`,
    policies: { 'all.yaml': ALLOW_ALL },
  });
}, 60_000);

afterAll(async () => {
  await stage.close();
  await here.close();
  await partner.close();
  application.close();
});

/** An issuer with a bundle endpoint, that reads the one of a partner. */
async function issuer(
  trustDomain: string,
  port: number,
  other: { readonly trustDomain: string; readonly port: number },
): Promise<IssuerStage> {
  const one = await IssuerStage.create('', trustDomain);
  const from = `endpoint: "https://localhost:${other.port}/bundle.json", ca: web-ca.pem`;
  one.configure(`refreshHint: 10s
bundleEndpoint: { address: "127.0.0.1:${port}", certificate: web.pem, key: web.key }
federation: [ { trustDomain: ${other.trustDomain}, ${from} } ]
workloads: [ { id: "spiffe://${trustDomain}/local", socket: local, uid: ${process.getuid?.() ?? 0} } ]`);
  const { chainPem, privateKeyPem } = await web.issue({ spiffeId: 'spiffe://web.test/endpoint' });
  writeFileSync(join(one.folder, 'web.key'), privateKeyPem ?? '', { mode: 0o600 });
  writeFileSync(join(one.folder, 'web.pem'), chainPem);
  writeFileSync(join(one.folder, 'web-ca.pem'), web.certificatePem);
  return one;
}

/** A caller of the partner, when it is served now. */
async function ask({ certificatePem, keyPem }: HeldSvid): Promise<Wire | null> {
  const wire = await call(stage, { certificate: '', key: '', certificatePem, keyPem }, ANY_SERVER);
  wire.send(get('/'));
  const answered = wire.until((text) => text.endsWith('ok'));
  await Promise.race([answered, wire.end()]).catch(() => undefined); // ended without an answer: refused
  return wire.text.endsWith('ok') ? wire : null;
}

const served = (svid: HeldSvid): Promise<Wire | null> =>
  eventually(
    () => ask(svid),
    (wire) => wire !== null,
    POLLED_MS,
  );

const bundleAt = async (one: IssuerStage, trustDomain: string): Promise<unknown> => {
  const federated = (await one.ask('/v1/trust')).json?.['federated'];
  return Object.entries(federated ?? {}).find(([name]) => name === trustDomain)?.[1];
};

test('each tells its workloads the bundle of the other', async () => {
  for (const [one, other] of [
    [here, partner],
    [partner, here],
  ] as const) {
    const { json } = await other.ask('/v1/trust');
    await eventually(
      () => bundleAt(one, other.trustDomain),
      (bundle) => bundle === json?.['bundle'],
      POLLED_MS,
    );
  }
  const socket = `unix://${join(here.folder, 'sockets/local/api.sock')}`;
  const local = await openWorkloadApiSource({ socket, trustDomain: HERE });
  expect([...(local.current()?.bundles.keys() ?? [])].sort()).toEqual([HERE, PARTNER]);
  local.close();
}, 60_000);

test('a caller of the partner is served, and one who only says so is not', async () => {
  (await served(await partner.svid(CALLER)))?.socket.destroy();
  const rogue = await createAuthority({ trustDomain: PARTNER });
  const forged = await stage.svid('forged', CALLER, { authority: rogue });
  const wire = await call(stage, forged, ANY_SERVER);
  wire.send(get('/'));
  expect(await wire.end()).toBe('');
});

test('a root that the partner takes back ends the connections below it', async () => {
  const old = await partner.svid(CALLER);
  const live = await served(old);
  for (const step of [['prepare'], ['activate', '--force'], ['retire', '--force']])
    expect(await partner.cli('certs', 'rotate', '--ca', ...step)).toMatchObject({ code: 0 });
  await live?.end(POLLED_MS);
  expect(await ask(old)).toBeNull();
  (await served(await partner.svid(CALLER)))?.socket.destroy();
}, 60_000);

test('a partner that is down: said, and the last good bundle stays over a restart', async () => {
  const caller = await partner.svid(CALLER);
  const before = await bundleAt(here, PARTNER);
  await partner.stop();
  await eventually(
    async () => (await here.status('/readyz')).text,
    (text) => /^warning: federation: .*\[ERR_BUNDLE_ENDPOINT_CONNECT\]$/m.test(text),
    POLLED_MS,
  );
  await here.restart();
  expect(await bundleAt(here, PARTNER)).toBe(before);
  rmSync(join(here.state, 'federation'), { recursive: true });
  await here.restart();
  expect(await bundleAt(here, PARTNER)).toBe(before);
  const { status, text } = await eventually(
    () => here.status('/metrics'),
    (page) => /^sallyport_issuer_federation_problems 1$/m.test(page.text),
    POLLED_MS,
  );
  expect(status).toBe(200);
  expect(text).toMatch(/^sallyport_issuer_problems_total [1-9]/m);
  expect((await here.status('/readyz')).status).toBe(200);
  (await served(caller))?.socket.destroy();
}, 60_000);

test('a partner that is no longer configured is forgotten', async () => {
  here.configure('');
  await here.restart();
  expect(await bundleAt(here, PARTNER)).toBeUndefined();
});
