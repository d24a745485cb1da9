// Bundles and revocation lists of other trust domains beside the own identity: each takes effect on live
// connections, a bad one changes nothing, and nobody changes who this proxy is.
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { eventually, metric, statusPage } from './stage/observe.ts';
import { ALLOW_ALL, type RunningProxy, Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

const SERVER = 'spiffe://example.org/ns/shop/sa/cart';
const FOREIGN = 'spiffe://partner.example/ns/shop/sa/web';
const IDENTITY = `trustDomain: example.org
files: { certificate: server.pem, key: server.key, bundles: { example.org: ca.pem } }
federation: [ { trustDomain: partner.example, file: partner.pem } ]
crls: { partner.example: partner.crl }`;

let stage: Stage;
let application: Application;
let partner: Authority;
let proxy: RunningProxy;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  partner = await createAuthority({ trustDomain: 'partner.example' });
  stage.write('partner.pem', partner.certificatePem);
  stage.write('partner.crl', crl(partner, []));
  proxy = await stage.start({
    upstreamPort: application.port,
    identity: IDENTITY,
    policies: { 'all.yaml': ALLOW_ALL },
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const crl = (authority: Authority, revokedSerials: readonly string[]): string =>
  `-----BEGIN X509 CRL-----\n${authority.issueCrl({ revokedSerials }).toString('base64')}\n-----END X509 CRL-----\n`;

async function served(wire: Wire): Promise<Wire> {
  const before = wire.text.length;
  wire.send(get('/'));
  await wire.until((text) => text.length > before && text.endsWith('ok'));
  return wire;
}

const problems = (): Promise<number> => metric(stage, 'sallyport_identity_problems');
const lastUpdate = (): Promise<number> => metric(stage, 'sallyport_identity_last_update_timestamp_seconds');
const refusedUpdates = (): Promise<number> =>
  metric(stage, 'sallyport_identity_updates_total{result="refused"}');

test('a peer of a federated trust domain is served, until its certificate is revoked', async () => {
  const issued = await partner.issue({ spiffeId: FOREIGN });
  const files = {
    certificate: '',
    key: '',
    certificatePem: issued.chainPem,
    keyPem: issued.privateKeyPem ?? '',
  };
  const revoked = await served(await call(stage, files));
  const other = await served(await call(stage, await stage.svid('p', FOREIGN, { authority: partner })));
  const before = await lastUpdate();
  stage.write('partner.crl', crl(partner, [issued.serial]));
  await revoked.end();
  expect(await lastUpdate()).toBeGreaterThan(before);
  await served(other);
  other.socket.destroy();
});

test('a partner’s own CA vouches for nobody of the own trust domain', async () => {
  const rogue = await createAuthority({ trustDomain: 'example.org' });
  stage.write('partner.pem', partner.certificatePem + rogue.certificatePem);
  await proxy.line((line) => line['msg'] === 'identity swapped' && line['generation'] === 3);
  const forged = await stage.svid('forged', SERVER, { authority: rogue });
  const caller = await call(stage, forged);
  caller.send(get('/forged'));
  expect(await caller.end()).toBe('');
  await proxy.line((line) => line['reason'] === 'wrong-trust-domain');
});

test('a broken partner file changes nothing, and is said', async () => {
  const peer = await served(await call(stage, await stage.svid('p', FOREIGN, { authority: partner })));
  stage.write('partner.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n');
  const line = await proxy.line(({ code }) => code === 'ERR_PEM_MALFORMED');
  expect(line).toMatchObject({
    msg: 'a bundle of another trust domain cannot be updated, its last good one stays',
    trustDomain: 'partner.example',
    at: { file: stage.path('partner.pem'), line: 1 },
  });
  expect(await problems()).toBe(1);
  expect(await refusedUpdates()).toBe(0);
  const ready = await statusPage(stage, '/readyz');
  expect(ready.status).toBe(200);
  expect(ready.text).toMatch(/^warning: identity: `partner.example`: .*\[ERR_PEM_MALFORMED\]$/m);
  await served(peer);
  stage.write('partner.pem', partner.certificatePem);
  await eventually(problems, (n) => n === 0);
  await served(peer);
  peer.socket.destroy();
});

test('another ID in the files is not taken: its policies are not those in force', async () => {
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await stage.svid('server', 'spiffe://example.org/ns/shop/sa/admin');
  await eventually(problems, (n) => n === 1);
  const ready = await statusPage(stage, '/readyz');
  expect(await refusedUpdates()).toBe(1);
  expect(ready.text).toMatch(/the new SVID is `.*\/sa\/admin`, this process runs as `.*\/sa\/cart`/);
  const caller = await served(await call(stage, web));
  if (!(caller.socket instanceof TLSSocket)) throw new Error('a caller speaks TLS');
  expect(caller.socket.getPeerCertificate().subjectaltname).toContain(SERVER);
  caller.socket.destroy();
  await stage.svid('server', SERVER);
  await eventually(problems, (n) => n === 0);
});

test('a partner that is withdrawn: its live connections end', async () => {
  const peer = await served(await call(stage, await stage.svid('p', FOREIGN, { authority: partner })));
  const next = await createAuthority({ trustDomain: 'partner.example' });
  stage.write('partner.pem', next.certificatePem);
  await peer.end();
});
