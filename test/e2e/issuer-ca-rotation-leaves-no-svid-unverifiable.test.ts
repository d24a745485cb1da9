// A CA rotation under load: at no moment does a fresh SVID fail to verify against the bundle that was
// published one overlap ago, nor an SVID that lives against the bundle of now.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import { createPeerVerifier, type PeerVerifier } from '../../certs/verify.ts';
import { parseCertificate } from '../../certs/x509/certificate.ts';
import { readPem } from '../../certs/x509/pem.ts';
import { type HeldSvid, IssuerStage, WEB } from './stage/issuer.ts';

const OVERLAP_MS = 2_000;
let stage: IssuerStage;
beforeAll(async () => {
  stage = await IssuerStage.create(`svid: { ttl: 10s }
ca: { ttl: 10m, overlap: ${OVERLAP_MS}ms }
refreshHint: 1s
limits: { issuancesPerIdentity: 10000 }`);
  await stage.start();
});
afterAll(() => stage.close());

interface Published {
  readonly atMs: number;
  readonly roots: number;
  readonly verifier: PeerVerifier;
}

const ders = (pem: string): Buffer[] => readPem(pem).blocks.map(({ der }) => der);

function published(bundle: string, atMs: number): Published {
  const anchors = ders(bundle).map((der) => parseCertificate(der));
  const bundles = new Map([['example.org', createTrustBundle('example.org', anchors)]]);
  const verifier = createPeerVerifier({ bundles, crls: new Map() }, { purpose: 'client' });
  return { atMs, roots: anchors.length, verifier };
}

const step = async (name: string, ...more: string[]): Promise<number> =>
  (await stage.cli('certs', 'rotate', '--ca', name, ...more)).code;

test('prepare, activate and retire', async () => {
  let held: HeldSvid = await stage.svid(WEB);
  const bundles: Published[] = [];
  const serialsOfCa = new Set<string>();
  let checked = 0;
  let going = true;
  const watching = (async () => {
    while (going) {
      // INVARIANT: the bundle is noted with the time before it was asked for, so that it is never taken for
      // older.
      const askedMs = performance.now();
      const trust = await stage.ask('/v1/trust');
      bundles.push(published(String(trust.json?.['bundle']), askedMs));
      held = await stage.svidFor({}, held);
      const nowMs = performance.now();
      const chain = ders(held.certificatePem);
      const old = bundles.findLast(({ atMs }) => atMs <= askedMs - OVERLAP_MS);
      for (const bundle of [old, bundles.at(-1)]) {
        if (bundle === undefined) continue;
        const verdict = bundle.verifier.verify(chain, Date.now());
        if (!verdict.ok) throw new Error(`after ${nowMs - bundle.atMs} ms: ${verdict.message}`);
        checked++;
      }
      serialsOfCa.add(parseCertificate(chain[0] ?? Buffer.alloc(0)).issuer);
    }
  })();

  expect(await step('activate')).toBe(2); // nothing is prepared
  expect(await step('prepare')).toBe(0);
  expect(await step('activate')).toBe(2); // one overlap has to pass
  const until = Date.now() + OVERLAP_MS + 500;
  while (Date.now() < until)
    await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, 100))]);
  const status = await stage.admin('/v1/ca');
  if (!status.items('authorities').some((ca) => ca.text('state') === 'retiring'))
    expect(await step('activate')).toBe(0);
  await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, 500))]);
  expect(await step('retire')).toBe(2); // SVIDs of the old CA live
  expect(await step('retire', '--force')).toBe(0);
  going = false;
  await watching;
  console.log(`${checked} verifications while the CA changed, ${bundles.length} bundles, 0 failures`);
  expect(serialsOfCa.size).toBe(2);
  expect(new Set(bundles.map(({ roots }) => roots))).toEqual(new Set([1, 2]));
  expect((await stage.svidFor({}, held)).answer.status).toBe(200);
  expect((await stage.status('/readyz')).status).toBe(200);
});

test('what `certs rotate --ca status` shows is a table', async () => {
  const { out } = await stage.cli('certs', 'rotate', '--ca', 'status');
  expect(out).toMatch(/^CA +SHA-256 +published +ends +last SVID ends\nactive /);
});
