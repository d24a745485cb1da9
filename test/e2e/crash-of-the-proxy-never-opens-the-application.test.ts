// kill -9 under load, from emitted JavaScript and under a supervisor that only starts it again: no request
// ever reaches the application around the rules, and service is back within a second. Then everything else
// dies, and nothing leaks.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Emitted } from './stage/emitted.ts';
import { adminPage, eventually, metric, statusPage } from './stage/observe.ts';
import { type Arrival, answers, response, routed } from './stage/routed.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { notPaths: ["/denied"] } }] }]
`;
const KILLS = 3;
const BACK_MS_MAX = 1_000;
/** A bare Node process on an idle machine. */
const BARE_START_MS = 45;

/** Starts the proxy again whenever it ends. */
class Supervisor {
  child: ChildProcess | null = null;
  restarts = 0;
  private stopped = false;
  private readonly args: readonly string[];

  constructor(args: readonly string[]) {
    this.args = args;
    this.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.child?.kill('SIGKILL');
    await eventually(
      () => this.child,
      (child) => child === null,
    );
  }

  private start(): void {
    const child = spawn(process.execPath, this.args, { stdio: 'ignore' });
    this.child = child;
    child.on('exit', () => {
      this.child = null;
      if (this.stopped) return;
      this.restarts++;
      this.start();
    });
  }
}

let emitted: Emitted;
let stage: Stage;
let application: Application;
let supervisor: Supervisor;
let web: SvidFiles;
const arrivals: Arrival[] = [];
const load = { running: true, allowed: 0, denied: 0, failed: 0, wrong: [] as string[], firstOkMs: 0 };

beforeAll(async () => {
  emitted = new Emitted();
  stage = await Stage.create();
  application = await Application.start(
    routed({
      '/dies': ({ wire }) => {
        wire.send('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
        setTimeout(() => wire.socket.resetAndDestroy(), 50);
      },
      '/half': ({ wire }) => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
      '*': (arrival) => {
        arrivals.push(arrival);
        arrival.wire.send(response('ok'));
      },
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const config = stage.configure({
    upstreamPort: application.port,
    upstream: 'idleTimeout: 1s',
    policies: { 'most.yaml': POLICY },
  });
  supervisor = new Supervisor([emitted.entry, 'proxy', '--config', config]);
  await eventually(isReady, (ready) => ready);
});

afterAll(async () => {
  load.running = false;
  await supervisor?.stop();
  await stage?.close();
  application?.close();
  emitted?.close();
});

const isReady = (): Promise<boolean> =>
  statusPage(stage, '/readyz').then(
    (page) => page.status === 200,
    () => false,
  );

/** One caller: a request after the other, allowed and denied in turn; connects again when it is cut off. */
async function worker(): Promise<void> {
  for (let caller: Wire | null = null; load.running; ) {
    try {
      caller ??= await call(stage, web, { allowHalfOpen: false });
      for (const path of ['/allowed', '/denied']) {
        caller.text = '';
        caller.send(get(path));
        const [answer] = answers(await caller.until((text) => answers(text).length > 0));
        const expected = path === '/allowed' ? 200 : 403;
        if (answer?.status !== expected) load.wrong.push(`${path}: ${answer?.status}`);
        else if (expected === 403) load.denied++;
        else {
          load.allowed++;
          if (load.firstOkMs === 0) load.firstOkMs = performance.now();
        }
      }
    } catch {
      load.failed++;
      caller?.socket.destroy();
      caller = null;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

test('kill -9 under load: only judged requests arrive, and service is back within a second', async () => {
  const workers = Array.from({ length: 4 }, worker);
  const backMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = load.allowed;
    await eventually(
      () => load.allowed,
      (n) => n > before + 50,
    );
    const atMs = performance.now();
    supervisor.child?.kill('SIGKILL');
    await eventually(
      () => supervisor.restarts,
      (n) => n > kill,
    );
    load.firstOkMs = 0;
    await eventually(
      () => load.firstOkMs,
      (ms) => ms > 0,
    );
    backMs.push(load.firstOkMs - atMs);
  }
  load.running = false;
  await Promise.all(workers);
  expect(load.wrong).toEqual([]);
  expect(load.failed).toBeGreaterThan(0); // the kills were felt
  expect(load.denied).toBeGreaterThan(50);
  // Every request that arrived had passed the rules and bears our mark.
  expect(arrivals.filter((one) => one.path !== '/allowed').map((one) => one.path)).toEqual([]);
  expect(arrivals.every((one) => one.head.includes('URI=spiffe://example.org/ns/shop/sa/web'))).toBe(true);
  const limitMs = BACK_MS_MAX * Math.max(1, bareStartMs() / BARE_START_MS);
  expect(Math.min(...backMs), `back after ${backMs.map(Math.round).join(', ')} ms`).toBeLessThan(limitMs);
});

/** How long a Node process that does nothing takes now: a machine with other work gets as much longer. */
function bareStartMs(): number {
  const times = Array.from({ length: 3 }, () => {
    const sinceMs = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - sinceMs;
  });
  return Math.min(...times);
}

test('while the proxy is down its port is closed: nothing answers in its place', async () => {
  await supervisor.stop();
  const refused = await new Promise<string>((resolve) => {
    const socket = net.connect(stage.port, '127.0.0.1');
    socket.on('connect', () => resolve('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  expect(refused).toBe('ECONNREFUSED');
  supervisor = new Supervisor([emitted.entry, 'proxy', '--config', stage.path('sallyport.yaml')]);
  await eventually(isReady, (ready) => ready);
});

test('callers and the application that die within bodies leave nothing open', async () => {
  const upload = 'POST /allowed HTTP/1.1\r\nHost: cart.shop\r\nContent-Length: 1000\r\n\r\nhalf';
  const rounds = Array.from({ length: 60 }, async (_, i) => {
    const caller = await call(stage, web);
    if (i % 3 === 0) {
      caller.send(get('/dies'));
      await caller.end();
    } else if (i % 3 === 1) {
      caller.send(get('/half'));
      await caller.until((text) => text.endsWith('half'));
    } else caller.send(upload);
    caller.socket.destroy();
  });
  await Promise.all(rounds);
  const series = (state: string): string => `sallyport_connections{listener="inbound",state="${state}"}`;
  for (const state of ['active', 'idle'])
    await eventually(
      () => metric(stage, series(state)),
      (n) => n === 0,
    );
  expect(JSON.parse((await adminPage(stage, '/connections')).text)).toEqual([]);
  await eventually(
    () => application.connections.filter((wire) => !wire.ended && !wire.closed).length,
    (n) => n === 0,
  );
});
