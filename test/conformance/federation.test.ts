// Federation (SPIFFE Federation section 7.3): a peer is verified against the bundle of its own trust domain
// and no other. Each row through the verifier, for callers and for servers, and through real TLS handshakes
// of the proxy as server and as client, where OpenSSL sees the union of all bundles.
import { beforeAll, describe, expect, test } from 'vitest';
import { said, trust, verifierFor } from '../unit/certs/make-certificate.ts';
import { FOREIGN_A, FOREIGN_B, TABLES } from './federation-rows.ts';
import { startTlsStage, type TlsStage } from './federation-tls.ts';
import { A, B, createWorld, ID_A, ID_B, leaf, type World } from './federation-world.ts';

let world: World;
let stage: TlsStage;
beforeAll(async () => {
  world = await createWorld();
  stage = await startTlsStage(await world.a.issue({ spiffeId: `spiffe://${A}/proxy` }));
  return () => stage.close();
});

describe('a peer is verified against the bundle of its own trust domain only', () => {
  for (const [table, rows] of Object.entries(TABLES)) {
    test.each(rows)(`${table}: $name`, async ({ make, state = ({ a, b }) => trust(a, b), ...row }) => {
      const from = await make(world);
      const trusted = state(world);
      const expected = expect.stringMatching(startOf(row.expect));
      for (const purpose of ['client', 'server'] as const) {
        const verifier = verifierFor(trusted, purpose);
        expect(said(verifier.verify(from.chainDer, Date.now()))).toEqual(expected);
        // The same answer when leaf and intermediates are known already.
        expect(said(verifier.verify(from.chainDer, Date.now()))).toEqual(expected);
      }
      const overTls = row.tls ?? row.expect;
      expect(await stage.caller(trusted, from)).toEqual(expect.stringMatching(startOf(overTls)));
      expect((await stage.server(trusted, from)) === 'ok').toBe(overTls === 'ok');
    });
  }

  test('what a verifier remembers of one trust domain never helps the other', async () => {
    const { a, b, a1, b1 } = world;
    const verifier = verifierFor(trust(a, b));
    const pairs = await Promise.all([
      leaf(a1, ID_A).then((one) => [one, 'ok'] as const),
      leaf(b1, ID_B).then((one) => [one, 'ok'] as const),
      leaf(b1, ID_A).then((one) => [one, FOREIGN_A] as const),
      leaf(a1, ID_B).then((one) => [one, FOREIGN_B] as const),
    ]);
    for (let i = 0; i < 100; i++) {
      const [from, wanted] = pairs[(i * 7 + (i >> 2)) % pairs.length] ?? [];
      expect(said(verifier.verify(from?.chainDer ?? [], Date.now()))).toBe(wanted);
    }
  });

  test('rejects outnumber accepts', () => {
    const rows = Object.values(TABLES).flat();
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => row.expect === 'ok').length * 2).toBeLessThan(rows.length);
  });
});

describe('a session from before', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s: is not resumed, and the peer is refused once the bundle of its trust domain is gone',
    async (version) => {
      const { a, b, b1 } = world;
      const from = await leaf(b1, ID_B);
      const first = await stage.visit(trust(a, b), from, { version });
      expect(first).toMatchObject({ said: 'ok', reused: false });
      const again = await stage.visit(trust(a, b), from, { version, session: first.session });
      expect(again).toMatchObject({ said: 'ok', reused: false });
      const gone = await stage.visit(trust(a), from, { version, session: first.session });
      expect(gone).toMatchObject({
        said: `wrong-trust-domain: there is no bundle for trust domain \`${B}\``,
        reused: false,
      });
    },
  );

  test('a handshake that began before the bundle was gone is judged without it', async () => {
    const { a, b } = world;
    const began = trust(a, b);
    expect(await stage.caller(began, await leaf(b, ID_B), () => trust(a))).toMatch(
      /^wrong-trust-domain: there is no/,
    );
  });
});

/** What a verdict begins with, or `ok` whole. */
const startOf = (wanted: string): RegExp =>
  wanted === 'ok' ? /^ok$/ : new RegExp(`^${wanted.replace(/[.*+?^${}()|[\]\\`]/g, '\\$&')}`);
