// identity.graceAfterExpiry lets expired SVIDs in for a while: fail-open, so counted, logged, printed and
// bounded.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { eventually, handshakes, metric, statusPage } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const IDENTITY = `trustDomain: example.org
graceAfterExpiry: 1h
files:
  certificate: server.pem
  key: server.key
  bundles: { example.org: ca.pem }
  crls: { example.org: ca.crl }`;
const FAIL_OPEN = 'sallyport_fail_open_total{listener="inbound",reason="expired-certificate"}';
const WEB = 'spiffe://example.org/ns/shop/sa/web';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let revoked: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  const issued = await stage.authority.issue({ spiffeId: WEB, ...endedAgo(10 * MINUTE_MS) });
  const pems = { certificatePem: issued.chainPem, keyPem: issued.privateKeyPem ?? '' };
  revoked = { ...pems, certificate: '', key: '' };
  // Newer than the SVIDs of these tests: the list is judged by the present, not by the time of their
  // validity.
  const crl = stage.authority.issueCrl({
    revokedSerials: [issued.serial],
    thisUpdateMs: Date.now() - MINUTE_MS,
  });
  writeFileSync(stage.path('ca.crl'), crl);
  proxy = await stage.start({ upstreamPort: application.port, identity: IDENTITY });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

/** Lived for ten minutes, shorter than the grace. */
function endedAgo(ms: number): { nowMs: number; ttlMs: number } {
  return { nowMs: Date.now() - ms - 10 * MINUTE_MS, ttlMs: 10 * MINUTE_MS };
}

async function answerTo(svid: SvidFiles): Promise<string> {
  const caller = await call(stage, svid);
  caller.send(get('/', 'Connection: close\r\n'));
  return caller.end();
}

test('start and readiness say that something is softer than enforce', async () => {
  const softer = 'identity.graceAfterExpiry=3600000ms';
  const ready = await proxy.line((line) => line['msg'] === 'ready');
  expect(ready['mode']).toContain(softer);
  const { status, text } = await statusPage(stage, '/readyz');
  expect({ status, text }).toEqual({ status: 200, text: expect.stringContaining(softer) });
});

test('an SVID that is valid is not counted', async () => {
  expect(await answerTo(await stage.svid('web', WEB))).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(await metric(stage, FAIL_OPEN)).toBe(0);
});

test('an SVID that expired within the grace is let in, counted and logged', async () => {
  const svid = await stage.svid('late', WEB, endedAgo(10 * MINUTE_MS));
  expect(await answerTo(svid)).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(await metric(stage, FAIL_OPEN)).toBe(1);
  const line = await proxy.line((one) => String(one['msg']).startsWith('fail-open'));
  expect(line).toMatchObject({ reason: 'expired-certificate', msg: expect.stringContaining(WEB) });
});

test('an SVID that expires on a live connection is counted once, and the connection goes on', async () => {
  const before = await metric(stage, FAIL_OPEN);
  const caller = await call(stage, await stage.svid('brief', WEB, { ttlMs: 2_000 }));
  await eventually(
    () => metric(stage, FAIL_OPEN),
    (n) => n === before + 1,
  );
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok'));
  caller.send(get('/', 'Connection: close\r\n'));
  await caller.end();
  expect(await metric(stage, FAIL_OPEN)).toBe(before + 1);
});

test.each([
  {
    name: 'an SVID that expired before the grace',
    reason: 'expired-certificate',
    issue: () => stage.svid('over', WEB, endedAgo(2 * HOUR_MS)),
  },
  {
    name: 'an SVID that is not valid yet',
    reason: 'expired-certificate',
    issue: () => stage.svid('early', WEB, { nowMs: Date.now() + HOUR_MS }),
  },
  {
    name: 'an expired SVID on the CRL',
    reason: 'revoked-certificate',
    issue: () => Promise.resolve(revoked),
  },
  {
    name: 'a valid SVID below an expired intermediate',
    reason: 'expired-certificate',
    issue: async () => {
      const authority = await stage.authority.createIntermediate(endedAgo(10 * MINUTE_MS));
      return stage.svid('below', WEB, {
        authority,
        adjust: (s) => ({ ...s, notAfterMs: Date.now() + HOUR_MS }),
      });
    },
  },
  {
    name: 'an expired SVID of an unknown CA',
    reason: 'untrusted-certificate',
    issue: async () => {
      const authority = await createAuthority({ trustDomain: 'example.org' });
      return stage.svid('foreign', WEB, { authority, ...endedAgo(10 * MINUTE_MS) });
    },
  },
])('$name is refused as $reason', async ({ reason, issue }) => {
  const [refused, open] = [await handshakes(stage, reason), await metric(stage, FAIL_OPEN)];
  const served = application.connections.length;
  expect(await answerTo(await issue())).toBe('');
  expect(await handshakes(stage, reason)).toBe(refused + 1);
  expect(await metric(stage, FAIL_OPEN)).toBe(open);
  expect(application.connections.length).toBe(served);
});
