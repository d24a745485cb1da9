// The open loop against servers that stall, close, refuse, and answer wrongly: what is counted as what.
import { afterEach, describe, expect, it } from 'vitest';
import { openEndpoints } from '../../../bench/target/endpoint.ts';
import type { Fault, FaultKind } from '../../../bench/target/faults.ts';
import { type Load, runOpenLoop } from '../../../bench/target/open-loop.ts';
import { parseTargetOptions } from '../../../bench/target/options.ts';
import type { Round } from '../../../bench/target/round.ts';
import { closedPort, httpServer, rawServer, type TestServer } from './target-server.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function started(server: Promise<TestServer>): Promise<number> {
  const { port } = await server.then((one) => {
    servers.push(one);
    return one;
  });
  return port;
}

interface Ran {
  readonly round: Round;
  readonly faults: ReadonlyMap<FaultKind, Fault>;
}

async function run(
  port: number,
  load: Partial<Load> = {},
  options: { signal?: AbortSignal; args?: readonly string[] } = {},
): Promise<Ran> {
  const args = ['--target', `http://127.0.0.1:${port}/items/7`, ...(options.args ?? [])];
  const { target } = openEndpoints(parseTargetOptions(args), '/');
  const faults = new Map<FaultKind, Fault>();
  const full = { perSecond: 200, connections: 1, warmupMs: 0, windowMs: 250, timeoutMs: 5_000, expect: null };
  const signal = options.signal ?? new AbortController().signal;
  const round = await runOpenLoop(target, { ...full, ...load }, { firstFaults: faults, signal });
  return { round, faults };
}

describe('an open loop', () => {
  it('sends what was due, and counts it', async () => {
    let requests = 0;
    const port = await started(
      httpServer((_request, response) => {
        requests++;
        response.end('ok');
      }),
    );
    const { round } = await run(port, { windowMs: 500, connections: 4, warmupMs: 100 });
    expect(round).toMatchObject({ requests: 100, answered: 100, faults: {}, reconnects: 0 });
    expect(requests).toBe(4 + 20 + 100); // opened, warmed up, measured
    expect(round.latencyUs.p50).toBeLessThanOrEqual(round.latencyUs.max);
    expect(round.requestsPerSecond).toBeGreaterThan(50);
  });

  it('shows a stall in full: what was due meanwhile waited, and waited on the clock', async () => {
    // The 30th answer comes 200 ms late; a closed loop would see one slow request of a hundred.
    const port = await started(
      rawServer((socket, number) => {
        if (number === 30) setTimeout(() => socket.write(OK), 200);
        else socket.write(OK);
      }),
    );
    const { round } = await run(port, { perSecond: 100, windowMs: 1_000 });
    expect(round).toMatchObject({ requests: 100, answered: 100, faults: {} });
    // About 20 were due in those 200 ms, evenly: 200, 190, 180, …
    expect(round.waited).toBeGreaterThanOrEqual(15);
    expect(round.latencyUs.max).toBeGreaterThan(195_000);
    expect(round.latencyUs.p95).toBeGreaterThan(120_000);
    expect(round.latencyUs.p90).toBeGreaterThan(70_000);
    expect(round.latencyUs.p50).toBeLessThan(100_000);
  });

  it.each([
    { name: 'chunks', handler: 'write' },
    { name: 'no body', handler: 'empty' },
    { name: 'interim responses', handler: 'interim' },
  ])('reads answers with $name', async ({ handler }) => {
    const port = await started(
      httpServer((_request, response) => {
        if (handler === 'interim') response.writeEarlyHints({ link: '</a>; rel=preload' });
        if (handler === 'empty') response.statusCode = 204;
        else response.write('some');
        response.end();
      }),
    );
    const { round } = await run(port, { connections: 2 });
    expect(round).toMatchObject({ requests: 50, answered: 50, faults: {}, reconnects: 0 });
  });

  it('reads answers to HEAD', async () => {
    const methods = new Set<string | undefined>();
    const port = await started(
      httpServer((request, response) => {
        methods.add(request.method);
        response.setHeader('content-length', 1_000).end();
      }),
    );
    const { round } = await run(port, {}, { args: ['--method', 'HEAD'] });
    expect(round).toMatchObject({ answered: 50, faults: {}, reconnects: 0 });
    expect([...methods]).toEqual(['HEAD']);
  });

  it.each([
    { name: 'the server, which says so', bytes: OK.replace('\r\n', '\r\nconnection: close\r\n'), end: true },
    { name: 'the server, as the end of the body', bytes: 'HTTP/1.1 200 OK\r\n\r\nok', end: true },
    {
      name: 'nobody, though it was said',
      bytes: OK.replace('\r\n', '\r\nconnection: close\r\n'),
      end: false,
    },
  ])('dials again after a connection that is closed by $name', async ({ bytes, end }) => {
    const port = await started(rawServer((socket) => (end ? socket.end(bytes) : socket.write(bytes))));
    const { round } = await run(port);
    expect(round).toMatchObject({ requests: 50, answered: 50, faults: {}, reconnects: 50 });
  });

  // Whether a request meets such an end is a matter of microseconds: none is lost but those.
  it.each([
    { name: 'closed without a word', late: null },
    { name: 'ended by a 408', late: 'HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n' },
  ])('dials again after an idle connection that is $name', async ({ late }) => {
    const port = await started(
      rawServer((socket) => {
        socket.write(OK);
        setTimeout(() => (late === null ? socket.end() : socket.write(late)), 1);
      }),
    );
    const { round } = await run(port, { perSecond: 50, windowMs: 400 });
    expect(round.requests).toBe(20);
    expect(round.answered).toBeGreaterThanOrEqual(10);
    expect(round.reconnects).toBeGreaterThanOrEqual(10);
  });

  it.each<{ name: string; answer: string | null; kind: FaultKind; message: RegExp }>([
    { name: 'another status', answer: OK.replace('200', '503'), kind: 'status', message: /answered 503/ },
    { name: 'a redirect', answer: OK.replace('200', '302'), kind: 'status', message: /answered 302/ },
    { name: 'no HTTP', answer: 'SSH-2.0-OpenSSH_9.9\r\n', kind: 'protocol', message: /no response of HTTP/ },
    { name: 'two answers', answer: OK + OK, kind: 'protocol', message: /more bytes/ },
    { name: 'a closed connection', answer: null, kind: 'reset', message: /closed the connection/ },
  ])('counts $name as $kind', async ({ answer, kind, message }) => {
    const port = await started(
      rawServer((socket) => {
        if (answer === null) socket.destroy();
        else socket.write(answer);
      }),
    );
    const { round, faults } = await run(port, { connections: 2 });
    expect(round).toMatchObject({ requests: 50, answered: 0, faults: { [kind]: 50 } });
    expect(round.latencyUs.p50).toBe(Number.POSITIVE_INFINITY);
    expect(faults.get(kind)?.message).toMatch(message);
    expect(faults.get(kind)?.hint).not.toBe('');
  });

  it('counts a port where nobody listens as refused, one dial a request', async () => {
    const { round, faults } = await run(await closedPort(), { connections: 4 });
    expect(round).toMatchObject({ requests: 50, answered: 0, faults: { refused: 50 } });
    expect(faults.get('refused')?.message).toContain('ECONNREFUSED');
  });

  it('takes the expected status for an answer', async () => {
    const port = await started(rawServer((socket) => socket.write(OK.replace('200', '403'))));
    expect((await run(port, { expect: 403 })).round).toMatchObject({ answered: 50, faults: {} });
  });

  it('counts what has no answer in time, sent or not, and goes on on a new connection', async () => {
    // Only the answer to the 20th request stays away.
    const port = await started(
      rawServer((socket, number) => {
        if (number !== 20) socket.write(OK);
      }),
    );
    const { round, faults } = await run(port, { perSecond: 100, windowMs: 500, timeoutMs: 150 });
    const timeouts = round.faults.timeout ?? 0;
    expect(timeouts).toBeGreaterThanOrEqual(1);
    expect(round.answered + timeouts).toBe(50);
    expect(round.answered).toBeGreaterThan(20);
    expect(round.reconnects).toBe(1);
    expect(faults.get('timeout')?.message).toBe('no answer within 0.15 s');
  });

  it('ends although nothing is ever answered', async () => {
    const port = await started(rawServer(() => undefined));
    const { round } = await run(port, { timeoutMs: 100, windowMs: 300 });
    expect(round).toMatchObject({ requests: 60, answered: 0, faults: { timeout: 60 } });
  });

  it('ranks failed requests behind every answer', async () => {
    const port = await started(
      rawServer((socket, number) => {
        if (number % 10 === 0) socket.destroy();
        else socket.write(OK);
      }),
    );
    const { round } = await run(port, { windowMs: 500 });
    expect(round.faults.reset).toBe(10);
    expect(round.latencyUs.p50).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(round.latencyUs.p95).toBe(Number.POSITIVE_INFINITY);
  });

  it('stops at once when it is told to, with what was answered so far', async () => {
    const controller = new AbortController();
    const port = await started(
      rawServer((socket, number) => {
        socket.write(OK);
        if (number === 20) controller.abort();
      }),
    );
    const { round } = await run(port, { windowMs: 600_000 }, { signal: controller.signal });
    expect(round.answered).toBeGreaterThan(10);
    expect(round.requests).toBeLessThan(30);
  });

  it('does not begin when it was told to stop before', async () => {
    const port = await started(rawServer((socket) => socket.write(OK)));
    const { round } = await run(port, { windowMs: 600_000 }, { signal: AbortSignal.abort() });
    expect(round).toMatchObject({ requests: 0, answered: 0 });
  });
});
