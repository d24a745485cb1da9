// The arguments of `certs client`: each wrong one is an error of usage, before the issuer hears anything.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { give, parseCommand, parseSignal } from '../../../cli/certs-client-notice.ts';
import { readClientOptions } from '../../../cli/certs-client-options.ts';
import { makeOutputFolder } from '../../../cli/certs-client-output.ts';
import type { Io } from '../../../cli/io.ts';

const io: Io = {
  out: () => undefined,
  err: () => undefined,
  color: false,
  isTty: false,
  cwd: '/somewhere',
  env: {},
};
const read = (line: string) => readClientOptions(line.split(' '), io);
const NOBODY = '--issuer h:1 --trust-domain example.org --out o';
const GOOD = `${NOBODY} --join-token-file t`;

describe('good arguments', () => {
  test('and their defaults', async () => {
    expect(await read(GOOD)).toEqual({
      address: { host: 'h', port: 1 },
      trustDomain: 'example.org',
      joinTokenFile: '/somewhere/t',
      serviceAccountTokenFile: undefined,
      bundleFile: undefined,
      keyType: 'ec-p256',
      out: '/somewhere/o',
      stateDirectory: '/somewhere/o/.issuer',
      keyMode: 0o600,
      gid: null,
      notice: null,
      once: false,
      timeoutMs: 60_000,
      json: false,
    });
  });

  test.each([
    { line: '--issuer [::1]:8444', expect: { address: { host: '::1', port: 8444 } } },
    { line: '--issuer 10.0.0.5:65535', expect: { address: { host: '10.0.0.5', port: 65_535 } } },
    { line: '--state s', expect: { stateDirectory: '/somewhere/s' } },
    { line: '--key-type rsa-3072', expect: { keyType: 'rsa-3072' } },
    { line: '--key-mode 440', expect: { keyMode: 0o440 } },
    { line: '--group root', expect: { gid: 0 } },
    { line: '--group 1000', expect: { gid: 1000 } },
    {
      line: '--signal p:SIGHUP',
      expect: { notice: { kind: 'signal', pidFile: '/somewhere/p', signal: 'SIGHUP' } },
    },
  ])('$line', async ({ line, expect: expected }) => {
    expect(await read(`${GOOD} ${line}`)).toMatchObject(expected);
  });

  test('a command is words, and no shell', () => {
    expect(parseCommand(' nginx  -s reload;x ')).toEqual({
      kind: 'command',
      file: 'nginx',
      args: ['-s', 'reload;x'],
    });
  });
});

describe('usage errors', () => {
  test.each([
    { line: '--trust-domain a --out o', message: '`--issuer` is missing' },
    { line: '--issuer h:1 --out o', message: '`--trust-domain` is missing' },
    { line: '--issuer h:1 --trust-domain a', message: '`--out` is missing' },
    { line: NOBODY, message: 'nothing says who this workload is' },
    { line: `${NOBODY} --bundle b`, message: 'nothing says who this workload is' },
    { line: `${NOBODY} --service-account-token-file s`, message: 'needs `--bundle` the first time' },
    { line: `${GOOD} --issuer h`, message: '`--issuer h` is not HOST:PORT' },
    { line: `${GOOD} --issuer h:0`, message: '`--issuer h:0` is not HOST:PORT' },
    { line: `${GOOD} --issuer h:65536`, message: 'is not HOST:PORT' },
    { line: `${GOOD} --issuer https://h:1`, message: 'is not HOST:PORT' },
    { line: `${GOOD} --issuer ::1:80`, message: 'is not HOST:PORT' },
    { line: `${GOOD} --trust-domain Example`, message: '`Example` is not a SPIFFE ID' },
    { line: `${GOOD} --key-type ec-p265`, message: '`--key-type ec-p265` is not known' },
    { line: `${GOOD} --key-mode 0644`, message: '`--key-mode 0644` is not a mode for a key' },
    { line: `${GOOD} --key-mode 0000`, message: 'is not a mode for a key' },
    { line: `${GOOD} --key-mode 0700`, message: 'is not a mode for a key' },
    { line: `${GOOD} --key-mode rw`, message: 'is not a mode for a key' },
    { line: `${GOOD} --group no-such-group`, message: '`--group no-such-group` is not a group' },
    { line: `${GOOD} --signal p`, message: '`--signal p` is not PIDFILE:SIGNAL' },
    { line: `${GOOD} --signal p:HUP`, message: 'is not PIDFILE:SIGNAL' },
    { line: `${GOOD} --signal p:toString`, message: 'is not PIDFILE:SIGNAL' },
    { line: `${GOOD} --signal :SIGHUP`, message: 'is not PIDFILE:SIGNAL' },
    { line: `${GOOD} --signal p:SIGHUP --on-renew x`, message: 'are both given' },
    { line: `${GOOD} --timeout 5`, message: '`5` is not a duration' },
    { line: `${GOOD} --join-token x`, message: 'unknown option `--join-token`' },
  ])('$line', async ({ line, message }) => {
    await expect(read(line)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    );
  });
});

describe('a notice that fails says why', () => {
  test.each([
    { name: 'no such program', notice: parseCommand('no-such-program'), says: 'cannot be run: ENOENT' },
    { name: 'an exit code', notice: parseCommand('false'), says: '`false` ended with exit code 1' },
    { name: 'no pid file', notice: parseSignal('/none:SIGHUP', '/'), says: 'ENOENT' },
    { name: 'a pid file of text', notice: parseSignal('/etc/passwd:SIGHUP', '/'), says: 'a process id' },
  ])('$name', async ({ notice, says }) => {
    expect(await give(notice)).toContain(says);
  });

  test('one that works says nothing', async () => {
    expect(await give(parseCommand('true'))).toBeNull();
  });
});

describe('the folder', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-out-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const mode = (path: string): number => statSync(path).mode & 0o777;

  test('can be looked into by others, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await makeOutputFolder(join(dir, 'new'));
    } finally {
      process.umask(before);
    }
    expect(mode(join(dir, 'new'))).toBe(0o755);
  });

  test('that is there keeps its mode', async () => {
    mkdirSync(join(dir, 'closed'), { mode: 0o700 });
    await makeOutputFolder(join(dir, 'closed'));
    expect(mode(join(dir, 'closed'))).toBe(0o700);
  });

  test.each([
    { name: 'a file', out: 'file', says: 'there is a file of that name' },
    { name: 'a folder in a file', out: 'file/out', says: 'there is a file of that name' },
    { name: 'a name that is too long', out: 'n'.repeat(300), says: 'must be able to write' },
  ])('is not $name', async ({ out, says }) => {
    writeFileSync(join(dir, 'file'), '');
    await expect(makeOutputFolder(join(dir, out))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_FILE', hint: expect.stringContaining(says) }),
    );
  });
});
