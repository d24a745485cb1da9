// The admin address on real sockets: JSON for this machine only.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAdminServer } from '../../../../proxy/status/admin-server.ts';
import { type LocalServer, listen } from '../../../../proxy/status/local-server.ts';
import { exchange, get } from './raw-http.ts';

const KEY = '-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----';
let flowCount = 2;
let server: LocalServer;

function* flowTexts(): Generator<string> {
  for (let i = 0; i < flowCount; i++) yield JSON.stringify({ flow: i, pad: 'x'.repeat(100) });
}

beforeAll(async () => {
  const made = createAdminServer({
    sources: () => ({
      policy: () => ({ hash: 'sha256:00', rules: [] }),
      connections: () => [{ id: 'c-1' }, { id: 'c-2' }],
      flowTexts,
      config: () => ({
        identity: { files: { key: 'tls.key' } },
        exporters: [{ url: 'https://a', token: 's3cr3t', nested: { password: 's3cr3t' } }],
        inline: KEY,
        limits: { headers: 100 },
        tracing: { headers: { authorization: 's3cr3t' } },
      }),
    }),
    defect: (error) => {
      throw error;
    },
  });
  server = await listen(made, { host: '127.0.0.1', port: 0, key: 'admin.address' });
});
afterAll(() => server.close());

describe('answers', () => {
  test('/policy as JSON', async () => {
    const answer = await get(server.port, '/policy');
    expect(answer.head).toContain('content-type: application/json');
    expect(JSON.parse(answer.body)).toEqual({ hash: 'sha256:00', rules: [] });
  });

  test('/connections as an array', async () => {
    expect(JSON.parse((await get(server.port, '/connections')).body)).toEqual([{ id: 'c-1' }, { id: 'c-2' }]);
  });

  test.each([0, 1, 2, 10_000])('/flows with %i records', async (count) => {
    flowCount = count;
    const { body } = await get(server.port, '/flows');
    expect(JSON.parse(body)).toHaveLength(count);
  });

  test('/config without secrets', async () => {
    const { body } = await get(server.port, '/config');
    expect(JSON.parse(body)).toEqual({
      identity: { files: { key: 'tls.key' } },
      exporters: [{ url: 'https://a', token: '[redacted]', nested: { password: '[redacted]' } }],
      inline: '[redacted]',
      limits: { headers: 100 },
      tracing: { headers: { authorization: '[redacted]' } },
    });
  });
});

describe('Host', () => {
  const rows = [
    { host: 'localhost', expect: 200 },
    { host: 'LocalHost:15000', expect: 200 },
    { host: '127.0.0.1', expect: 200 },
    { host: '127.0.0.1:1', expect: 200 },
    { host: '[::1]', expect: 200 },
    { host: '[::1]:15000', expect: 200 },
    { host: 'evil.example', expect: 403 },
    { host: 'evil.example:15000', expect: 403 },
    { host: 'localhost.evil.example', expect: 403 },
    { host: 'localhost.', expect: 403 },
    { host: '127.0.0.1.nip.io', expect: 403 },
    { host: '127.0.0.2', expect: 403 },
    { host: '10.0.0.1:15000', expect: 403 },
    { host: '0.0.0.0', expect: 403 },
    { host: '::1', expect: 400 },
    { host: '[::1]x', expect: 400 },
    { host: '[::2]', expect: 403 },
    { host: 'localhost:', expect: 400 },
    { host: 'localhost:80x', expect: 400 },
    { host: 'localhost:80:80', expect: 400 },
    { host: 'user@localhost', expect: 400 },
    { host: 'localhost, evil.example', expect: 400 },
    { host: '', expect: 400 },
  ];
  test.each(rows)('`$host` -> $expect', async ({ host, expect: status }) => {
    for (const target of ['/policy', '/connections', '/flows', '/config']) {
      const answer = await get(server.port, target, { host });
      expect(answer.status).toBe(status);
      if (status !== 200) expect(answer.body).not.toContain('{');
    }
  });

  test('missing in HTTP/1.0 or sent twice is refused', async () => {
    expect(await exchange(server.port, 'GET /policy HTTP/1.0\r\n\r\n')).toContain(' 403 ');
    const twice = await get(server.port, '/policy', { headers: 'Host: evil.example\r\n' });
    expect([400, 403]).toContain(twice.status);
  });

  test('an absolute target does not stand in for it', async () => {
    const answer = await get(server.port, 'http://localhost/policy', { host: 'evil.example' });
    expect(answer.status).toBe(400); // its authority and Host differ
  });
});

describe('refuses', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])('%s', async (method) => {
    expect((await get(server.port, '/config', { method })).status).toBe(405);
  });

  test.each(['/', '/metrics', '/healthz', '/config/', '/policy/x', '/../config'])('%s', async (target) => {
    expect((await get(server.port, target)).status).toBe(404);
  });
});
