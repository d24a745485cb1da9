// `certs revoke` and `certs rotate` at the issuer, and connections that are open at that moment: those of the
// revoked end within 5 s, whatever they do, the others go on, and a rotation loses no request. The same for a
// proxy that asks the issuer itself and for one that reads the files of `certs client`.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HeldSvid, IssuerStage, WEB } from './stage/issuer.ts';
import { LiveConnections, stillServed } from './stage/live-connections.ts';
import { adminPage, eventually, metric } from './stage/observe.ts';
import { ALLOW_ALL, RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import type { Wire } from './stage/wire.ts';

const CART = 'spiffe://example.org/ns/shop/sa/cart';
const FRIEND = 'spiffe://example.org/ns/shop/sa/friend';
const WITHIN_MS = 5_000;
const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
/** The proxy's certificate is not what these tests are about. */
const ANY_SERVER = { rejectUnauthorized: false };

let issuer: IssuerStage;
let live: LiveConnections;
const stages: Stage[] = [];
const clients: RunningProxy[] = [];

beforeAll(async () => {
  issuer = await IssuerStage.create();
  await issuer.start();
  live = await LiveConnections.start(ANY_SERVER);
});

afterAll(async () => {
  for (const stage of stages) await stage.close();
  for (const client of clients) await client.kill();
  await issuer.close();
  live.application.close();
});

/** A proxy that asks the issuer itself. */
async function asking(): Promise<Stage> {
  const stage = await newStage();
  stage.write('token', await issuer.token(CART));
  const address = `127.0.0.1:${issuer.port}`;
  await stage.start({
    upstreamPort: live.application.port,
    identity: `trustDomain: example.org\nissuer: { address: "${address}", state: state, joinTokenFile: token }`,
    policies: { 'all.yaml': ALLOW_ALL },
  });
  const waited = await metric(stage, 'sallyport_identity_wait_seconds');
  console.log(`start to first SVID from the issuer: ${waited.toFixed(2)} s`);
  expect(waited).toBeLessThan(10); // the service level
  return stage;
}

/** A proxy that reads what `certs client` writes. */
async function reading(): Promise<Stage> {
  const stage = await newStage();
  stage.write('token', await issuer.token(CART));
  mkdirSync(stage.path('id'));
  const issuerFlags = ['--issuer', `127.0.0.1:${issuer.port}`, '--trust-domain', 'example.org'];
  const files = ['--join-token-file', stage.path('token'), '--out', stage.path('id')];
  const args = [ENTRY, 'certs', 'client', ...issuerFlags, ...files, '--json'];
  const client = new RunningProxy(spawn(process.execPath, args, { stdio: 'pipe' }));
  clients.push(client);
  await client.line((line) => line['msg'] === 'files written', 20_000);
  await stage.start({
    upstreamPort: live.application.port,
    identity: `trustDomain: example.org
files:
  certificate: id/tls.crt
  key: id/tls.key
  bundles: { example.org: id/ca.pem }
  crls: { example.org: id/crl.pem }`,
    policies: { 'all.yaml': ALLOW_ALL },
  });
  return stage;
}

async function newStage(): Promise<Stage> {
  const stage = await Stage.create();
  stages.push(stage);
  return stage;
}

const filesOf = ({ certificatePem, keyPem }: HeldSvid): SvidFiles => ({
  certificate: '',
  key: '',
  certificatePem,
  keyPem,
});

const idle = (stage: Stage, svid: HeldSvid): Promise<Wire> => live.idle(stage, filesOf(svid));

/** A connection with a request that is never answered. */
const stuck = (stage: Stage, svid: HeldSvid, target: string): Promise<Wire> =>
  live.inFlight(stage, filesOf(svid), target);

/** Milliseconds until every one of `wires` has ended. */
async function ended(wires: readonly Wire[], sinceMs: number): Promise<readonly number[]> {
  return Promise.all(
    wires.map(async (wire) => {
      await wire.end(WITHIN_MS * 2);
      return performance.now() - sinceMs;
    }),
  );
}

const told = (what: string, times: readonly number[]): void =>
  console.log(`${what}: ended after ${times.map((ms) => `${(ms / 1_000).toFixed(2)} s`).join(', ')}`);

describe.each([
  { name: 'a proxy that asks the issuer', open: asking },
  { name: 'a proxy that reads the files of `certs client`', open: reading },
])('$name', ({ name, open }) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await open();
  });

  test('a serial that is revoked: its connections end, those of another SVID of the ID stay', async () => {
    const [victim, twin, friend] = [await issuer.svid(), await issuer.svid(), await issuer.svid(FRIEND)];
    const slow = `/slow/${victim.serial}`;
    const wires = [await idle(stage, victim), await stuck(stage, victim, slow)];
    const others = [await idle(stage, twin), await idle(stage, friend)];
    const sinceMs = performance.now();
    const { code } = await issuer.cli('certs', 'revoke', victim.serial, '--reason', 'a test');
    expect(code).toBe(0);
    const times = await ended(wires, sinceMs);
    told(`revoke SERIAL, ${name}, idle and in flight`, times);
    expect(Math.max(...times)).toBeLessThan(WITHIN_MS);
    for (const other of others) await stillServed(other);
    for (const other of others) other.socket.destroy();
    const line = 'sallyport_revocations_total{listener="inbound",reason="revoked-certificate"}';
    expect(await metric(stage, line)).toBe(2);
    await expect(idle(stage, victim)).rejects.toThrow();
  });

  test('an ID that is revoked: all its connections end, and it gets no SVID any more', async () => {
    const id = `spiffe://example.org/ns/shop/sa/gone-${stage.port}`;
    const holders = [await issuer.svid(id), await issuer.svid(id)];
    const friend = await idle(stage, await issuer.svid(FRIEND));
    const wires = await Promise.all(holders.map((svid) => idle(stage, svid)));
    const sinceMs = performance.now();
    await issuer.cli('certs', 'revoke', id, '--reason', 'a test');
    const times = await ended(wires, sinceMs);
    told(`revoke ID, ${name}, idle`, times);
    expect(Math.max(...times)).toBeLessThan(WITHIN_MS);
    await stillServed(friend);
    friend.socket.destroy();
    await expect(issuer.svidFor({}, holders[0])).rejects.toThrow();
    const { text } = await issuer.status('/metrics');
    expect(text).toMatch(/^sallyport_revocations_total\{cause="operator"\} [1-9]/m);
  });

  test('an ID that is rotated: the old connections end once the holder has its new SVID', async () => {
    const old = await issuer.svid(WEB);
    const wires = [await idle(stage, old), await stuck(stage, old, `/slow/${old.serial}`)];
    const sinceMs = performance.now();
    await issuer.cli('certs', 'rotate', old.serial);
    const next = await issuer.svidFor({}, old);
    const fresh = await idle(stage, next);
    const times = await ended(wires, sinceMs);
    told(`rotate, ${name}, idle and in flight`, times);
    expect(Math.max(...times)).toBeLessThan(WITHIN_MS);
    await stillServed(fresh);
    fresh.socket.destroy();
  });

  test('a proxy that is rotated itself has a new SVID in time, and loses no caller', async () => {
    const friend = await idle(stage, await issuer.svid(FRIEND));
    const expiry = (): Promise<number> => metric(stage, 'sallyport_identity_updates_total{result="ok"}');
    const before = await expiry();
    const sinceMs = performance.now();
    await issuer.cli('certs', 'rotate', CART);
    await eventually(expiry, (updates) => updates > before);
    told(`rotate the proxy, ${name}, its new SVID`, [performance.now() - sinceMs]);
    expect(performance.now() - sinceMs).toBeLessThan(WITHIN_MS);
    await stillServed(friend);
    friend.socket.destroy();
    expect((await adminPage(stage, '/connections')).status).toBe(200);
  });
});

test('what is written is not the token', () => {
  for (const client of clients)
    expect(JSON.stringify(client.lines)).not.toMatch(/[A-Za-z0-9_-]{43}\.[0-9a-f]{64}/);
});
