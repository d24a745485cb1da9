// The client and the issuer as they are: token, SVID, renewal, restarts of both, rotation of the SVID and of
// the CA, and revocation, seen in the files that a program would read.
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseCrl } from '../../certs/x509/crl.ts';
import { readPem } from '../../certs/x509/pem.ts';
import { IssuerStage, WEB } from './stage/issuer.ts';
import { RunningProxy } from './stage/stage.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const wait = { timeout: 20_000, interval: 20 };

let stage: IssuerStage;
const clients: RunningProxy[] = [];

beforeEach(async () => {
  stage = await IssuerStage.create();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.kill();
  await stage.close();
});

const out = (name: string): string => join(stage.folder, 'out', name);
const serial = (): string => new X509Certificate(readFileSync(out('tls.crt'))).serialNumber.toLowerCase();
const revokedSerials = (): string[] =>
  readPem(readFileSync(out('crl.pem'), 'utf8')).blocks.flatMap(({ der }) => [...parseCrl(der).revoked]);
const found = (client: RunningProxy): unknown[] =>
  client.lines.map((line) => line['code']).filter((code) => code !== undefined);

/** A client; resolves when it has written its first files. */
async function startClient(...args: string[]): Promise<RunningProxy> {
  const address = ['--issuer', `127.0.0.1:${stage.port}`, '--trust-domain', 'example.org'];
  const all = [ENTRY, 'certs', 'client', ...address, '--out', out('.'), '--json', ...args];
  const client = new RunningProxy(spawn(process.execPath, all, { stdio: 'pipe' }));
  clients.push(client);
  await client.line((line) => line['msg'] === 'files written', wait.timeout);
  return client;
}

async function withToken(): Promise<RunningProxy> {
  const file = join(stage.folder, 'token');
  writeFileSync(file, await stage.token(WEB));
  return startClient('--join-token-file', file);
}

test('token, restart with what was kept, rotation, restart of the issuer, revocation', async () => {
  let issuer = await stage.start();
  const first = await withToken();
  expect(new X509Certificate(readFileSync(out('tls.crt'))).subjectAltName).toContain(`URI:${WEB}`);
  const bootstrapped = serial();
  first.signal('SIGTERM');
  expect(await first.exited()).toBe(0);

  const client = await startClient(); // without a token
  expect(serial()).toBe(bootstrapped);
  const rotate = await stage.cli('certs', 'rotate', WEB);
  expect(rotate.code).toBe(0);
  const startedMs = performance.now();
  await expect.poll(() => serial() === bootstrapped, wait).toBe(false);
  console.info(`rotated in ${Math.round(performance.now() - startedMs)} ms`);
  await expect.poll(revokedSerials, wait).toContain(bootstrapped);
  expect(found(client)).toEqual([]);

  issuer.signal('SIGTERM');
  await issuer.exited();
  issuer = await stage.start();
  const before = serial();
  await stage.cli('certs', 'rotate', WEB);
  await expect.poll(() => serial() === before, wait).toBe(false);
  // An issuer that takes longer than the first retry to come back is told of.
  expect(found(client).filter((code) => code !== 'ERR_ISSUER_CLIENT_UNREACHABLE')).toEqual([]);

  const last = serial();
  const revoke = await stage.cli('certs', 'revoke', last, '--reason', 'stolen');
  expect(revoke.code).toBe(0);
  await expect.poll(revokedSerials, wait).toContain(last);
  await expect.poll(() => found(client), wait).toContain('LINT_IDENTITY_REVOKED');
  await expect.poll(() => found(client), wait).toContain('ERR_ISSUER_CLIENT_REFUSED');
  expect(serial()).toBe(last); // there is no other
  client.signal('SIGTERM');
  expect(await client.exited()).toBe(0);
}, 120_000);

test('a new CA is trusted before it signs, and the old one goes without a problem', async () => {
  await stage.start();
  const client = await withToken();
  const roots = (): number => readPem(readFileSync(out('ca.pem'), 'utf8')).blocks.length;
  expect(roots()).toBe(1);
  expect((await stage.cli('certs', 'rotate', '--ca', 'prepare')).code).toBe(0);
  await expect.poll(roots, wait).toBe(2);
  expect((await stage.cli('certs', 'rotate', '--ca', 'activate', '--force')).code).toBe(0);
  const before = serial();
  await stage.cli('certs', 'rotate', WEB);
  await expect.poll(() => serial() === before, wait).toBe(false);
  expect((await stage.cli('certs', 'rotate', '--ca', 'retire', '--force')).code).toBe(0);
  await expect.poll(roots, wait).toBe(1);
  expect(found(client)).toEqual([]);
}, 120_000);
