// kill -9 in the middle of issuances: what was answered is remembered, what was used stays used, the audit
// log is whole, and who holds an SVID goes on with it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HeldSvid, IssuerStage, WEB } from './stage/issuer.ts';
import { makeCsr } from './stage/issuer-requests.ts';
import { eventually } from './stage/observe.ts';
import type { RunningProxy } from './stage/stage.ts';

let stage: IssuerStage;
/** The one that runs now. */
let running: RunningProxy;
beforeAll(async () => {
  stage = await IssuerStage.create('limits: { issuancesPerIdentity: 10000, failuresPerAddress: 10000 }');
});
afterAll(() => stage.close());

const ROUNDS = 3;

/** Tokens and renewals as fast as they go, until the issuer is gone; the tokens that were used. */
async function load(held: HeldSvid, tokens: readonly string[], answered: HeldSvid[]): Promise<Set<string>> {
  const used = new Set<string>();
  const lane = async (next: () => object | undefined, renew: boolean): Promise<void> => {
    for (let body = next(); body !== undefined; body = next()) {
      try {
        answered.push(await stage.svidFor(body, renew ? held : undefined));
        if ('joinToken' in body) used.add(String(body.joinToken));
      } catch {
        return; // killed: whether this one was committed, nobody was told
      }
    }
  };
  const left = [...tokens];
  const nextToken = (): object | undefined => {
    const joinToken = left.pop();
    return joinToken === undefined ? undefined : { joinToken };
  };
  await Promise.all([lane(nextToken, false), lane(nextToken, false), lane(() => ({}), true)]);
  return used;
}

test('nothing that was answered is lost', async () => {
  running = await stage.start();
  let held = await stage.svid();
  const roots = new Set<unknown>();
  for (let round = 0; round < ROUNDS; round++) {
    const tokens = await Promise.all(Array.from({ length: 200 }, () => stage.token(WEB)));
    const answered: HeldSvid[] = [];
    const loading = load(held, tokens, answered);
    await eventually(
      () => answered.length,
      (count) => count > 10 * round, // somewhere in the middle
    );
    await running.kill();
    const used = await loading;

    running = await stage.start();
    const issued = new Set((await stage.adminLines('/v1/issued')).map((row) => row.text('serial')));
    expect(answered.filter(({ serial }) => !issued.has(serial))).toEqual([]);
    const { csr } = await makeCsr();
    for (const joinToken of used) expect((await stage.ask('/v1/svid', { csr, joinToken })).status).toBe(401);
    expect((await stage.cli('certs', 'audit', '--verify')).code).toBe(0);
    held = await stage.svidFor({}, held);
    roots.add((await stage.ask('/v1/trust')).json?.['bundle']);
  }
  expect(roots.size).toBe(1);
});

test('every line of the audit log was in the log of the process, with its hash', async () => {
  await expect(stage.start()).rejects.toThrow(); // the state belongs to the one that runs
  const logged = running.lines.flatMap(({ msg, hash }) => (msg === 'audit' ? [hash] : []));
  const hashes = (await stage.adminLines('/v1/audit')).map((entry) => entry.text('hash'));
  expect(hashes.length).toBeGreaterThan(logged.length); // this process wrote the last of them
  expect(hashes.slice(-logged.length)).toEqual(logged);
});

test('a revocation outlives a restart', async () => {
  const victim = await stage.svid();
  await stage.admin('/v1/revoke', { target: victim.serial, reason: 'a test' });
  await stage.restart();
  await expect(stage.ask('/v1/trust', undefined, victim)).rejects.toThrow();
});
