// Out of file descriptors: callers are refused, the status and admin addresses, the log and reloads go on,
// and whoever is connected is served.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPage, eventually, openConnections, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { answered } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

// About 30 are in use and 150 are kept: some 37 callers, 13 connections to the application.
const DESCRIPTORS = 230;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let svid: SvidFiles;
const wires: Wire[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  svid = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port, descriptors: DESCRIPTORS });
});

afterAll(async () => {
  for (const { socket } of wires) socket.destroy();
  await stage.close();
  application.close();
});

/** A caller that is served, or null when it was refused. */
async function tryCall(): Promise<Wire | null> {
  try {
    const wire = await call(stage, svid);
    wires.push(wire);
    return wire;
  } catch {
    return null;
  }
}

test('the start says how many connections there is room for', async () => {
  const line = await proxy.line((one) => one['ulimit -n'] === DESCRIPTORS);
  expect(line).toMatchObject({ level: 'warn', 'limits.connections': 10_000 });
  expect(line['allowed']).toBeGreaterThan(16);
});

test('callers beyond it are refused, everything else goes on', async () => {
  const callers: (Wire | null)[] = [];
  for (let i = 0; i < DESCRIPTORS; i++) callers.push(await tryCall());
  const served = callers.filter((wire) => wire !== null);
  expect(served.length).toBeGreaterThan(16);
  expect(served.length).toBeLessThan(DESCRIPTORS / 2);
  expect(callers.at(-1)).toBeNull();
  const line = await proxy.line((one) => one['reason'] === 'connection-limit');
  expect(line).toMatchObject({ verdict: 'deny' });
  expect((await statusPage(stage, '/healthz')).status).toBe(200);
  expect((await statusPage(stage, '/metrics')).status).toBe(200);
  expect((await adminPage(stage, '/connections')).status).toBe(200);
  // Every caller asks at once: more than there are connections to the application.
  for (const wire of served) wire.send(get('/'));
  const answers = await Promise.all(served.map(async (wire) => (await answered(wire, 1))[0]?.status));
  expect(new Set(answers)).toEqual(new Set(answers.includes(503) ? [200, 503] : [200]));
  expect(answers).toContain(200);
  // A reload needs the loader process and its pipes.
  stage.write('policies/mesh.yaml', policyText({ paths: ['/other'] }));
  const first = served[0] as Wire;
  let asked = 1;
  await eventually(
    async () => {
      first.send(get('/'));
      return (await answered(first, ++asked)).at(-1)?.status;
    },
    (status) => status === 403,
  );
});

test('and there is room again when they leave', async () => {
  for (const { socket } of wires.splice(0)) socket.destroy();
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
  expect(await tryCall()).not.toBeNull();
});
