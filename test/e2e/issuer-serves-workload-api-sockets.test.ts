// Workloads beside the issuer, each on a SPIFFE Workload API socket of its own: they get their SVID, its
// renewals, and its end.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SvidSource } from '../../certs/source.ts';
import { openWorkloadApiSource } from '../../certs/workload-api/svid-source.ts';
import { systemClock } from '../../core/clock.ts';
import { IssuerStage } from './stage/issuer.ts';
import { eventually } from './stage/observe.ts';

const ID = 'spiffe://example.org/ns/shop/sa/socket';
let stage: IssuerStage;
let source: SvidSource;

beforeAll(async () => {
  stage = await IssuerStage.create(`svid: { ttl: 10s }
ca: { ttl: 10m, overlap: 2s }
refreshHint: 1s
workloads:
  - { id: ${ID}, socket: web, uid: ${process.getuid?.()}, dnsNames: [web.example.org], hint: internal }
  - { id: ${ID}-other, socket: other, uid: 4711 }`);
  await stage.start();
  source = await openWorkloadApiSource({
    trustDomain: 'example.org',
    socket: `unix://${join(stage.folder, 'sockets', 'web', 'api.sock')}`,
    clock: systemClock,
    random: Math.random,
  });
});
afterAll(async () => {
  source?.close();
  await stage.close();
});

test('each socket belongs to its workload alone', () => {
  const socket = statSync(join(stage.folder, 'sockets', 'other', 'api.sock'));
  expect([socket.uid, (socket.mode & 0o777).toString(8)]).toEqual([4711, '600']);
});

test('the workload has its SVID, which renews itself', async () => {
  const first = await eventually(
    () => source.current(),
    (state) => state !== null,
  );
  expect(first?.spiffeId.uri).toBe(ID);
  const next = await eventually(
    () => source.current(),
    (state) => (state?.notAfterMs ?? 0) > (first?.notAfterMs ?? 0),
  );
  expect(next?.privateKeyPem).not.toBe(first?.privateKeyPem);
});

test('`certs rotate` gives it another at once', async () => {
  const before = source.current()?.certificateChainPem;
  const startMs = performance.now();
  expect((await stage.cli('certs', 'rotate', ID)).code).toBe(0);
  await eventually(
    () => source.current()?.certificateChainPem,
    (chain) => chain !== before,
    5_000,
  );
  console.log(`rotated over the socket after ${(performance.now() - startMs).toFixed(0)} ms`);
});

test('a revoked ID has nothing on its socket any more', async () => {
  await stage.cli('certs', 'revoke', ID, '--reason', 'a test');
  await eventually(
    async () => (await stage.status('/metrics')).text,
    (text) => text.includes('sallyport_issuer_workloads{state="without"} 1'),
  );
  expect((await stage.status('/metrics')).text).toContain('sallyport_issuer_workloads{state="served"} 1');
  await stage.cli('certs', 'reinstate', ID);
  await eventually(
    async () => (await stage.status('/metrics')).text,
    (text) => text.includes('sallyport_issuer_workloads{state="served"} 2'),
  );
});
