// The status address on real sockets: the truth about readiness, and nothing but three paths.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SallyportError } from '../../../../core/errors.ts';
import { type LocalServer, listen } from '../../../../proxy/status/local-server.ts';
import { createStatusServer, type Readiness } from '../../../../proxy/status/status-server.ts';
import { exchange, get } from './raw-http.ts';

const ADDRESS = { host: '127.0.0.1', port: 0, key: 'status.address' };
let readiness: Readiness = { reasons: [], softer: [], warnings: [] };
let metrics = async () => ({ contentType: 'text/plain; version=0.0.4', body: 'a 1\n' });
const defects: unknown[] = [];
let server: LocalServer;

beforeAll(async () => {
  const made = createStatusServer({
    readiness: () => readiness,
    metrics: () => metrics(),
    defect: (error) => defects.push(error),
  });
  server = await listen(made, ADDRESS);
});
afterAll(() => server.close());

describe('answers', () => {
  test('/healthz', async () => {
    expect(await get(server.port, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  test('/metrics, with its content type and query', async () => {
    const answer = await get(server.port, '/metrics?name[]=a');
    expect(answer).toMatchObject({ status: 200, body: 'a 1\n' });
    expect(answer.head).toContain('content-type: text/plain; version=0.0.4');
    expect(answer.head).toContain('cache-control: no-store');
  });

  const rows: { name: string; readiness: Readiness; status: number; body: string }[] = [
    { name: 'ready', readiness: { reasons: [], softer: [], warnings: [] }, status: 200, body: 'ready\n' },
    {
      name: 'ready, softer than enforce',
      readiness: { reasons: [], softer: ['policy.mode is audit'], warnings: [] },
      status: 200,
      body: 'ready\nsofter than enforce: policy.mode is audit\n',
    },
    {
      name: 'not ready',
      readiness: {
        reasons: ['no policy loaded', 'draining'],
        softer: ['grace'],
        warnings: ['identity: the agent is gone'],
      },
      status: 503,
      body: 'not ready\nreason: no policy loaded\nreason: draining\nsofter than enforce: grace\nwarning: identity: the agent is gone\n',
    },
  ];
  test.each(rows)('/readyz $name', async ({ readiness: truth, status, body }) => {
    readiness = truth;
    expect(await get(server.port, '/readyz')).toMatchObject({ status, body });
  });
});

describe('refuses', () => {
  const rows = [
    { name: 'the root', method: 'GET', target: '/', expect: 404 },
    { name: 'an admin path', method: 'GET', target: '/policy', expect: 404 },
    { name: 'a path below', method: 'GET', target: '/metrics/', expect: 404 },
    { name: 'an escaped path', method: 'GET', target: '/%6detrics', expect: 404 },
    { name: 'dot segments', method: 'GET', target: '/x/../metrics', expect: 404 },
    { name: 'an absolute form', method: 'GET', target: 'http://localhost/metrics', expect: 404 },
    { name: 'a property of objects', method: 'GET', target: '/__proto__', expect: 404 },
    { name: 'POST', method: 'POST', target: '/metrics', expect: 405 },
    { name: 'HEAD', method: 'HEAD', target: '/healthz', expect: 405 },
    { name: 'DELETE', method: 'DELETE', target: '/readyz', expect: 405 },
    { name: 'OPTIONS', method: 'OPTIONS', target: '/readyz', expect: 405 },
    { name: 'POST elsewhere', method: 'POST', target: '/quitquitquit', expect: 404 },
  ];
  test.each(rows)('$name', async ({ method, target, expect: status }) => {
    const answer = await get(server.port, target, { method });
    expect(answer.status).toBe(status);
    expect(answer.head.includes('allow: get')).toBe(status === 405);
  });

  test('a large head', async () => {
    const answer = await get(server.port, '/healthz', { headers: `x: ${'a'.repeat(9000)}\r\n` });
    expect(answer.status).toBe(431);
  });

  test('garbage', async () => {
    expect(await exchange(server.port, '\x00\x01\x02\r\n\r\n')).toContain('400 Bad Request');
  });

  test('more than 50 connections, and serves again when they leave', async () => {
    const idle = Array.from({ length: 60 }, () => connect(server.port, '127.0.0.1'));
    const closed = await new Promise<number>((resolve) => {
      let count = 0;
      for (const socket of idle) {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          if (++count === 10) resolve(count);
        });
      }
    });
    expect(closed).toBe(10);
    await Promise.all(
      idle.map(
        (socket) =>
          new Promise((resolve) => (socket.closed ? resolve(0) : socket.destroy().on('close', resolve))),
      ),
    );
    await expect.poll(async () => (await get(server.port, '/healthz').catch(() => null))?.status).toBe(200);
  });

  test('to wait for a head that never ends', { timeout: 15_000 }, async () => {
    const start = performance.now();
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
    await new Promise((resolve) => socket.on('data', () => undefined).on('close', resolve));
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

test('a metric that fails is a 500 and a defect told, not an end', async () => {
  metrics = async () => {
    throw new Error('defect');
  };
  expect(await get(server.port, '/metrics')).toMatchObject({ status: 500 });
  expect(defects).toMatchObject([{ message: 'defect' }]);
  expect(await get(server.port, '/healthz')).toMatchObject({ status: 200 });
});

describe('a bind that fails', () => {
  const rows = [
    { name: 'port in use', host: '127.0.0.1', hint: 'ss -ltnp' },
    { name: 'no such address', host: '192.0.2.1', hint: 'no such address' },
    { name: 'IPv6 address of nobody', host: '2001:db8::1', hint: 'status.address' },
  ];
  test.each(rows)('$name names address, key and a way out', async ({ host, hint }) => {
    const made = createStatusServer({ readiness: () => readiness, metrics, defect: () => undefined });
    const port = host === '127.0.0.1' ? server.port : 15021;
    const error: unknown = await listen(made, { host, port, key: 'status.address' }).catch(
      (caught) => caught,
    );
    expect(error).toBeInstanceOf(SallyportError);
    expect(error).toMatchObject({ code: 'ERR_LISTEN_FAILED', hint: expect.stringContaining(hint) });
    expect(String(error)).toContain(
      `\`${host.includes(':') ? `[${host}]` : host}:${port}\` (\`status.address\`)`,
    );
  });
});
