// `bench --target` over mutual TLS: whom it trusts, whom it refuses before any load, and what it sends.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CLIENT, QUICK, SERVER_ID, TargetBench } from './target-bench.ts';

let bench: TargetBench;

beforeAll(async () => {
  bench = await TargetBench.create();
});
afterEach(() => {
  vi.unstubAllEnvs();
  return bench.closeServers();
});
afterAll(() => bench.remove());

describe('bench --target over mutual TLS', () => {
  it('says what it will send, to whom, and what it measured', { retry: 3 }, async () => {
    const port = await bench.tls();
    const url = `https://localhost:${port}/items/7`;
    const { code, out, err } = await bench.run('--target', url, ...CLIENT, ...QUICK);
    expect({ code, err: err.split('\n').length }).toEqual({ code: 0, err: 4 });
    expect(err).toMatch(
      /200, \d+ bytes, TLSv1.3 TLS_AES_256_GCM_SHA384, server spiffe:\/\/shop.test\/ns\/shop/,
    );
    expect(err).toContain(
      `sending GET to ${url}: 100 requests/s over 2 connections, 1 rounds of 0.1 + 0.2 s each`,
    );
    expect(out).toMatch(/^100 requests a second; medians of 1 round, \[min-max\]$/m);
    expect(out).toMatch(/^p50 ms +\S+ +\[\S+\]$/m);
    expect(out).toMatch(/^p99 ms +n\/a$/m);
    expect(out).toMatch(/^errors % +0.000$/m);
    expect(bench.requests).toBe(1 + 2 + 10 + 20);
  });

  it('takes TLS 1.2, and the server’s SPIFFE ID instead of its name', async () => {
    const port = await bench.tls({ maxVersion: 'TLSv1.2' });
    const target = ['--target', `https://127.0.0.1:${port}/`, '--server-id', SERVER_ID];
    const { code, err } = await bench.run(...target, ...CLIENT, ...QUICK);
    expect(code).toBe(0);
    expect(err).toContain('TLSv1.2');
  });

  it.each([
    {
      name: 'no client certificate',
      args: ['--ca', 'ca.pem'],
      expect: ['tls: tlsv13 alert certificate required', '`--cert FILE --key FILE`'],
    },
    {
      name: 'a client certificate of an unknown CA',
      args: ['--ca', 'ca.pem', '--cert', 'stranger.crt', '--key', 'stranger.key'],
      expect: ['closed the connection', 'a client certificate that it does not take'],
    },
    {
      name: 'a server of another CA of the same name',
      args: ['--ca', 'strangers.pem', '--cert', 'tls.crt', '--key', 'tls.key'],
      expect: ['tls: ', '--ca'],
    },
    {
      name: 'a server of a CA that the system does not know',
      args: ['--cert', 'tls.crt', '--key', 'tls.key'],
      expect: ['tls: ', '`--ca FILE`'],
    },
    {
      name: 'another SPIFFE ID',
      args: ['--ca', 'ca.pem', '--server-id', 'spiffe://shop.test/ns/shop/sa/web'],
      expect: ['the server is `spiffe://shop.test/ns/shop/sa/cart`, not `spiffe://shop.test/ns/shop/sa/web`'],
    },
    {
      name: 'another host name',
      args: ['--ca', 'ca.pem', '--servername', 'cart.shop'],
      expect: ['not for `cart.shop`', `--server-id ${SERVER_ID}`],
    },
    {
      name: 'another status',
      args: ['--ca', 'ca.pem', '--cert', 'tls.crt', '--key', 'tls.key', '--expect', '403'],
      expect: ['status: answered 200, expected 403'],
    },
  ])('stops before any load at $name', async ({ args, expect: want }) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0'); // turns nothing off here
    const port = await bench.tls();
    const { code, out, err } = await bench.run('--target', `https://localhost:${port}/`, ...args, ...QUICK);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    for (const part of want) expect(err).toContain(part);
    expect(err).toContain('hint: ');
    expect(bench.requests).toBeLessThanOrEqual(1);
  });

  it('refuses an expired server', async () => {
    const nowMs = Date.now() - 40 * 86_400_000;
    const svid = await bench.authority.issue({ spiffeId: SERVER_ID, dnsNames: ['localhost'], nowMs });
    const port = await bench.tls({ svid });
    const { code, err } = await bench.run('--target', `https://localhost:${port}/`, ...CLIENT, ...QUICK);
    expect(code).toBe(1);
    expect(err).toContain('a certificate of the server has expired');
    expect(bench.requests).toBe(0);
  });

  it('verifies nothing with --insecure, and says so twice', async () => {
    const port = await bench.tls({ authority: null });
    const { code, out, err } = await bench.run(
      '--target',
      `https://localhost:${port}/`,
      '--insecure',
      ...QUICK,
    );
    expect(code).toBe(0);
    expect(err).toContain(`NOT VERIFIED (--insecure), it says ${SERVER_ID}`);
    expect(out).toContain('--insecure: nobody verified who answered');
  });

  it('sends method, headers and body', async () => {
    const seen = new Set<string>();
    const port = await bench.tls({}, (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        const { host, 'x-a': a, 'user-agent': agent } = request.headers;
        seen.add(`${request.method} ${request.url} ${host} ${a} ${agent} ${body}`);
        response.statusCode = 201;
        response.end();
      });
    });
    bench.write('order.json', '{"sku":7}');
    const headers = ['--header', 'Host: cart.shop', '--header', 'X-A: 1', '--body', 'order.json'];
    const target = ['--target', `https://localhost:${port}/orders?dry=1`];
    expect((await bench.run(...target, ...CLIENT, ...QUICK, ...headers)).code).toBe(0);
    expect([...seen]).toEqual(['POST /orders?dry=1 cart.shop 1 sallyport-bench {"sku":7}']);
  });
});
