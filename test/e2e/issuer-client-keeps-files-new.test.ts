// `sallyport certs client` bootstraps, renews and is restarted; whoever reads its files never sees a
// certificate with the key of another, and the proxy's file source never has a problem with them.
import { type ChildProcess, spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { openFileSource } from '../../certs/files/file-source.ts';
import { fingerprintOf } from '../../certs/x509/certificate.ts';
import { crlPem, ScriptedIssuer } from '../unit/certs/issuer-client/scripted-issuer.ts';

const MAIN = new URL('../../cli/main.ts', import.meta.url).pathname;
const ID = 'spiffe://example.org/ns/shop/sa/web';

let dir: string;
let ca: Authority;
let issuer: ScriptedIssuer;
const clients: Client[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-certs-client-'));
  ca = await createAuthority({ trustDomain: 'example.org' });
  issuer = await ScriptedIssuer.start({ authority: ca });
  issuer.trust = { ...issuer.trust, crl: crlPem(ca.issueCrl({ revokedSerials: [] })) };
  writeFileSync(join(dir, 'token'), `${'A'.repeat(43)}.${fingerprintOf(ca.certificate.der)}\n`);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop('SIGKILL');
  await issuer.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** One running `sallyport certs client`, with its JSON lines. */
class Client {
  readonly lines: Record<string, unknown>[] = [];
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  constructor(...args: string[]) {
    const address = ['--issuer', `127.0.0.1:${issuer.port}`, '--trust-domain', 'example.org'];
    const all = ['certs', 'client', ...address, '--out', join(dir, 'out'), '--json', ...args];
    this.#child = spawn(process.execPath, [MAIN, ...all], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exit = once(this.#child, 'close'); // with everything that it printed
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) this.lines.push(JSON.parse(line));
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    clients.push(this);
  }

  /** Sets written since the start. */
  written(): number {
    return this.lines.filter(({ msg }) => msg === 'files written').length;
  }

  exited(): Promise<unknown[]> {
    return this.#exit;
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown[]> {
    this.#child.kill(signal);
    return this.#exit;
  }
}

const out = (name: string): string => join(dir, 'out', name);
const mode = (name: string): number => statSync(out(name)).mode & 0o777;
const wait = { timeout: 15_000 };
const withToken = (...args: string[]): Client => new Client('--join-token-file', join(dir, 'token'), ...args);

test('token, files, renewal, SIGTERM, and a restart without the token', async () => {
  const told = join(dir, 'told');
  const client = withToken('--on-renew', `cp ${out('tls.crt')} ${told}`, '--key-mode', '0640');
  await expect.poll(() => client.written(), wait).toBe(1);
  expect(client.lines[0]).toMatchObject({ level: 'info', spiffeId: ID, out: join(dir, 'out') });
  expect(readdirSync(join(dir, 'out')).filter((name) => !name.startsWith('.'))).toEqual([
    'ca.pem',
    'crl.pem',
    'tls.crt',
    'tls.key',
  ]);
  expect([mode('tls.key'), mode('tls.crt'), mode('.issuer')]).toEqual([0o640, 0o644, 0o700]);
  await expect.poll(() => statSync(told, { throwIfNoEntry: false })?.size, wait).toBeGreaterThan(0);
  const first = readFileSync(out('tls.crt'), 'utf8');
  const other = await createAuthority({ trustDomain: 'b.example' });
  issuer.renew = true;
  issuer.publish({ federated: { 'b.example': other.certificatePem } });
  await expect.poll(() => readFileSync(out('tls.crt'), 'utf8') === first, wait).toBe(false);
  expect(readFileSync(out('federated/b.example.pem'), 'utf8')).toBe(other.certificatePem);
  await expect
    .poll(() => readFileSync(told, 'utf8') === readFileSync(out('tls.crt'), 'utf8'), wait)
    .toBe(true);
  expect(await client.stop()).toEqual([0, null]);
  expect(client.lines.find(({ msg }) => msg === 'stopped')).toMatchObject({ signal: 'SIGTERM' });
  expect(client.stderr).toBe('');

  await issuer.stop();
  const second = new Client();
  await expect.poll(() => second.written(), wait).toBe(1);
  await issuer.listen();
  await expect.poll(() => second.written(), wait).toBe(2); // renewed by the SVID that was kept
  expect(issuer.asked.filter(({ joinToken }) => joinToken !== undefined)).toHaveLength(1);
});

test('files that could not be written are written once they can be, with nothing new', async () => {
  const client = withToken();
  await expect.poll(() => client.written(), wait).toBe(1);
  mkdirSync(out('..data_next')); // where the new link would be
  const other = await createAuthority({ trustDomain: 'b.example' });
  issuer.publish({ federated: { 'b.example': other.certificatePem } });
  const refused = (): boolean => client.lines.some(({ code }) => code === 'ERR_FILE');
  await expect.poll(refused, wait).toBe(true);
  rmSync(out('..data_next'), { recursive: true });
  await expect.poll(() => client.written(), wait).toBe(2);
  expect(readFileSync(out('federated/b.example.pem'), 'utf8')).toBe(other.certificatePem);
});

test('50 rotations: no reader and no file source ever sees a set that does not fit', async () => {
  const client = withToken();
  await expect.poll(() => client.written(), wait).toBe(1);
  const source = await openFileSource({
    trustDomain: 'example.org',
    certificateFile: out('tls.crt'),
    keyFile: out('tls.key'),
    bundleFiles: { 'example.org': out('ca.pem') },
    crlFiles: { 'example.org': out('crl.pem') },
    debounceMs: 5,
  });
  const problems: unknown[] = [];
  source.onProblem((found) => problems.push(...found));
  let [reads, mismatches] = [0, 0];
  const read = (): void => {
    const folder = realpathSync(out('..data'));
    const certificate = new X509Certificate(readFileSync(join(folder, 'tls.crt')));
    const key = createPrivateKey(readFileSync(join(folder, 'tls.key')));
    reads++;
    if (!certificate.checkPrivateKey(key)) mismatches++;
  };
  const reader = setInterval(read, 2);
  issuer.renew = true;
  for (let n = 1; n <= 50; n++) {
    issuer.publish();
    await expect.poll(() => client.written(), { ...wait, interval: 5 }).toBeGreaterThan(n);
  }
  clearInterval(reader);
  const last = new X509Certificate(readFileSync(out('tls.crt'))).serialNumber;
  await expect
    .poll(() => new X509Certificate(source.current()?.certificateChainPem ?? '').serialNumber, wait)
    .toBe(last);
  source.close();
  expect({ problems, mismatches }).toEqual({ problems: [], mismatches: 0 });
  expect(reads).toBeGreaterThan(100);
  expect(client.lines.filter(({ level }) => level !== 'info')).toEqual([]);
}, 120_000);

test('--once ends with 0 when the files are there, with 1 when they are not in time', async () => {
  const pid = spawn('sleep', ['60'], { stdio: 'ignore' });
  writeFileSync(join(dir, 'pid'), `${pid.pid}\n`);
  const ended = once(pid, 'exit');
  const good = withToken('--once', '--signal', `${join(dir, 'pid')}:SIGUSR1`);
  expect(await good.exited()).toEqual([0, null]);
  expect(good.written()).toBe(1);
  expect(await ended).toEqual([null, 'SIGUSR1']);

  await issuer.stop();
  const again = new Client('--once', '--timeout', '2s');
  expect(await again.exited()).toEqual([0, null]); // what is kept is good

  rmSync(join(dir, 'out'), { recursive: true });
  const late = withToken('--once', '--timeout', '2s');
  expect(await late.exited()).toEqual([1, null]);
  expect(late.lines.map(({ code }) => code)).toEqual([
    'ERR_ISSUER_CLIENT_UNREACHABLE',
    'ERR_ISSUER_CLIENT_WAIT',
  ]);
});

test('files of somebody else are left alone, and nothing is asked', async () => {
  const first = withToken('--once');
  await first.exited();
  rmSync(out('tls.key'));
  writeFileSync(out('tls.key'), 'mine');
  const client = withToken();
  expect(await client.exited()).toEqual([2, null]);
  expect(client.stderr).toContain('[ERR_FILE_EXISTS]');
  expect(readFileSync(out('tls.key'), 'utf8')).toBe('mine');
});
