// What `certs inspect` and `certs verify` print: bars, durations, trees within 80 columns, colour, and names
// of strangers.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../../certs/authority/authority.ts';
import { encodeName } from '../../../certs/authority/build-certificate.ts';
import { validityAt } from '../../../certs/inspect.ts';
import { writePem } from '../../../certs/x509/pem.ts';
import { certsInspect } from '../../../cli/certs-inspect.ts';
import { duration, validityBar, wrapped } from '../../../cli/certs-show.ts';
import { certsVerify } from '../../../cli/certs-verify.ts';
import type { Io, Verb } from '../../../cli/io.ts';
import { SallyportError } from '../../../core/errors.ts';

const ID = 'spiffe://example.org/ns/shop/sa/web';
const ROOT = join(import.meta.dirname, '../../..');
const DAY_S = 86_400;

let folder: string;
let ca: Authority;
let svid: IssuedSvid;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-show-'));
  ca = await createAuthority({ trustDomain: 'example.org' });
  svid = await ca.issue({ spiffeId: ID });
  const middle = await ca.createIntermediate();
  const lower = await middle.issue({ spiffeId: ID });
  const write = (name: string, data: string | Buffer): void => writeFileSync(join(folder, name), data);
  write('ca.pem', ca.certificatePem);
  write('tls.crt', svid.chainPem);
  write('tls.der', svid.certificateDer);
  write('tls.key', svid.privateKeyPem ?? '');
  write('chain.pem', lower.chainPem);
  write('leaf.pem', lower.chainPem.slice(0, lower.chainPem.indexOf('-----END') + 26));
  write('middle.pem', middle.certificatePem);
  write('other.key', generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const pkcs8 = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  write('rsa.der', pkcs8.export({ format: 'der', type: 'pkcs8' }));
  const secret = pkcs8.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  write('locked.key', secret);
  write('ca.crl', ca.issueCrl({ revokedSerials: ['01'] }));
  write('crl.pem', writePem('X509 CRL', ca.issueCrl({ revokedSerials: [svid.serial] })));
  write('odd.pem', writePem('CERTIFICATE REQUEST', Buffer.of(1)));
  write('empty', '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one of the two verbs in the folder. */
async function run(
  verb: Verb,
  line: string,
  color = false,
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    color,
    isTty: color,
    cwd: folder,
    env: {},
  };
  const code = await verb(line.split(' '), io).catch((error: unknown) => {
    if (!(error instanceof SallyportError)) throw error;
    err += `${error.code}: ${error.message}`;
    return 2;
  });
  return { code, out, err };
}
const inspect = (line: string, color = false) => run(certsInspect, line, color);
const verify = (line: string, color = false) => run(certsVerify, line, color);
const io: Io = { out: () => undefined, err: () => undefined, color: false, isTty: false, cwd: '', env: {} };

describe('the bar', () => {
  const from = Date.parse('2026-01-01T00:00:00Z');
  const period = { notBeforeMs: from, notAfterMs: from + 30 * DAY_S * 1_000 };
  test.each([
    { day: 0, bar: '[|...................] 30 d left of 30 d' },
    { day: 15, bar: '[##########|.........] 15 d left of 30 d' },
    { day: 20, bar: '[#############|......] 10 d left of 30 d' },
    { day: 20.1, bar: '[#############|......] 9 d 21 h left of 30 d: in its last third' },
    { day: 29.99, bar: '[###################|] 14 min left of 30 d: in its last third' },
    { day: 32, bar: '[###################|] expired 2 d ago' },
    { day: -1, bar: '[|...................] not valid yet, for another 1 d' },
  ])('on day $day', ({ day, bar }) => {
    expect(validityBar(io, validityAt(period, from + day * DAY_S * 1_000))).toBe(bar);
  });

  test('of a negative period is over', () => {
    const negative = { notBeforeMs: from + 1_000, notAfterMs: from };
    expect(validityAt(negative, from + 5_000)).toMatchObject({ state: 'expired', percent: 100 });
  });

  test.each([
    { day: 1, color: 32 },
    { day: 25, color: 33 },
    { day: 31, color: 31 },
    { day: -1, color: 31 },
  ])('has colour $color on day $day', ({ day, color }) => {
    const painted = validityBar({ ...io, color: true }, validityAt(period, from + day * DAY_S * 1_000));
    expect(painted.startsWith(`\u001b[${color}m[`)).toBe(true);
  });
});

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3_600, '1 h'],
  [3_660, '1 h 1 min'],
  [DAY_S, '1 d'],
  [DAY_S + 7_200, '1 d 2 h'],
  [400 * DAY_S, '1 y 35 d'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

test('long text is broken at spaces, and without any in the middle', () => {
  expect(wrapped('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrapped('a'.repeat(10), 4)).toEqual(['aaaa', 'aaaa', 'aa']);
});

describe('inspect', () => {
  test.each([
    {
      line: 'tls.crt',
      code: 0,
      says: ['SPIFFE ID    spiffe://example.org/ns/shop/sa/web', 'a valid X509-SVID'],
    },
    { line: 'tls.der', code: 0, says: ['a valid X509-SVID'] },
    { line: 'ca.pem', code: 0, says: ['a valid signing certificate (CA)'] },
    {
      line: 'chain.pem',
      code: 0,
      says: [
        'leaf, by 2; ',
        '  └ 2 O=example.org',
        'ca, issuer not here',
        'certificate 2 of 2',
        'path length  0',
      ],
    },
    {
      line: 'tls.crt tls.key',
      code: 0,
      says: ['private key  ec prime256v1; it is not shown', 'belongs to   tls.crt, certificate 1'],
    },
    { line: 'tls.key', code: 0, says: ['belongs to   no certificate given beside it'] },
    {
      line: 'tls.crt other.key',
      code: 1,
      says: ['private key  ed25519; it is not shown', 'belongs to   no certificate'],
    },
    { line: 'rsa.der', code: 0, says: ['private key  rsa 2048; it is not shown'] },
    { line: 'locked.key', code: 0, says: ['private key  encrypted', '`openssl pkey'] },
    {
      line: 'ca.crl',
      code: 0,
      says: ['certificate revocation list', 'revoked      1 certificate\n', '6 d 23 h left of 7 d'],
    },
    { line: 'crl.pem ca.pem', code: 0, says: ['crl.pem\n', 'ca.pem\n'] },
    {
      line: 'odd.pem',
      code: 1,
      says: ['line 1: `CERTIFICATE REQUEST`: only certificates'],
    },
    { line: 'empty', code: 1, says: ['error: file: it is empty'] },
  ])('$line', async ({ line, code, says }) => {
    const result = await inspect(line);
    for (const part of says) expect(result.out).toContain(part);
    expect(result.code).toBe(code);
    expect(result.out).not.toContain('PRIVATE KEY');
    for (const text of result.out.split('\n')) expect(text.length).toBeLessThanOrEqual(80);
  });

  test('never prints a key, as JSON neither', async () => {
    const { out } = await inspect('tls.key tls.crt --json');
    const [first, second, ...rest] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(first).toEqual({
      file: 'tls.key',
      connection: null,
      certificates: [],
      crls: [],
      document: null,
      keys: [{ key: 'ec prime256v1', encrypted: false, belongsTo: 'tls.crt, certificate 1' }],
      faults: [],
    });
    expect(second).toMatchObject({ file: 'tls.crt', certificates: [{ kind: 'leaf', valid: true }] });
    expect(rest).toEqual([]);
  });

  test('reads standard input', () => {
    const args = ['cli/main.ts', 'certs', 'inspect', '-'];
    const { stdout, status } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      input: svid.chainPem,
      encoding: 'utf8',
    });
    expect(stdout).toContain('(standard input)\n');
    expect(stdout).toContain('a valid X509-SVID');
    expect(stdout).not.toContain('\u001b');
    expect(status).toBe(0);
  });

  test('shows names of strangers without what a terminal would obey', async () => {
    const evil = 'a\u001b[2J\u0007\u202eb\u0000\u009bc\r\n\u2066d';
    const hostile = await ca.issue({
      spiffeId: ID,
      adjust: (spec, e) => ({ ...spec, subject: encodeName(e, [['CN', evil]]) }),
    });
    writeFileSync(join(folder, 'evil.pem'), hostile.chainPem);
    for (const { out } of [
      await inspect('evil.pem'),
      await inspect('evil.pem --json'),
      await verify('evil.pem --bundle b.example=ca.pem'),
    ]) {
      expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    expect((await inspect('evil.pem')).out).toContain('CN=a?[2J??b??c???d');
  });

  test('colour is for terminals that want it', async () => {
    expect((await inspect('tls.crt', true)).out).toContain('\u001b[32m');
    expect((await inspect('tls.crt')).out).not.toContain('\u001b');
  });
});

describe('inspect of a server', () => {
  const servers: net.Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  const listening = async (server: net.Server): Promise<string> => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  };

  test('shows what it presents, also when it wants a certificate', async () => {
    const options = {
      cert: svid.chainPem,
      key: svid.privateKeyPem ?? '',
      requestCert: true,
      ca: ca.certificatePem,
    };
    const asked: string[] = [];
    const server = tls.createServer({
      ...options,
      SNICallback: (name, done) => {
        asked.push(name);
        done(null);
      },
    });
    server.on('tlsClientError', () => undefined);
    const at = await listening(server);
    const { code, out } = await inspect(`${at} --servername cart.shop`);
    expect(out).toContain(`${at}, TLSv1.3, ALPN none\n`);
    expect(out).toContain(`SPIFFE ID    ${ID}`);
    expect(code).toBe(0);
    expect(asked).toEqual(['cart.shop']);
  });

  test.each([
    {
      name: 'says nothing',
      server: () => net.createServer((socket) => void socket.on('error', () => undefined).resume()),
      says: 'no handshake in time',
    },
    {
      name: 'speaks something else',
      server: () =>
        net.createServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400\r\n\r\n')),
      says: 'error: connection: ',
    },
  ])('that $name', async ({ server, says }) => {
    const { code, out } = await inspect(`${await listening(server())} --timeout 1s`);
    expect(out).toContain(says);
    expect(code).toBe(1);
  });
});

describe('verify', () => {
  const BUNDLE = '--bundle example.org=ca.pem';
  test.each([
    {
      line: `tls.crt ${BUNDLE}`,
      code: 0,
      says: [
        'ok: spiffe://example.org/ns/shop/sa/web, valid until',
        'anchor, certificate 1 of ca.pem;',
        'the bundle of example.org: ca.pem, as a client',
      ],
    },
    { line: `chain.pem ${BUNDLE} --purpose server`, code: 0, says: ['intermediate; ', 'as a server'] },
    { line: `leaf.pem ${BUNDLE} --intermediates middle.pem`, code: 0, says: ['intermediate; '] },
    {
      line: `leaf.pem ${BUNDLE}`,
      code: 1,
      says: ['refused: untrusted-certificate: no path', 'rule         RFC 5280 section 6.1\n'],
    },
    {
      line: `tls.crt ${BUNDLE} --at 2020-01-01T00:00:00Z`,
      code: 1,
      says: ['is not valid before', 'rule         RFC 5280 section 4.1.2.5', 'not valid yet, for another'],
    },
    {
      line: `tls.crt ${BUNDLE} --crl example.org=crl.pem`,
      code: 1,
      says: ['refused: revoked-certificate', 'rule         RFC 5280 section 6.3.3'],
    },
    {
      line: 'tls.crt --bundle b.example=ca.pem',
      code: 1,
      says: ['refused: wrong-trust-domain', 'X509-SVID section 5.1'],
    },
    {
      line: `ca.pem ${BUNDLE}`,
      code: 1,
      says: ['refused: invalid-svid', 'rule         X509-SVID section 3.1'],
    },
    {
      line: 'tls.crt --bundle example.org=tls.crt',
      code: 1,
      says: ['refused: untrusted-certificate: tls.crt: ', 'the bundle or CRL itself'],
    },
    { line: `tls.crt ${BUNDLE} --at yesterday`, code: 2, says: [] },
    { line: `tls.crt ${BUNDLE} --at 2020-01-01`, code: 2, says: [] },
    { line: `tls.crt ${BUNDLE} --intermediates nowhere`, code: 2, says: [] },
    { line: 'tls.crt --bundle example.org=tls.key', code: 2, says: [] },
  ])('$line', async ({ line, code, says }) => {
    const result = await verify(line);
    for (const part of says) expect(result.out).toContain(part);
    expect(result.code).toBe(code);
  });

  test('as JSON names rule, path and anchor', async () => {
    const at = '2020-01-01T00:00:00.000Z';
    expect(JSON.parse((await verify(`tls.crt ${BUNDLE} --at ${at} --json`)).out)).toEqual({
      ok: false,
      reason: 'expired-certificate',
      message: expect.stringContaining('is not valid before'),
      rule: 'RFC 5280 section 4.1.2.5',
      hint: expect.any(String),
      purpose: 'client',
      at,
    });
    const accepted: unknown = JSON.parse((await verify(`chain.pem ${BUNDLE} --json`)).out);
    expect(accepted).toMatchObject({
      ok: true,
      spiffeId: ID,
      anchor: { file: 'ca.pem', certificate: 1, trustDomain: 'example.org' },
      path: [{ subject: 'O=sallyport, CN=web' }, {}, { fingerprintSha256: ca.certificate.fingerprintSha256 }],
    });
  });
});
