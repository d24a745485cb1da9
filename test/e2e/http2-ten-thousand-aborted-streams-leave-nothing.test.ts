// Ten thousand streams that are reset, broken, cut or flooded at random, before an application of HTTP/1.1
// and one of HTTP/2: afterwards no stream, no permit of limits.requestsInFlight, no connection of either side
// and no memory is left behind. SALLYPORT_ENDURANCE_S goes on for so many seconds and prints what happens.
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../fuzz/random.ts';
import { type ApplicationProtocol, ErraticApplication } from './stage/erratic-application.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import { Churn } from './stage/http2-churn.ts';
import * as h from './stage/http2-frames.ts';
import {
  connectionsTo,
  eventually,
  metric,
  openConnections,
  residentMb,
  statusPage,
} from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';

const ENDURANCE_S = Number(process.env['SALLYPORT_ENDURANCE_S'] ?? 0);
const STREAMS = 10_000;
const LOOPS = 3;
const IN_FLIGHT_MAX = 150;
/** From the first quarter of the streams to the end: young space that V8 takes, not what each leaves. */
const GROWTH_MB_MAX = 60;
/** And from minute 3 of an endurance run to its last, when V8 and the allocator have what they want. */
const DRIFT_MB_MAX = 15;
const SETTLED_S = 180;
const SAMPLE_MS = 1_000;
const TELL_S = 10;

interface Sample {
  readonly atS: number;
  readonly memoryMb: number;
}

describe.concurrent.each<{ protocol: ApplicationProtocol }>([{ protocol: 'http1' }, { protocol: 'h2c' }])(
  'before $protocol',
  ({ protocol }) => {
    let stage: Stage;
    let application: ErraticApplication;
    let proxy: RunningProxy;
    let web: SvidFiles;

    beforeAll(async () => {
      stage = await Stage.create();
      web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
      application = await ErraticApplication.start(protocol);
      proxy = await stage.start({
        upstreamPort: application.port,
        // The application shares its process with three callers, and is late at times.
        upstream: `protocol: ${protocol}, idleTimeout: 1s, connectTimeout: 10s`,
        listener: `limits: { requestsInFlight: ${IN_FLIGHT_MAX} }
timeouts: { head: 1s, request: 10s, idle: 2s }`,
        blocks: 'log: { decisions: none }',
      });
    });

    afterAll(async () => {
      await stage.close();
      application.close();
    });

    const memoryMb = (): number => residentMb(proxy.child.pid);
    const upstreams = (): number => connectionsTo(proxy.child.pid, application.port);

    function tell(text: string): void {
      if (ENDURANCE_S > 0) process.stdout.write(`${protocol}: ${text}\n`);
    }

    /** Streams until there are enough and the time is over; samples of memory from the first quarter on. */
    async function endure(churn: Churn): Promise<Sample[]> {
      const startMs = performance.now();
      const samples: Sample[] = [];
      await churn.run(() => churn.streams < STREAMS / 4);
      const sample = (): void => {
        const atS = Math.round((performance.now() - startMs) / 1_000);
        samples.push({ atS, memoryMb: memoryMb() });
        if (samples.length % TELL_S !== 0) return;
        const { streams, connections } = churn;
        tell(
          `${atS} s, ${streams} streams on ${connections} connections, ${memoryMb().toFixed(1)} MB, ` +
            `${upstreams()} connections to the application`,
        );
      };
      sample();
      const timer = setInterval(sample, SAMPLE_MS);
      const more = (): boolean =>
        churn.streams < STREAMS || performance.now() - startMs < ENDURANCE_S * 1_000;
      await Promise.all(Array.from({ length: LOOPS }, () => churn.run(more)));
      clearInterval(timer);
      return samples;
    }

    /** Every permit is back: as many requests at a time as the limit allows, and none is `request-limit`. */
    async function permitsAreBack(): Promise<void> {
      const callers = await Promise.all([0, 1].map(() => Http2Caller.connect(stage, web)));
      const path = '/hangs?permits';
      for (let n = 0; n < IN_FLIGHT_MAX - 1; n++) callers[n % 2]?.send(h.headers((n & ~1) + 1, h.get(path)));
      await eventually(
        () => application.asked(path),
        (n) => n === IN_FLIGHT_MAX - 1,
      );
      const [caller] = callers;
      caller?.send(h.headers(1_001, h.get('/ok')));
      expect(await caller?.over(1_001)).toMatchObject({ status: 200, body: 'ok' });
      for (const one of callers) one.close();
    }

    test('random fates leave nothing', { timeout: (ENDURANCE_S + 120) * 1_000 }, async () => {
      const seed = Number(process.env['SALLYPORT_SEED'] ?? randomInt(2 ** 31));
      const churn = new Churn(stage, web, new Random(seed));
      const samples = await endure(churn);
      const none = (ask: () => number | Promise<number>): Promise<number> =>
        eventually(ask, (n) => n === 0).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
      await none(() => openConnections(stage));
      await none(() => metric(stage, 'sallyport_connections{listener="inbound",state="active"}'));
      // They end when they are idle, which one that has a stream left is not.
      await none(upstreams);
      await permitsAreBack();
      await none(upstreams);

      const grownMb = memoryMb() - (samples[0]?.memoryMb ?? 0);
      const settled = samples.filter(({ atS }) => atS >= SETTLED_S);
      const mostMb = (at: readonly Sample[]): number => Math.max(...at.map((one) => one.memoryMb));
      const driftMb = mostMb(settled.slice(-60)) - mostMb(settled.slice(0, 60));
      tell(`seed ${seed}; ${churn.streams} streams on ${churn.connections} connections`);
      for (const of of [churn.fates, churn.ends])
        for (const [name, count] of Object.entries(of).sort()) tell(`${count} ${name}`);
      const { text } = await statusPage(stage, '/metrics');
      for (const line of text.split('\n'))
        if (/^sallyport_(requests|http2_errors|upstream_errors)_total\{/.test(line)) tell(line);
      tell(`left: no stream, no permit, no connection; ${application.served} requests were served`);
      tell(
        `memory: ${memoryMb().toFixed(1)} MB, ${grownMb.toFixed(1)} MB more than after ${STREAMS / 4} streams`,
      );
      if (settled.length > 120) tell(`and ${driftMb.toFixed(1)} MB more than in minute 3`);
      expect(proxy.exitCode, `seed ${seed}`).toBeNull();
      if (settled.length > 120) expect(driftMb, `seed ${seed}`).toBeLessThan(DRIFT_MB_MAX);
      else if (ENDURANCE_S === 0) expect(grownMb, `seed ${seed}`).toBeLessThan(GROWTH_MB_MAX);
    });
  },
);
