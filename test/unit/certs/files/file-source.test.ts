// Identity files: what a first load says about each mistake, and how rotation swaps whole sets or nothing.
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../../../certs/authority/authority.ts';
import { type FileSourceOptions, openFileSource } from '../../../../certs/files/file-source.ts';
import { type IdentityState, identityReadiness, type SvidSource } from '../../../../certs/source.ts';
import { writePem } from '../../../../certs/x509/pem.ts';
import type { Clock, Timer } from '../../../../core/clock.ts';
import { type Diagnostic, SallyportError } from '../../../../core/errors.ts';
import { ID, said, verifierFor, withoutExtension } from '../make-certificate.ts';

let ca: Authority;
let dir: string;
const sources: SvidSource[] = [];
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
});
afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  rmSync(dir, { recursive: true, force: true });
});

const write = (name: string, content: string | Buffer, mode = 0o600): void =>
  writeFileSync(join(dir, name), content, { mode });

function writeSet(svid: IssuedSvid, bundle: Authority = ca): void {
  write('tls.crt', svid.chainPem);
  write('tls.key', svid.privateKeyPem ?? '');
  write('ca.pem', bundle.certificatePem);
}

const options = (extra: Partial<FileSourceOptions> = {}): FileSourceOptions => ({
  trustDomain: 'example.org',
  certificateFile: join(dir, 'tls.crt'),
  keyFile: join(dir, 'tls.key'),
  bundleFiles: { 'example.org': join(dir, 'ca.pem') },
  debounceMs: 20,
  ...extra,
});

async function open(extra: Partial<FileSourceOptions> = {}): Promise<SvidSource> {
  const source = await openFileSource(options(extra));
  sources.push(source);
  return source;
}

const nextChange = (source: SvidSource): Promise<IdentityState> =>
  new Promise((resolve) => {
    const stop = source.onChange((state) => {
      stop();
      resolve(state);
    });
  });
const nextProblem = (source: SvidSource): Promise<readonly Diagnostic[]> =>
  new Promise((resolve) => {
    const stop = source.onProblem((problems) => {
      stop();
      resolve(problems);
    });
  });
const serialOf = (state: IdentityState | null): string =>
  new X509Certificate(state?.certificateChainPem ?? '').serialNumber.toLowerCase();

/** Time that only the test moves. */
class ManualClock implements Clock {
  #ms = 0;
  readonly #timers = new Set<{ dueMs: number; task: () => void }>();

  now(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { dueMs: this.#ms + delayMs, task };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  hasTimerWithin(ms: number): boolean {
    return [...this.#timers].some((timer) => timer.dueMs <= this.#ms + ms);
  }

  advance(ms: number): void {
    this.#ms += ms;
    for (const timer of this.#timers) {
      if (timer.dueMs > this.#ms) continue;
      this.#timers.delete(timer);
      timer.task();
    }
  }
}

describe('the first load', () => {
  test('a good set', async () => {
    const other = await createAuthority({ trustDomain: 'b.example' });
    const middle = await ca.createIntermediate();
    const svid = await middle.issue({ spiffeId: ID });
    writeSet(svid);
    write('b.pem', other.certificatePem + other.certificatePem);
    write('crl.der', ca.issueCrl({ revokedSerials: [] }));
    const source = await open({
      bundleFiles: { 'example.org': join(dir, 'ca.pem'), 'b.example': join(dir, 'b.pem') },
      crlFiles: { 'example.org': join(dir, 'crl.der') },
    });
    const state = source.current();
    expect(state).toMatchObject({ generation: 1, spiffeId: { uri: ID }, certificateChainPem: svid.chainPem });
    expect(state?.trustAnchorsPem).toEqual([ca.certificatePem, other.certificatePem]);
    expect(state?.crls.get('example.org')).toHaveLength(1);
    expect(source.problems()).toEqual([]);
    if (state === null) throw new Error('no state');
    const peer = await other.issue({ spiffeId: 'spiffe://b.example/x' });
    expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toBe('ok');
  });

  const day = 86_400_000;
  test.each<{ name: string; break: () => Promise<void> | void; code: string; file: string; message: string }>(
    [
      {
        name: 'missing file',
        break: () => rmSync(join(dir, 'tls.crt')),
        code: 'ERR_IDENTITY_FILE',
        file: 'tls.crt',
        message: 'cannot be read: ENOENT',
      },
      {
        name: 'a folder instead of a file',
        break: () => {
          rmSync(join(dir, 'tls.key'));
          mkdirSync(join(dir, 'tls.key'));
        },
        code: 'ERR_IDENTITY_FILE',
        file: 'tls.key',
        message: 'EISDIR',
      },
      {
        name: 'key of another certificate',
        break: async () => write('tls.key', (await ca.issue({ spiffeId: ID })).privateKeyPem ?? ''),
        code: 'ERR_KEY_MISMATCH',
        file: 'tls.key',
        message: 'does not belong to the certificate',
      },
      {
        name: 'expired certificate',
        break: async () =>
          writeSet(await ca.issue({ spiffeId: ID, nowMs: Date.now() - 2 * day, ttlMs: day })),
        code: 'ERR_IDENTITY_REFUSED',
        file: 'tls.crt',
        message: 'expired-certificate',
      },
      {
        name: 'not PEM',
        break: () => write('tls.crt', ca.certificate.der),
        code: 'ERR_CERTIFICATE_MISSING',
        file: 'tls.crt',
        message: 'the file is not PEM',
      },
      {
        name: 'the key where the certificate belongs',
        break: () => write('tls.crt', ca.privateKeyPem),
        code: 'ERR_CERTIFICATE_MISSING',
        file: 'tls.crt',
        message: 'only `PRIVATE KEY`',
      },
      {
        name: 'PEM cut short',
        break: () => write('tls.crt', ca.certificatePem.slice(0, -30)),
        code: 'ERR_PEM_MALFORMED',
        file: 'tls.crt',
        message: 'no END marker',
      },
      {
        name: 'PEM that is not base64',
        break: () => write('tls.crt', ca.certificatePem.replace('M', '*')),
        code: 'ERR_PEM_MALFORMED',
        file: 'tls.crt',
        message: 'not base64',
      },
      {
        name: 'PEM of something else',
        break: () => write('tls.crt', writePem('CERTIFICATE', Buffer.from('hello'))),
        code: 'ERR_CERTIFICATE_MALFORMED',
        file: 'tls.crt',
        message: 'cannot be read: tag',
      },
      {
        name: 'encrypted key',
        break: () => write('tls.key', writePem('ENCRYPTED PRIVATE KEY', Buffer.from('x'))),
        code: 'ERR_KEY_ENCRYPTED',
        file: 'tls.key',
        message: 'encrypted',
      },
      {
        name: 'encrypted key of the old style',
        break: () =>
          write(
            'tls.key',
            '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n',
          ),
        code: 'ERR_KEY_ENCRYPTED',
        file: 'tls.key',
        message: 'encrypted',
      },
      {
        name: 'a key that is no key',
        break: () => write('tls.key', writePem('PRIVATE KEY', Buffer.from('hello'))),
        code: 'ERR_KEY_MALFORMED',
        file: 'tls.key',
        message: 'cannot be read',
      },
      {
        name: 'certificate instead of key',
        break: () => write('tls.key', ca.certificatePem),
        code: 'ERR_KEY_MISSING',
        file: 'tls.key',
        message: 'no private key',
      },
      {
        name: 'a bundle without certificates',
        break: () => write('ca.pem', '# nothing yet\n'),
        code: 'ERR_CERTIFICATE_MISSING',
        file: 'ca.pem',
        message: 'not PEM',
      },
      {
        name: 'a leaf in the bundle',
        break: async () => write('ca.pem', (await ca.issue({ spiffeId: ID })).chainPem),
        code: 'ERR_BUNDLE_CERTIFICATE',
        file: 'ca.pem',
        message: 'it is not a CA',
      },
      {
        name: 'the bundle of somebody else',
        break: async () =>
          write('ca.pem', (await createAuthority({ trustDomain: 'example.org' })).certificatePem),
        code: 'ERR_IDENTITY_REFUSED',
        file: 'tls.crt',
        message: 'untrusted-certificate: no path',
      },
      {
        name: 'certificate of another trust domain',
        break: async () => {
          const other = await createAuthority({ trustDomain: 'b.example' });
          writeSet(await other.issue({ spiffeId: 'spiffe://b.example/x' }), other);
        },
        code: 'ERR_IDENTITY_TRUST_DOMAIN',
        file: 'tls.crt',
        message: 'not of trust domain `example.org`',
      },
      {
        name: 'not an SVID',
        break: async () => writeSet(await ca.issue({ spiffeId: ID, adjust: withoutExtension('2.5.29.17') })),
        code: 'ERR_SVID_INVALID',
        file: 'tls.crt',
        message: 'no URI SAN',
      },
      {
        name: 'a file that is too large',
        break: () => write('ca.pem', Buffer.alloc(1_048_577)),
        code: 'ERR_IDENTITY_FILE_TOO_LARGE',
        file: 'ca.pem',
        message: '1048577 bytes',
      },
    ],
  )('$name', async (row) => {
    writeSet(await ca.issue({ spiffeId: ID }));
    await row.break();
    const error: unknown = await open().catch((e: unknown) => e);
    if (!(error instanceof SallyportError)) throw new Error('expected a SallyportError');
    expect(error.code).toBe('ERR_IDENTITY_LOAD');
    const found = error.diagnostics.find((d) => d.code === row.code && d.at?.file === join(dir, row.file));
    expect(found?.message).toContain(row.message);
    expect(found?.hint).toBeTruthy();
  });

  test('every fault is reported, not the first', async () => {
    write('tls.crt', 'x');
    write('tls.key', 'x');
    write('ca.pem', 'x');
    const error: unknown = await open().catch((e: unknown) => e);
    const codes = error instanceof SallyportError ? error.diagnostics.map((d) => d.code) : [];
    expect(codes).toEqual(['ERR_CERTIFICATE_MISSING', 'ERR_KEY_MISSING', 'ERR_CERTIFICATE_MISSING']);
  });

  test('a bad CRL, and a stale one', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    const crlFiles = { 'example.org': join(dir, 'crl.pem') };
    write('crl.pem', ca.certificatePem);
    await expect(open({ crlFiles })).rejects.toThrow('the file has no CRL');
    write('crl.pem', writePem('X509 CRL', Buffer.from('x')));
    await expect(open({ crlFiles })).rejects.toThrow('the CRL cannot be read');
    const old = ca.issueCrl({ revokedSerials: [], thisUpdateMs: Date.now() - 7_200_000, ttlMs: 3_600_000 });
    write('crl.pem', writePem('X509 CRL', old));
    const stale = await open({ crlFiles });
    expect(stale.problems().map((d) => d.code)).toEqual(['LINT_CRL_STALE', 'LINT_IDENTITY_REVOKED']);
    const state = stale.current();
    if (state === null) throw new Error('no state');
    const peer = await ca.issue({ spiffeId: ID });
    expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toMatch(
      /^revoked-certificate: .* is stale/,
    );
  });

  test('a CRL that names the own certificate takes effect all the same', async () => {
    const own = await ca.issue({ spiffeId: ID });
    const peer = await ca.issue({ spiffeId: ID });
    writeSet(own);
    write('crl.pem', ca.issueCrl({ revokedSerials: [] }));
    const source = await open({ crlFiles: { 'example.org': join(dir, 'crl.pem') } });
    const [changed, problem] = [nextChange(source), nextProblem(source)];
    write('crl.pem', ca.issueCrl({ revokedSerials: [own.serial, peer.serial], number: 2 }));
    expect(said(verifierFor(await changed).verify(peer.chainDer, Date.now()))).toMatch(
      /^revoked-certificate/,
    );
    expect(await problem).toMatchObject([{ severity: 'warning', code: 'LINT_IDENTITY_REVOKED' }]);
  });

  test('a CA that names another trust domain than its bundle is a warning', async () => {
    const other = await createAuthority({ trustDomain: 'b.example' });
    writeSet(await ca.issue({ spiffeId: ID }));
    write('c.pem', other.certificatePem);
    const bundleFiles = { 'example.org': join(dir, 'ca.pem'), 'c.example': join(dir, 'c.pem') };
    const source = await open({ bundleFiles });
    expect(source.problems()).toMatchObject([{ severity: 'warning', code: 'LINT_BUNDLE_TRUST_DOMAIN' }]);
    expect(source.problems()[0]?.message).toContain('says that it is of `b.example`');
  });

  test('a key that others can read is a warning', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    chmodSync(join(dir, 'tls.key'), 0o644);
    const source = await open();
    expect(source.problems()).toMatchObject([{ severity: 'warning', code: 'LINT_KEY_MODE' }]);
  });
});

describe('rotation', () => {
  test('certificate and key written in place', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    const source = await open();
    const before = source.current();
    const next = await ca.issue({ spiffeId: ID });
    const changed = nextChange(source);
    writeSet(next);
    const state = await changed;
    expect(state.generation).toBe(2);
    expect(serialOf(state)).toBe(next.serial);
    expect(source.current()).toBe(state);
    expect(serialOf(before)).not.toBe(next.serial); // the old state is untouched
  });

  test('renamed over, one file after the other, is one swap and no problem', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    const source = await open();
    const problems: Diagnostic[] = [];
    source.onProblem((list) => problems.push(...list));
    const next = await ca.issue({ spiffeId: ID });
    const changed = nextChange(source);
    write('new.crt', next.chainPem);
    write('new.key', next.privateKeyPem ?? '');
    renameSync(join(dir, 'new.crt'), join(dir, 'tls.crt'));
    await new Promise((resolve) => setImmediate(resolve));
    renameSync(join(dir, 'new.key'), join(dir, 'tls.key'));
    expect(serialOf(await changed)).toBe(next.serial);
    expect(problems).toEqual([]);
  });

  test('the symlink swap of Kubernetes', async () => {
    const put = (folder: string, svid: IssuedSvid): void => {
      mkdirSync(join(dir, folder));
      writeFileSync(join(dir, folder, 'tls.crt'), svid.chainPem);
      writeFileSync(join(dir, folder, 'tls.key'), svid.privateKeyPem ?? '', { mode: 0o600 });
      writeFileSync(join(dir, folder, 'ca.pem'), ca.certificatePem);
    };
    put('..2026_01', await ca.issue({ spiffeId: ID }));
    symlinkSync('..2026_01', join(dir, '..data'));
    for (const name of ['tls.crt', 'tls.key', 'ca.pem']) symlinkSync(join('..data', name), join(dir, name));
    const source = await open();
    for (const folder of ['..2026_02', '..2026_03']) {
      const next = await ca.issue({ spiffeId: ID });
      const changed = nextChange(source);
      put(folder, next);
      symlinkSync(folder, join(dir, '..data_tmp'));
      renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
      expect(serialOf(await changed)).toBe(next.serial);
    }
    expect(source.current()?.generation).toBe(3);
  });

  test('a new CA: bundle with both first, then the certificate', async () => {
    const svid = await ca.issue({ spiffeId: ID });
    writeSet(svid);
    const source = await open();
    const next = await createAuthority({ trustDomain: 'example.org' });
    const bundled = nextChange(source);
    write('ca.pem', ca.certificatePem + next.certificatePem);
    expect((await bundled).bundles.get('example.org')?.anchors).toHaveLength(2);
    const reissued = await next.issue({ spiffeId: ID });
    const swapped = nextChange(source);
    write('tls.crt', reissued.chainPem);
    write('tls.key', reissued.privateKeyPem ?? '');
    expect(serialOf(await swapped)).toBe(reissued.serial);
    expect(said(verifierFor(await swapped).verify(svid.chainDer, Date.now()))).toBe('ok');
  });

  test('a set that stays broken is reported once, the old one stays, and recovery is a swap', async () => {
    const first = await ca.issue({ spiffeId: ID });
    writeSet(first);
    const source = await open();
    const problem = nextProblem(source);
    const stranger = await ca.issue({ spiffeId: ID });
    write('tls.crt', stranger.chainPem);
    expect(await problem).toMatchObject([{ code: 'ERR_KEY_MISMATCH', severity: 'error' }]);
    expect(serialOf(source.current())).toBe(first.serial);
    expect(source.problems()).toHaveLength(1);
    const changed = nextChange(source);
    write('tls.key', stranger.privateKeyPem ?? '');
    expect(serialOf(await changed)).toBe(stranger.serial);
    await expect.poll(() => source.problems()).toEqual([]);
  });

  test('a half-written set is not reported before its second is over', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    const clock = new ManualClock();
    const source = await open({ clock });
    const problems: Diagnostic[] = [];
    source.onProblem((list) => problems.push(...list));
    const next = await ca.issue({ spiffeId: ID });
    write('tls.crt', next.chainPem);
    await expect.poll(() => clock.hasTimerWithin(20)).toBe(true);
    clock.advance(20); // the quiet time: now the set is read, does not fit, and gets its second
    await expect.poll(() => clock.hasTimerWithin(1_000)).toBe(true);
    expect(problems).toEqual([]);
    const changed = nextChange(source);
    write('tls.key', next.privateKeyPem ?? '');
    await expect.poll(() => clock.hasTimerWithin(20)).toBe(true);
    clock.advance(20);
    expect(serialOf(await changed)).toBe(next.serial);
    expect(problems).toEqual([]);
  });

  test('a deleted file keeps the old set', async () => {
    writeSet(await ca.issue({ spiffeId: ID }));
    const source = await open();
    const problem = nextProblem(source);
    rmSync(join(dir, 'tls.crt'));
    expect(await problem).toMatchObject([{ code: 'ERR_IDENTITY_FILE' }]);
    expect(source.current()?.generation).toBe(1);
  });
});

describe('identityReadiness', () => {
  const hour = 3_600_000;
  test.each([
    { name: 'no identity', state: null, at: 0, expected: { ready: false, valid: false } },
    { name: 'fresh', state: [0, hour], at: 1, expected: { ready: true, valid: true, expiresSoon: false } },
    {
      name: '5 minutes before the end',
      state: [0, hour],
      at: hour - 300_000,
      expected: { ready: false, valid: true },
    },
    { name: 'just before that', state: [0, hour], at: hour - 300_001, expected: { ready: true } },
    {
      name: 'a tenth of a short life',
      state: [0, 60_000],
      at: 54_000,
      expected: { ready: false, valid: true },
    },
    {
      name: 'at the end',
      state: [0, hour],
      at: hour,
      expected: { ready: false, valid: false, expiresInMs: 0 },
    },
    { name: 'before the start', state: [10, hour], at: 0, expected: { ready: false, valid: false } },
  ])('$name', async ({ state, at, expected }) => {
    if (state === null) {
      expect(identityReadiness(null, at)).toMatchObject(expected);
      return;
    }
    writeSet(await ca.issue({ spiffeId: ID }));
    const current = (await open()).current();
    if (current === null) throw new Error('no state');
    const [notBeforeMs = 0, notAfterMs = 0] = state;
    expect(identityReadiness({ ...current, notBeforeMs, notAfterMs }, at)).toMatchObject(expected);
  });
});
