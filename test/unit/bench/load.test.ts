// The load process and the application, for real, without a proxy in between.
import { type AddressInfo, createServer, type Server } from 'node:net';
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
      status: 200,
      warmup: { requests: 10, msMax: 1_000 },
      window: { requests: 2_000 },
      pids: [process.pid],
      samples: 10,
    });
    expect(result).toMatchObject({ requests: 2_000, refused: 0 });
    expect(result.rssKib).toHaveLength(10);
    const { p50, p90, p95, p99, p999, max } = result.latencyUs;
    expect([p50, p90, p95, p99, p999, max]).toEqual([p50, p90, p95, p99, p999, max].sort((a, b) => a - b));
    // Each answer has a head besides its 1,024 bytes; what is in flight at the ends may count or not.
    expect(result.bytes / result.requests).toBeGreaterThan(1_024);
    expect(result.bytes / result.requests).toBeLessThan(1_200);
    expect(result.generator.cpuUs).toBeGreaterThan(0);
  });

  it('closed loop by time', async () => {
    const window = { ms: 100 };
    const warmup = { requests: 1, msMax: 1_000 };
    const job = {
      kind: 'closed-loop',
      target,
      connections: 2,
      status: 200,
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
    const job = { kind: 'constant-rate', target, connections: 4, perSecond: 500, ms: 200, pids: [] } as const;
    const result = await load.run(job);
    expect(result).toMatchObject({ requests: 100, refused: 0 });
    expect(result.curve[0]).toEqual([0, expect.any(Number)]);
    expect(result.curve.at(-1)?.[0]).toBe(99); // one sample in a hundred lies beyond
    expect(result.generator.lateUsP99).toBeGreaterThan(0);
  });

  it('constant rate: a stall is on the clock of everyone who was due in it', async () => {
    const application = stalling(400);
    const port = await listening(application);
    const job = {
      kind: 'constant-rate',
      target: { ...target, port },
      connections: 1,
      perSecond: 100,
      ms: 1_000,
      pids: [],
    } as const;
    const { latencyUs, requests } = await load.run(job);
    application.close();
    expect(requests).toBe(100);
    // 40 of 100 requests were due in the stall: the first waits for all of it, the last for next to nothing.
    expect(latencyUs.max).toBeGreaterThan(390_000);
    expect(latencyUs.p90).toBeGreaterThan(250_000);
    expect(latencyUs.p50).toBeLessThan(200_000);
  });

  it('constant rate: what is never answered is an error, not a missing sample', async () => {
    const application = createServer((socket) => socket.once('data', () => socket.write(OK)));
    const port = await listening(application);
    const silent = { ...target, port };
    const job = {
      kind: 'constant-rate',
      target: silent,
      connections: 1,
      perSecond: 10,
      ms: 200,
      pids: [],
    } as const;
    await expect(load.run(job)).rejects.toThrow('2 of 2 requests had no answer');
    application.close();
  }, 20_000);

  it('handshakes: a connection for each request', async () => {
    const result = await load.run({
      kind: 'handshakes',
      target,
      concurrency: 2,
      certificates: [],
      warmup: 2,
      ms: 50,
      pids: [],
    });
    expect(result.refused).toBe(0);
    expect(result.bytes / result.requests).toBeGreaterThan(1_024);
  });

  it('holds open connections until they are released', async () => {
    expect(await load.run({ kind: 'open', target, count: 50, concurrency: 5, dripMs: null })).toMatchObject({
      requests: 50,
    });
    expect(await load.run({ kind: 'release' })).toMatchObject({ requests: 50, refused: 0 });
  });

  it('slow clients send a byte at a time, and get their answers', async () => {
    let heads = 0;
    const chunks: number[] = [];
    const application = createServer((socket) => {
      let carry = '';
      socket
        .on('error', () => undefined)
        .on('data', (chunk) => {
          chunks.push(chunk.length);
          carry += chunk.toString('latin1');
          if (!carry.endsWith('\r\n\r\n')) return;
          heads++;
          carry = '';
          socket.write(OK);
        });
    });
    const port = await listening(application);
    const slow = { kind: 'open', target: { ...target, port }, count: 3, concurrency: 3, dripMs: 10 } as const;
    await load.run(slow);
    await expect.poll(() => heads, { timeout: 15_000 }).toBe(6);
    expect(await load.run({ kind: 'release' })).toMatchObject({ requests: 3, refused: 0 });
    expect(chunks.filter((bytes) => bytes === 1).length).toBeGreaterThan(100);
    application.close();
  }, 20_000);

  it('fails when a connection does', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const broken = { ...target, port: (server.address() as AddressInfo).port };
    const job = { kind: 'open', target: broken, count: 2, concurrency: 1, dripMs: null } as const;
    await expect(load.run(job)).rejects.toThrow(/closed the connection/);
    server.close();
  });
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

/** Answers at once, but for one answer that takes `ms`. */
function stalling(ms: number): Server {
  let answered = 0;
  return createServer((socket) =>
    socket
      .on('error', () => undefined)
      .on('data', () => {
        const answer = (): boolean => socket.write(OK);
        // The first answer opens the connection; the eleventh stalls.
        if (++answered === 11) setTimeout(answer, ms);
        else answer();
      }),
  );
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
