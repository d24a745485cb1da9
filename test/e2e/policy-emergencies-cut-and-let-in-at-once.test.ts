// `policy emergency` on the folder of a running proxy: isolating cuts live callers within two seconds, peers
// without identity too; revoking lets them in again; an emergency ALLOW ends by itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, metric } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { ALLOW_ALL, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const CUT_MS_MAX = 2_000;
const TERMS = ['--author', 'ana', '--reason', 'incident 7'];

let stage: Stage;
let application: Application;
const svids = new Map<string, SvidFiles>();

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  for (const account of ['web', 'cart', 'oncall', 'debug'])
    svids.set(account, await stage.svid(account, `spiffe://example.org/ns/shop/sa/${account}`));
  await stage.start({
    upstreamPort: application.port,
    listener: 'mtls: permissive',
    policies: {
      'all.yaml': ALLOW_ALL,
      // Not for debug: he is let in by the emergency alone.
      'debug.yaml': policyText({
        name: 'debug',
        action: 'DENY',
        principals: ['example.org/ns/shop/sa/debug'],
        paths: ['/old'],
      }),
    },
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `sallyport policy emergency …` in a process of its own, as in an incident. */
async function emergency(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [
    ENTRY,
    'policy',
    'emergency',
    ...args,
    '--out',
    stage.path('policies'),
  ]);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code), out, err };
}

const written = (): string[] =>
  readdirSync(stage.path('policies')).filter((name) => name.startsWith('emergency-'));

function callerOf(account: string): Promise<Wire> {
  const svid = svids.get(account);
  if (svid === undefined) throw new Error(`no SVID of ${account}`);
  return call(stage, svid);
}

async function plaintextCaller(): Promise<Wire> {
  const socket = net.connect(stage.port, '127.0.0.1');
  await once(socket, 'connect');
  return new Wire(socket);
}

/** Status of one more request on a connection that stays. */
async function ask(wire: Wire, path = '/x'): Promise<number> {
  const from = wire.text.length;
  wire.send(get(path));
  const answer = await wire.until((all) => /\r\n\r\n(ok|[\s\S]*\n)$/.test(all.slice(from)));
  return Number(answer.slice(from + 9, from + 12));
}

/** Milliseconds until `wire` is answered with `status`. */
async function untilStatus(wire: Wire, status: number, path = '/x'): Promise<number> {
  const startMs = performance.now();
  await eventually(
    () => ask(wire, path),
    (got) => got === status,
  );
  return performance.now() - startMs;
}

test('isolating cuts everybody but the few, and revoking lets them in again', async () => {
  const [web, own, oncall, stranger] = [
    await callerOf('web'),
    await callerOf('cart'),
    await callerOf('oncall'),
    await plaintextCaller(),
  ];
  for (const one of [web, own, oncall, stranger]) expect(await ask(one)).toBe(200);
  const { code, out } = await emergency(
    'isolate',
    'shop/cart',
    '--except',
    'shop/oncall',
    '--ttl',
    '5m',
    ...TERMS,
  );
  expect(code).toBe(0);
  expect(out).toContain('denies what ns[shop]-policy[all]-rule[0]');
  const [webMs, ownMs, strangerMs] = await Promise.all(
    [web, own, stranger].map((one) => untilStatus(one, 403)),
  );
  console.log(`cut after ${webMs?.toFixed(0)}, ${ownMs?.toFixed(0)} and ${strangerMs?.toFixed(0)} ms`);
  for (const ms of [webMs, ownMs, strangerMs]) expect(ms).toBeLessThan(CUT_MS_MAX);
  expect(await ask(oncall)).toBe(200);
  expect(await metric(stage, 'sallyport_emergency_rules')).toBe(1);

  const [file] = written();
  const revoked = await emergency('revoke', (file ?? '').replace('.yaml', ''));
  expect([revoked.code, revoked.err]).toEqual([0, '']);
  const backMs = await Promise.all([web, own, stranger].map((one) => untilStatus(one, 200)));
  for (const ms of backMs) expect(ms).toBeLessThan(CUT_MS_MAX);
  expect(written()).toEqual([]);
  expect(await metric(stage, 'sallyport_emergency_rules')).toBe(0);
});

test('an emergency ALLOW ends by itself', async () => {
  stage.write('policies/all.yaml', policyText({ name: 'all', principals: ['example.org/ns/shop/sa/web'] }));
  const debug = await callerOf('debug');
  await untilStatus(debug, 403);
  const { code } = await emergency('allow', 'shop/debug', '--to', 'shop/cart', '--ttl', '5s', ...TERMS);
  expect(code).toBe(0);
  expect(await untilStatus(debug, 200)).toBeLessThan(CUT_MS_MAX);
  expect(await ask(debug, '/old')).toBe(403);
  await untilStatus(debug, 403);
  expect(written()).toHaveLength(1);
  const { out } = await emergency('list');
  expect(out).toContain('0 emergency rules in force, 1 expired');
});

test('what a DENY takes is not written', async () => {
  const before = written();
  const { code, out, err } = await emergency(
    ...['allow', 'shop/debug', '--to', 'shop/cart', '--path', '/old', '--ttl', '5s', ...TERMS],
  );
  expect([code, err]).toEqual([1, 'nothing was written: a DENY wins over it, and it would let nobody in\n']);
  expect(out).toMatch(/^! ns\[shop\]-policy\[debug\]-rule\[0\] \(.*debug\.yaml:\d+\) still denies$/m);
  expect(written()).toEqual(before);
});
