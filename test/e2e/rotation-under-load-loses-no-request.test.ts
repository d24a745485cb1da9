// Certificates, keys and bundles change under a steady load, in every way that tools write files: no request
// fails, no verdict is wrong, and new connections see the new certificate.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { eventually } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { SteadyLoad } from './stage/steady-load.ts';
import { Application, answering, OK } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec:
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { paths: ["/items/*"] } }]
`;
const SERVER = 'spiffe://example.org/ns/shop/sa/cart';
const WEB = 'spiffe://example.org/ns/shop/sa/web';
const IDENTITY = `trustDomain: example.org
files: { certificate: id/tls.crt, key: id/tls.key, bundles: { example.org: id/ca.crt } }`;
const FILES = ['tls.crt', 'tls.key', 'ca.crt'] as const;

type Content = Readonly<Record<(typeof FILES)[number], string>>;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let load: SteadyLoad;
let next: Authority;
let web: SvidFiles;
let current: Content;
let volumes = 0;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  next = await createAuthority({ trustDomain: 'example.org' });
  web = await stage.svid('web', WEB);
  mkdirSync(stage.path('id'));
  for (const name of FILES) symlinkSync(join('..data', name), stage.path(join('id', name)));
  current = await issue(stage.authority, stage.authority.certificatePem);
  swapVolume(current);
  proxy = await stage.start({
    upstreamPort: application.port,
    identity: IDENTITY,
    policies: { 'web.yaml': POLICY },
  });
  load = new SteadyLoad({
    stage,
    verdicts: { '/items/1': 200, '/admin': 403 },
    svid: () => web,
    trusted: () => [stage.authority.certificatePem, next.certificatePem],
    keepAlive: 6,
    fresh: 2,
    pauseMs: 10,
  });
});

afterAll(async () => {
  await load.stop();
  await stage.close();
  application.close();
});

async function issue(authority: Authority, bundle: string): Promise<Content> {
  const { chainPem, privateKeyPem } = await authority.issue({ spiffeId: SERVER });
  return { 'tls.crt': chainPem, 'tls.key': privateKeyPem ?? '', 'ca.crt': bundle };
}

/** As the kubelet does it: a new folder, and one rename of the symlink that points to it. */
function swapVolume(content: Content): void {
  const folder = `..volume-${++volumes}`;
  mkdirSync(stage.path(join('id', folder)));
  for (const name of FILES) writeFileSync(stage.path(join('id', folder, name)), content[name]);
  symlinkSync(folder, stage.path('id/..data_tmp'));
  renameSync(stage.path('id/..data_tmp'), stage.path('id/..data'));
  rmSync(stage.path(`id/..volume-${volumes - 1}`), { recursive: true, force: true });
}

const inPlace = (content: Content, names: readonly (keyof Content)[] = FILES): void => {
  for (const name of names) writeFileSync(stage.path(join('id', name)), content[name]);
};

function byRename(content: Content): void {
  for (const name of FILES) {
    writeFileSync(stage.path(`${name}.new`), content[name]);
    renameSync(stage.path(`${name}.new`), stage.path(join('id', name)));
  }
}

const swaps = (): number => proxy.lines.filter((line) => line['msg'] === 'identity swapped').length;

/**
 * Waits until the proxy took `change`, then until the load met it on new connections, then for more answers.
 */
async function afterSwap(change: () => void): Promise<void> {
  const before = swaps();
  change();
  await eventually(swaps, (n) => n > before);
  await moreAnswers(100);
}

async function moreAnswers(count: number): Promise<void> {
  const before = load.answered;
  await eventually(
    () => load.answered,
    (n) => n >= before + count,
  );
  expect(load.faults).toEqual([]);
}

const serialOf = async (content: Content): Promise<string> => {
  const { X509Certificate } = await import('node:crypto');
  return new X509Certificate(content['tls.crt']).serialNumber.toLowerCase();
};

async function seen(content: Content): Promise<void> {
  const serial = await serialOf(content);
  await eventually(
    () => load.newestSerial,
    (newest) => newest === serial,
  );
}

test.each([
  { name: 'the kubelet’s symlink swap', write: swapVolume },
  { name: 'writing in place', write: (content: Content) => inPlace(content) },
])('a new certificate and key by $name', async ({ write }) => {
  await moreAnswers(50);
  await seen(current);
  current = await issue(stage.authority, stage.authority.certificatePem);
  await afterSwap(() => write(current));
  await seen(current);
});

test('a new certificate beside the old key is reported, and the old pair stays until then', async () => {
  const pair = await issue(stage.authority, stage.authority.certificatePem);
  const before = swaps();
  inPlace(pair, ['tls.crt']);
  await proxy.line((line) => line['code'] === 'ERR_KEY_MISMATCH');
  await moreAnswers(100);
  expect(swaps()).toBe(before);
  await seen(current);
  current = pair;
  await afterSwap(() => inPlace(pair, ['tls.key']));
  await seen(current);
});

test('a new CA: first both, then callers and proxy renewed, then the new one alone', async () => {
  const both = stage.authority.certificatePem + next.certificatePem;
  await afterSwap(() => swapVolume({ ...current, 'ca.crt': both }));
  current = await issue(next, both);
  await afterSwap(() => swapVolume(current));
  await seen(current);
  web = await stage.svid('web', WEB, { authority: next });
  load.reconnect();
  await moreAnswers(200);
  current = { ...current, 'ca.crt': next.certificatePem };
  await afterSwap(() => swapVolume(current));
  expect(proxy.lines.filter((line) => line['reason'] === 'identity-withdrawn')).toEqual([]);
});

test('a new certificate and key by a rename over each file', async () => {
  current = await issue(next, next.certificatePem);
  await afterSwap(() => byRename(current));
  await seen(current);
});

test('in all that: no request failed, no verdict was wrong', async () => {
  await load.stop();
  expect(load.faults).toEqual([]);
  expect(load.answered).toBeGreaterThan(800);
});
