// The operator's side: the admin socket, its verbs, and what they say when something is wrong.

import { spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issuerAddress } from '../../cli/certs-token-show.ts';
import { parseConfig } from '../../core/config/load.ts';
import { parseIssuerConfig } from '../../core/issuer-config/load.ts';
import { runCli } from '../unit/cli/run-cli.ts';
import { IssuerStage, WEB } from './stage/issuer.ts';
import { eventually } from './stage/observe.ts';

const MAIN = new URL('../../cli/main.ts', import.meta.url).pathname;
const PROXY_REST = `listeners: [{ name: in, address: 127.0.0.1:8443, upstream: 127.0.0.1:8080 }]
policy: { files: [policies/] }`;

let stage: IssuerStage;
beforeAll(async () => {
  stage = await IssuerStage.create('joinTokens: { ttl: 5m, ttlMax: 1h }');
  await stage.start();
});
afterAll(() => stage.close());

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('nobody else may open the socket or the state', () => {
  expect([mode(stage.state), mode(stage.socket)]).toEqual(['700', '600']);
});

/** The hashes of an export, as anybody computes them: of the hash before and the entry without its own. */
function chainOf(lines: readonly string[]): readonly string[] {
  let before = Buffer.alloc(32);
  return lines.map((line) => {
    const { hash: _hash, ...entry } = JSON.parse(line);
    before = createHash('sha256').update(before).update(JSON.stringify(entry)).digest();
    return before.toString('hex');
  });
}

describe('the verbs', () => {
  test('token prints the token alone, for scripts, and JSON', async () => {
    const plain = await stage.cli('certs', 'token', WEB);
    expect(plain.out).toMatch(/^[\w-]{43}\.[0-9a-f]{64}\n$/);
    const { out } = await stage.cli('certs', 'token', WEB, '--ttl', '30m', '--json');
    expect(JSON.parse(out)).toMatchObject({ spiffeId: WEB });
    const leftMs = Date.parse(JSON.parse(out).expiresAt) - Date.now();
    expect(Math.round(leftMs / 60_000)).toBe(30);
  });

  test('token prints what can be pasted on a terminal: a file, a command, YAML', async () => {
    const args = ['certs', 'token', WEB, '--config', 'issuer.yaml'];
    const out = stripVTControlCharacters((await runCli(stage.folder, args, true)).out);
    const token = /[\w-]{43}\.[0-9a-f]{64}/.exec(out)?.[0] ?? '';
    expect(out.split(token)).toHaveLength(2); // nowhere but where it goes to a file
    const lines = out.split('\n').filter((line) => line.startsWith('  '));
    const yaml = lines.indexOf('  identity:');
    const script = lines.slice(0, yaml).join('\n');
    const shell = { cwd: stage.folder, encoding: 'utf8', env: { ...process.env, MAIN } } as const;
    const once = `sallyport() { "${process.execPath}" "$MAIN" "$@" --once; }\n${script}`;
    const ran = spawnSync('sh', ['-c', once], shell);
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    expect(mode(join(stage.folder, 'join-token'))).toBe('600');
    expect(readFileSync(join(stage.folder, 'svid/tls.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
    const identity = lines.slice(yaml).join('\n').replaceAll(/^ {2}/gm, '');
    const config = parseConfig(`${identity}\n${PROXY_REST}`, join(stage.folder, 'proxy.yaml'));
    expect(config.identity.issuer).toMatchObject({
      address: { host: '127.0.0.1', port: stage.port },
      joinTokenFile: join(stage.folder, 'join-token'),
    });
  });

  test.each([
    { address: '0.0.0.0:8445', expect: 'host-1:8445' },
    { address: '"[::]:8445"', expect: 'host-1:8445' },
    { address: '10.0.0.5:8444', expect: '10.0.0.5:8444' },
    { address: '"[2001:db8::1]:8444"', expect: '[2001:db8::1]:8444' },
  ])('of $address workloads are told $expect', ({ address, expect: expected }) => {
    const text = `trustDomain: example.org\nsecretFile: s\nlisten: { address: ${address} }\n`;
    expect(issuerAddress(parseIssuerConfig(text, '/issuer.yaml'), 'host-1')).toBe(expected);
  });

  test('bundle prints the CA certificates', async () => {
    const { out } = await stage.cli('certs', 'bundle');
    const root = new X509Certificate(out);
    expect([root.ca, root.subjectAltName]).toEqual([true, 'URI:spiffe://example.org']);
    const json = JSON.parse((await stage.cli('certs', 'bundle', '--json')).out);
    expect(json).toEqual({ trustDomain: 'example.org', bundle: out });
  });

  test('issued, revoke, reinstate and audit tell one story', async () => {
    const id = 'spiffe://example.org/ns/shop/sa/story';
    const { serial } = await stage.svid(id);
    expect((await stage.cli('certs', 'issued', id)).out).toContain(serial);
    expect((await stage.cli('certs', 'revoke', id, '--reason', 'key leaked')).out).toContain(
      `revoked  ${serial}`,
    );
    expect((await stage.cli('certs', 'issued', id, '--only', 'revoked')).out).toContain(serial);
    expect((await stage.cli('certs', 'issued', id, '--only', 'valid')).out).toBe('none\n');
    expect((await stage.cli('certs', 'reinstate', id)).code).toBe(0);
    expect((await stage.cli('certs', 'reinstate', id)).code).toBe(1);
    const { out } = await stage.cli('certs', 'audit');
    expect(out).toContain('key leaked');
    const lines = (await stage.cli('certs', 'audit', '--json')).out.trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line));
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
    const parts = async (...args: readonly string[]): Promise<readonly string[]> =>
      (await stage.cli('certs', 'audit', '--json', ...args)).out.split('\n').filter((line) => line !== '');
    const third: unknown = JSON.parse(lines[2] ?? '').time;
    expect(await parts('--after', '2', '--before', '2100-01-01T00:00:00Z')).toEqual(lines.slice(2));
    expect(await parts('--before', String(third))).toEqual(
      lines.filter((line) => String(JSON.parse(line).time) < String(third)),
    );
    expect(chainOf(lines)).toEqual(lines.map((line) => JSON.parse(line).hash));
    expect((await stage.cli('certs', 'audit', '--verify')).out).toMatch(/^whole: \d+ entries/);
  });

  const REFUSED: readonly { name: string; args: readonly string[]; expect: string }[] = [
    {
      name: 'a token for a foreign ID',
      args: ['token', 'spiffe://other.example/a'],
      expect: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a token for a trust domain',
      args: ['token', 'spiffe://example.org'],
      expect: 'ERR_ISSUER_REQUEST',
    },
    { name: 'a token for no SPIFFE ID', args: ['token', 'shop/web'], expect: 'ERR_SPIFFE_ID' },
    { name: 'a token that lives too long', args: ['token', WEB, '--ttl', '2h'], expect: 'at most 3600 s' },
    { name: 'a token with a wrong TTL', args: ['token', WEB, '--ttl', 'soon'], expect: 'ERR_USAGE' },
    { name: 'a revocation without a reason', args: ['revoke', WEB], expect: '--reason TEXT' },
    { name: 'an unknown serial', args: ['revoke', 'abcd', '--reason', 'a'], expect: 'ERR_ISSUER_UNKNOWN' },
    {
      name: 'no serial',
      args: ['revoke', 'xyz', '--reason', 'a'],
      expect: 'neither a SPIFFE ID nor a serial',
    },
    {
      name: 'an unknown serial and say what lists them',
      args: ['rotate', 'abcd'],
      expect: '`sallyport certs issued` lists them',
    },
    { name: 'a CA step out of order', args: ['rotate', '--ca', 'retire'], expect: 'prepared one first' },
    { name: 'an unknown step', args: ['rotate', '--ca', 'renew'], expect: 'one of prepare, activate' },
    { name: 'two targets', args: ['rotate', WEB, 'abcd'], expect: 'ERR_USAGE' },
    {
      name: 'a time without offset',
      args: ['audit', '--before', '2026-01-01T00:00:00'],
      expect: 'is not a time',
    },
    { name: 'a negative sequence', args: ['audit', '--after=-1'], expect: 'is not a sequence number' },
    { name: 'a part that is verified', args: ['audit', '--verify', '--after', '1'], expect: 'the whole log' },
    { name: 'two places', args: ['audit', '--state', 'a', '--socket', 'b'], expect: 'give one of them' },
    { name: 'an unknown state', args: ['issued', '--only', 'good'], expect: 'valid, revoked, expired' },
  ];
  test.each(REFUSED)('refuse $name', async ({ args, expect: said }) => {
    const { code, err } = await stage.cli('certs', ...args);
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
  });

  test('say so when no issuer is running', async () => {
    const { code, err } = await stage.cli('certs', 'audit', '--state', 'elsewhere');
    expect(code).toBe(2);
    expect(err).toContain('no issuer is running');
    expect(err).toContain('sallyport certs serve --config FILE');
  });

  test.each([
    { name: 'an unknown path', path: '/v1/keys', body: undefined, code: 'ERR_ISSUER_HTTP_PATH' },
    { name: 'another method', path: '/v1/revoke', body: undefined, code: 'ERR_ISSUER_HTTP_METHOD' },
    {
      name: 'an unknown key',
      path: '/v1/revoke',
      body: { target: WEB, why: 'a' },
      code: 'ERR_ISSUER_REQUEST',
    },
    { name: 'no reason', path: '/v1/revoke', body: { target: WEB }, code: 'ERR_ISSUER_REQUEST' },
    { name: 'a list of bodies', path: '/v1/rotate', body: [], code: 'ERR_ISSUER_REQUEST' },
    {
      name: 'a TTL in words',
      path: '/v1/join-tokens',
      body: { spiffeId: WEB, ttlSeconds: '5' },
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a step that is none',
      path: '/v1/ca/rotate',
      body: { step: 'jump' },
      code: 'ERR_ISSUER_REQUEST',
    },
    { name: 'an unknown filter', path: '/v1/issued?id=a', body: undefined, code: 'ERR_ISSUER_REQUEST' },
  ])('the socket refuses $name', async ({ path, body, code }) => {
    await expect(stage.admin(path, body)).rejects.toMatchObject({ code });
  });
});

describe('before it starts', () => {
  const FAULTS: readonly { name: string; change: (other: IssuerStage) => void; expect: string }[] = [
    {
      name: 'a secret that everybody reads',
      change: (other) => chmodSync(join(other.folder, 'issuer.secret'), 0o644),
      expect: 'chmod 0600',
    },
    {
      name: 'a secret that is short',
      change: (other) => writeFileSync(join(other.folder, 'issuer.secret'), 'short\n'),
      expect: 'openssl rand -base64 32',
    },
    {
      name: 'an unknown key',
      change: (other) => other.configure('svid: { tll: 1h }'),
      expect: 'issuer.yaml:5:9',
    },
    {
      name: 'no way to the API server',
      change: (other) =>
        other.configure(
          'kubernetes: { apiServer: "https://a", caFile: no.pem, tokenFile: no, namespaces: [a] }',
        ),
      expect: 'no.pem` cannot be read: ENOENT',
    },
  ];
  test.each(FAULTS)('--check finds $name', async ({ change, expect: said }) => {
    const other = await IssuerStage.create();
    try {
      expect((await other.cli('certs', 'serve', '--config', 'issuer.yaml', '--check')).code).toBe(0);
      change(other);
      const { code, err } = await other.cli('certs', 'serve', '--config', 'issuer.yaml', '--check');
      expect([code, err]).toEqual([2, expect.stringContaining(said)]);
      await expect(other.start()).rejects.toThrow('exit 2');
    } finally {
      await other.close();
    }
  });

  test('a secret that is missing comes with the command that makes one', async () => {
    const { code, err } = await stage.cli('certs', 'serve', '--check', '--config', 'issuer.yaml', '--json');
    expect([code, err]).toEqual([0, '']);
    writeFileSync(join(stage.folder, 'other.yaml'), 'trustDomain: example.org\nsecretFile: none.secret\n');
    const missing = await stage.cli('certs', 'serve', '--check', '--config', 'other.yaml');
    expect(missing.err).toContain('(umask 077; openssl rand -base64 32 > ');
  });
});

test('the metrics and the log count what happened', async () => {
  await stage.svid();
  await stage.ask('/v1/svid', {});
  const { text } = await stage.status('/metrics');
  for (const series of [
    'sallyport_issuances_total{attestation="join-token",result="ok"}',
    'sallyport_issuances_total{attestation="none",result="ERR_ISSUER_REQUEST"} 1',
    'sallyport_issuer_requests_total{code="400"} 1',
    'sallyport_revocations_total{cause="operator"} 1',
    'sallyport_issuer_ca_expiry_timestamp_seconds',
    'sallyport_issuance_duration_seconds_count',
  ])
    expect(text).toContain(series);
  expect((await stage.status('/healthz')).status).toBe(200);
});

test('every entry of the audit log is a line of the log, with its hash', async () => {
  const other = await IssuerStage.create();
  try {
    const running = await other.start();
    await other.svid();
    const entries = await other.adminLines('/v1/audit');
    const logged = await eventually(
      () => running.lines.filter((line) => line['msg'] === 'audit'),
      (lines) => lines.length >= entries.length,
    );
    expect(logged.map(({ hash }) => hash)).toEqual(entries.map((entry) => entry.text('hash')));
    expect(logged.map(({ audit }) => JSON.stringify(audit))).toEqual(
      entries.map((entry) => entry.text('entry')),
    );
    expect(JSON.stringify(running.lines)).not.toContain('PRIVATE KEY');
    const database = readFileSync(join(other.state, 'issuer.db'), 'latin1');
    expect(database).not.toContain('PRIVATE KEY-----');
  } finally {
    await other.close();
  }
});
