// A bundle removed, a certificate revoked, an SVID expired: the live connections of these peers end, the
// others stay.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { LiveConnections, stillServed } from './stage/live-connections.ts';
import { adminPage, eventually, metric, openConnections } from './stage/observe.ts';
import { HoldingRelay } from './stage/relay.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { call, get, OK, targets, type Wire } from './stage/wire.ts';

const IDENTITY = `trustDomain: example.org
files:
  certificate: server.pem
  key: server.key
  bundles: { example.org: ca.pem }
  crls: { example.org: ca.crl }`;
const FORCED_MS = 2_500;
const ended = (reason: string): Promise<number> =>
  metric(stage, `sallyport_revocations_total{listener="inbound",reason="${reason}"}`);

let stage: Stage;
let live: LiveConnections;
let proxy: RunningProxy;
let old: Authority;
let friend: SvidFiles;
const revokedSerials: string[] = [];

function writeCrl(): void {
  writeFileSync(stage.path('ca.crl'), stage.authority.issueCrl({ revokedSerials }));
}

beforeAll(async () => {
  stage = await Stage.create();
  live = await LiveConnections.start();
  old = await createAuthority({ trustDomain: 'example.org' });
  stage.write('ca.pem', stage.authority.certificatePem + old.certificatePem);
  writeCrl();
  friend = await stage.svid('friend', 'spiffe://example.org/ns/shop/sa/friend');
  proxy = await stage.start({ upstreamPort: live.application.port, identity: IDENTITY });
});

afterAll(async () => {
  await stage.close();
  live.application.close();
});

const idle = (svid: SvidFiles): Promise<Wire> => live.idle(stage, svid);
const inFlight = (svid: SvidFiles, target: string): Promise<Wire> => live.inFlight(stage, svid, target);

test('a removed CA: idle closed at once, in flight drained, half a head never served', async () => {
  const svid = await stage.svid('old', 'spiffe://example.org/ns/shop/sa/old', { authority: old });
  const other = await idle(friend);
  const waiting = await idle(svid);
  const finishing = await inFlight(svid, '/slow/finishing');
  const stuck = await inFlight(svid, '/slow/stuck');
  const half = await call(stage, svid);
  half.send('GET /half HTTP/1.1\r\nHost: cart.shop\r\n');
  await eventually(
    () => openConnections(stage),
    (n) => n === 5,
  );

  stage.write('ca.pem', stage.authority.certificatePem);
  expect(await waiting.end()).toMatch(/ok$/);
  const withdrawnMs = performance.now();
  half.send('\r\n');
  expect(await half.end()).not.toContain('200 OK');
  live.held.get('/slow/finishing')?.send(OK);
  expect(await finishing.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  expect(performance.now() - withdrawnMs).toBeLessThan(FORCED_MS);
  expect(await stuck.end(FORCED_MS * 2)).toBe('');
  expect(performance.now() - withdrawnMs).toBeGreaterThan(FORCED_MS - 1_000);
  expect(targets(live.application)).not.toContain('/half');
  expect(await ended('untrusted-certificate')).toBe(4);
  await stillServed(other);
  other.socket.destroy();
  await proxy.line((line) => line['reason'] === 'identity-withdrawn' && line['http'] !== undefined);
  for (const wire of [waiting, half, finishing, stuck]) wire.socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
});

test('a handshake that began before its CA was removed ends without a connection', async () => {
  const served = await createAuthority({ trustDomain: 'example.org' });
  const svid = await stage.svid('begun', 'spiffe://example.org/ns/shop/sa/begun', { authority: served });
  const swap = async (pem: string): Promise<void> => {
    const swaps = (): number => proxy.lines.filter((line) => line['msg'] === 'identity swapped').length;
    const before = swaps();
    stage.write('ca.pem', pem);
    await eventually(swaps, (n) => n > before);
  };
  await swap(stage.authority.certificatePem + served.certificatePem);
  const relay = await HoldingRelay.start({ port: stage.port, host: '127.0.0.1' });
  // The client is done with its part, which the proxy does not have yet.
  const caller = await call(stage, svid, { port: relay.port });
  caller.send(get('/begun'));
  await swap(stage.authority.certificatePem);
  relay.release();
  expect(await caller.end()).toBe('');
  relay.close();
  expect(targets(live.application)).not.toContain('/begun');
});

test('a certificate that comes on the CRL: its connection ends, the caller’s other one stays', async () => {
  const spiffeId = 'spiffe://example.org/ns/shop/sa/web';
  const issued = await stage.authority.issue({ spiffeId });
  const files = {
    certificatePem: issued.chainPem,
    keyPem: issued.privateKeyPem ?? '',
    certificate: '',
    key: '',
  };
  const stays = await idle(await stage.svid('web', spiffeId));
  const revoked = await idle(files);
  revokedSerials.push(issued.serial);
  writeCrl();
  await revoked.end();
  expect(await ended('revoked-certificate')).toBe(1);
  await stillServed(stays);
  stays.socket.destroy();
  const again = await call(stage, files);
  again.send(get('/after'));
  expect(await again.end()).toBe('');
  expect(targets(live.application)).not.toContain('/after');
});

test('an SVID that expires on a live connection: idle closed, in flight finished, others stay', async () => {
  const svid = await stage.svid('brief', 'spiffe://example.org/ns/shop/sa/brief', { ttlMs: 4_000 });
  const other = await idle(friend);
  const waiting = await idle(svid);
  const finishing = await inFlight(svid, '/slow/brief');
  const seen = JSON.parse((await adminPage(stage, '/connections')).text) as { expiresAt: string }[];
  const firstEnd = Math.min(...seen.map(({ expiresAt }) => Date.parse(expiresAt)));
  await waiting.end();
  expect(Date.now()).toBeGreaterThanOrEqual(firstEnd - 50);
  live.held.get('/slow/brief')?.send(OK);
  expect(await finishing.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  expect(await ended('expired-certificate')).toBe(2);
  await stillServed(other);
  other.socket.destroy();
  expect(
    await metric(stage, 'sallyport_fail_open_total{listener="inbound",reason="expired-certificate"}'),
  ).toBe(0);
});
