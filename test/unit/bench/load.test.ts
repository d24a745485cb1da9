// The load process and the application, for real, without a proxy in between.
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoadDriver } from '../../../bench/load/driver.ts';
import type { Target } from '../../../bench/load/protocol.ts';
import { Session } from '../../../bench/session.ts';

const session = new Session();
let load: LoadDriver;
let target: Target;

beforeAll(async () => {
  load = await LoadDriver.start(session, 1_024);
  target = { port: load.upstreamPort, tls: null, path: '/items/7' };
});
afterAll(() => session.close());

describe('LoadDriver', () => {
  it('closed loop by count: exactly so many requests, so many samples', async () => {
    const result = await load.run({
      kind: 'closed-loop',
      target,
      connections: 4,
      warmup: { requests: 10, msMax: 1_000 },
      window: { requests: 2_000 },
      pids: [process.pid],
      samples: 10,
    });
    expect(result).toMatchObject({ requests: 2_000, refused: 0 });
    expect(result.rssKib).toHaveLength(10);
    expect(result.latencyUsP50).toBeLessThanOrEqual(result.latencyUsP99);
    expect(result.latencyUsP99).toBeLessThanOrEqual(result.latencyUsMax);
  });

  it('closed loop by time', async () => {
    const window = { ms: 100 };
    const warmup = { requests: 1, msMax: 1_000 };
    const job = {
      kind: 'closed-loop',
      target,
      connections: 2,
      warmup,
      window,
      pids: [],
      samples: 0,
    } as const;
    const result = await load.run(job);
    expect(result.elapsedMs).toBeGreaterThanOrEqual(100);
    expect(result.requests).toBeGreaterThan(0);
  });

  it('constant rate: what was due was sent', async () => {
    const result = await load.run({ kind: 'constant-rate', target, connections: 4, perSecond: 500, ms: 200 });
    expect(result).toMatchObject({ requests: 100, refused: 0 });
  });

  it('holds open connections until they are released', async () => {
    expect(await load.run({ kind: 'open', target, count: 50, concurrency: 5 })).toMatchObject({
      requests: 50,
    });
    expect(await load.run({ kind: 'release' })).toMatchObject({ requests: 50, refused: 0 });
  });

  it('fails when a connection does', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const broken = { ...target, port: (server.address() as AddressInfo).port };
    const job = { kind: 'open', target: broken, count: 2, concurrency: 1 } as const;
    await expect(load.run(job)).rejects.toThrow(/closed the connection/);
    server.close();
  });
});
