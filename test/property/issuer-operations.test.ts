// Whatever operators, workloads, clocks and restarts do in whatever order: a CRL lists exactly the revoked
// SVIDs of its root, whoever holds a valid SVID is verified by what is published, who is revoked is not, the
// sequence only grows, and the audit log holds.
import { expect, onTestFinished, test } from 'vitest';
import type { CaStep, Issued } from '../../certs/issuer/issuer.ts';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import { parseCertificate } from '../../certs/x509/certificate.ts';
import { parseCrl } from '../../certs/x509/crl.ts';
import {
  codeOf,
  HOUR_MS,
  openTestIssuer,
  SECRET,
  TD,
  type TestIssuer,
} from '../unit/certs/issuer/open-test-issuer.ts';
import { verifierFor } from '../unit/certs/make-certificate.ts';

const STEPS = 250;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);
const OPTIONS = {
  svidTtlMs: HOUR_MS,
  caTtlMs: 24 * HOUR_MS,
  overlapMs: HOUR_MS,
  limits: { identity: { burst: 1_000_000, perSecond: 1 } },
};

/** mulberry32: a number in [0, 1) that the seed decides. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface World {
  t: TestIssuer;
  readonly held: Issued[];
  readonly random: () => number;
}

const pick = <T>(list: readonly T[], random: () => number): T | undefined =>
  list[Math.floor(random() * list.length)];
const idOf = (random: () => number): string => `spiffe://${TD}/w${Math.floor(random() * 5)}`;

const OPERATIONS: readonly { readonly weight: number; readonly run: (world: World) => void }[] = [
  { weight: 8, run: ({ t, held, random }) => void held.push(t.join(idOf(random))) },
  {
    weight: 8,
    run({ t, held, random }) {
      const one = pick(held, random);
      if (one === undefined) return;
      const row = [...t.issuer.issued({ serial: one.serial })][0];
      const may = row?.revoked === null && row.notAfterMs > t.clock.now();
      expect(codeOf(() => held.push(t.renew(one)))).toBe(may ? 'ok' : 'ERR_ISSUER_REVOKED');
    },
  },
  {
    weight: 2,
    run({ t, held, random }) {
      const target = pick(held, random)?.serial ?? '00';
      codeOf(() => t.issuer.revoke({ target, reason: 'r', author: 'a' }));
    },
  },
  {
    weight: 1,
    run: ({ t, random }) => void t.issuer.revoke({ target: idOf(random), reason: 'r', author: 'a' }),
  },
  {
    weight: 2,
    run({ t, random }) {
      const target = idOf(random);
      codeOf(() => t.issuer.rotate({ target, author: 'a' }));
    },
  },
  {
    weight: 2,
    run({ t, random }) {
      const step = pick<CaStep>(['prepare', 'activate', 'retire'], random) ?? 'prepare';
      codeOf(() => t.issuer.rotateCa(step, 'a', { force: random() < 0.3 }));
    },
  },
  { weight: 5, run: ({ t, random }) => t.clock.pass(Math.trunc(random() * HOUR_MS)) },
  {
    weight: 1,
    run({ t }) {
      // Within what a CRL and an SVID are dated back by
      t.clock.nowMs -= 30_000;
      t.clock.pass(30_000);
    },
  },
];
const WEIGHT = OPERATIONS.reduce((sum, operation) => sum + operation.weight, 0);

function operate(world: World): void {
  let at = world.random() * WEIGHT;
  for (const { weight, run } of OPERATIONS) {
    at -= weight;
    if (at < 0) return run(world);
  }
}

/** What must hold after every step. */
function check({ t, held }: World): void {
  const { rootsDer, crlsDer } = t.issuer.trust();
  const rows = new Map([...t.issuer.issued()].map((row) => [row.serial, row]));
  const now = t.clock.now();
  const roots = rootsDer.map((der) => parseCertificate(der));
  const state = {
    bundles: new Map([[TD, createTrustBundle(TD, roots)]]),
    crls: new Map([[TD, crlsDer.map(parseCrl)]]),
  };
  const verifier = verifierFor(state);
  const onCrl = new Set(crlsDer.flatMap((der) => [...parseCrl(der).revoked]));
  for (const { serial, chainDer } of held.slice(-40)) {
    const row = rows.get(serial);
    if (row === undefined || row.notAfterMs <= now) continue;
    expect(verifier.verify(chainDer, now).ok).toBe(row.revoked === null);
    if (row.revoked !== null && row.revoked.cause !== 'ca-withdrawn') {
      const live = roots.some(
        (root) => root.extensions.subjectKeyId === Buffer.from(row.caId, 'hex').toString('latin1'),
      );
      expect(onCrl.has(serial)).toBe(live);
    }
  }
  for (const serial of onCrl) expect(rows.get(serial)?.revoked).not.toBeNull();
}

test(`${STEPS} operations, seed ${seed} (SALLYPORT_SEED=${seed} repeats them)`, async () => {
  const random = randomOf(seed);
  const world: World = { t: await openTestIssuer(OPTIONS), held: [], random };
  onTestFinished(() => world.t.issuer.close());
  let sequence = 0;
  for (let i = 0; i < STEPS; i++) {
    if (random() < 0.02) world.t = await world.t.reopen({ secret: SECRET });
    operate(world);
    check(world);
    expect(world.t.issuer.trust().sequence).toBeGreaterThanOrEqual(sequence);
    sequence = world.t.issuer.trust().sequence;
    expect(world.t.problems).toEqual([]);
  }
  expect(world.t.issuer.verifyAudit()).toMatchObject({ ok: true });
  expect(world.held.length).toBeGreaterThan(STEPS / 10);
}, 60_000);
