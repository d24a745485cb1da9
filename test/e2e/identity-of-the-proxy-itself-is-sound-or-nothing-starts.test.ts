// The proxy's own SVID: a set that does not verify ends the start with code 2 (more of them:
// test/unit/certs/files/file-source.test.ts).
import { rmSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { Stage } from './stage/stage.ts';

const SERVER = 'spiffe://example.org/ns/shop/sa/cart';
const DAY_MS = 86_400_000;

const stages: Stage[] = [];

afterAll(async () => {
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
});

async function newStage(): Promise<Stage> {
  const stage = await Stage.create();
  stages.push(stage);
  return stage;
}

test.each<{ name: string; expect: readonly string[]; spoil: (stage: Stage) => unknown }>([
  {
    name: 'an expired certificate',
    expect: ['server.pem', 'expired-certificate', 'ERR_IDENTITY_REFUSED', 'issue a new certificate'],
    spoil: (stage) => stage.svid('server', SERVER, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }),
  },
  {
    name: 'the key of another certificate',
    expect: ['server.key', 'ERR_KEY_MISMATCH', 'both files must come from one issuance'],
    spoil: async (stage) => stage.write('server.key', (await stage.svid('other', SERVER)).keyPem),
  },
  {
    name: 'a missing certificate',
    expect: ['server.pem', 'ENOENT', 'ERR_IDENTITY_FILE'],
    spoil: (stage) => rmSync(stage.path('server.pem')),
  },
  {
    name: 'a bundle that is no PEM',
    expect: ['ca.pem', 'the file is not PEM', 'ERR_CERTIFICATE_MISSING'],
    spoil: (stage) => stage.write('ca.pem', 'not a certificate\n'),
  },
  {
    name: 'a certificate that its bundle did not sign',
    expect: ['untrusted-certificate', 'must belong together'],
    spoil: async (stage) =>
      stage.write('ca.pem', (await createAuthority({ trustDomain: 'example.org' })).certificatePem),
  },
  {
    name: 'the certificate of another workload',
    expect: ['ERR_CONFIG_WORKLOAD', 'workload.serviceAccount is `cart`'],
    spoil: (stage) => stage.svid('server', 'spiffe://example.org/ns/shop/sa/web'),
  },
])('$name: exit code 2 and what to do', async ({ expect: texts, spoil }) => {
  const stage = await newStage();
  await spoil(stage);
  const proxy = stage.launch();
  expect(await proxy.exited()).toBe(2);
  for (const text of texts) expect(proxy.stderr).toContain(text);
  expect(proxy.stderr).not.toMatch(/PRIVATE KEY-----\n|at file:|\.ts:\d/); // no key, no stack
  expect(proxy.lines).toEqual([]);
});
