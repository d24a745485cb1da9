// The `certs` verbs: what they print, the exit codes, and what they refuse to overwrite.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, openAuthority } from '../../../certs/authority/authority.ts';
import { writeBundleDocument } from '../../../certs/federation/write-document.ts';
import { writePem } from '../../../certs/x509/pem.ts';
import { certsCa } from '../../../cli/certs-ca.ts';
import { certsInspect } from '../../../cli/certs-inspect.ts';
import { certsIssue } from '../../../cli/certs-issue.ts';
import { certsVerify } from '../../../cli/certs-verify.ts';
import type { Verb } from '../../../cli/io.ts';
import { SallyportError } from '../../../core/errors.ts';
import { ID, withoutExtension } from './make-certificate.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const VERBS: Readonly<Record<string, Verb>> = {
  ca: certsCa,
  issue: certsIssue,
  inspect: certsInspect,
  verify: certsVerify,
};

/** Runs `certs …`; a thrown SallyportError is exit code 2, as in the dispatcher. */
async function certs(line: string): Promise<{ code: number; out: string; err: string }> {
  const [verb = '', ...args] = line.split(' ');
  let [out, err] = ['', ''];
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    color: false,
    isTty: false,
    cwd,
    env: {},
  };
  const code = await VERBS[verb]?.(args, io).catch((error: unknown) => {
    if (!(error instanceof SallyportError)) throw error;
    err += `${error.code}: ${error.message}`;
    return 2;
  });
  return { code: code ?? -1, out, err };
}

const modeOf = (file: string): number => statSync(join(cwd, file)).mode & 0o777;

test('ca, issue, inspect and verify, one after another', async () => {
  expect((await certs('ca --out ca')).code).toBe(0);
  expect(modeOf('ca/ca.key')).toBe(0o600);
  expect(modeOf('ca/ca.pem')).toBe(0o644);
  const issued = await certs(`issue ${ID} --ca ca --out web --ttl 24h --json`);
  expect(JSON.parse(issued.out)).toMatchObject({
    spiffeId: ID,
    dnsNames: ['web', 'web.shop', 'web.shop.svc', 'localhost'],
    certificate: 'web/tls.crt',
    key: 'web/tls.key',
    bundle: 'web/ca.pem',
  });
  expect(modeOf('web/tls.key')).toBe(0o600);
  expect(readFileSync(join(cwd, 'web/ca.pem'), 'utf8')).toBe(readFileSync(join(cwd, 'ca/ca.pem'), 'utf8'));
  const inspected = await certs('inspect web/tls.crt');
  expect(inspected).toMatchObject({ code: 0 });
  expect(inspected.out).toContain(`SPIFFE ID    ${ID}\n`);
  expect(inspected.out).toContain('a valid X509-SVID\n');
  expect((await certs('inspect ca/ca.pem')).out).toContain('a valid signing certificate (CA)');
  const verified = await certs('verify web/tls.crt --bundle example.org=ca/ca.pem');
  expect(verified.code).toBe(0);
  expect(verified.out).toMatch(new RegExp(`^ok: ${ID}, valid until \\d{4}-`));
});

test('nothing is overwritten without --force', async () => {
  await certs('ca');
  const key = readFileSync(join(cwd, 'ca.key'), 'utf8');
  const again = await certs('ca');
  expect(again).toMatchObject({ code: 2, out: '' });
  expect(again.err).toBe('ERR_FILE_EXISTS: `ca.pem` exists already');
  expect(readFileSync(join(cwd, 'ca.key'), 'utf8')).toBe(key);
  expect((await certs('ca --force')).code).toBe(0);
  expect(readFileSync(join(cwd, 'ca.key'), 'utf8')).not.toBe(key);
  await certs(`issue ${ID} --ca .`);
  expect((await certs(`issue ${ID} --ca .`)).err).toBe('ERR_FILE_EXISTS: `tls.crt` exists already');
  writeFileSync(join(cwd, 'tls.key'), 'x', { mode: 0o644 });
  await certs(`issue ${ID} --ca . --force`);
  expect(modeOf('tls.key')).toBe(0o600);
});

describe('usage errors are exit code 2', () => {
  test.each([
    { line: 'ca --nonsense', message: 'ERR_USAGE: unknown option' },
    { line: 'ca extra', message: 'ERR_USAGE: unexpected argument' },
    { line: 'ca --ttl 5', message: 'ERR_USAGE: `5` is not a duration' },
    { line: 'ca --ttl 0h', message: 'ERR_USAGE: `0h` is not a duration' },
    { line: 'ca --trust-domain Example.org', message: 'ERR_SPIFFE_ID: `Example.org`' },
    { line: 'issue --ca .', message: 'ERR_USAGE: exactly one SPIFFE ID' },
    { line: `issue ${ID}`, message: 'ERR_USAGE: `--ca DIR` is missing' },
    { line: `issue ${ID} --ca nowhere`, message: 'ERR_FILE: `nowhere/ca.pem` cannot be read: ENOENT' },
    { line: 'issue spiffe://example.org --ca ca', message: 'ERR_CERT_REQUEST: `spiffe://example.org` names' },
    {
      line: 'issue spiffe://b.example/x --ca ca',
      message: 'ERR_CERT_REQUEST: `spiffe://b.example/x` is not of',
    },
    { line: `issue ${ID} --ca ca --dns a:b`, message: 'ERR_USAGE: `--dns a:b` is not a DNS name' },
    { line: `issue ${ID} --ca ca --ip 1.2.3`, message: 'ERR_CERT_REQUEST: `1.2.3` is not an IP address' },
    { line: 'inspect', message: 'ERR_USAGE: a file or a server is needed' },
    { line: 'inspect nowhere.pem', message: 'ERR_FILE: `nowhere.pem` cannot be read: ENOENT' },
    { line: 'verify ca/ca.pem', message: 'ERR_USAGE: `--bundle` is missing' },
    { line: 'verify ca/ca.pem --bundle ca/ca.pem', message: 'ERR_USAGE: `--bundle ca/ca.pem` is not a pair' },
    { line: 'verify ca/ca.pem --bundle A=ca/ca.pem', message: 'ERR_SPIFFE_ID: `A`' },
    {
      line: 'verify ca/ca.pem --bundle a=ca/ca.key',
      message: 'ERR_BUNDLE: the bundles or CRLs cannot be used',
    },
    {
      line: 'verify ca/ca.pem --bundle a=ca/ca.pem --purpose x',
      message: 'ERR_USAGE: `--purpose x` is not known',
    },
  ])('$line', async ({ line, message }) => {
    await certs('ca --out ca');
    const { code, err } = await certs(line);
    expect(err.slice(0, message.length)).toBe(message);
    expect(code).toBe(2);
  });
});

describe('negative results are exit code 1', () => {
  test.each([
    { name: 'empty file', content: '', reason: 'no-certificate' },
    { name: 'not a certificate', content: 'hello', reason: 'invalid-svid' },
    { name: 'cut PEM', content: '-----BEGIN CERTIFICATE-----\nMII', reason: 'invalid-svid' },
    { name: 'a private key', content: writePem('PRIVATE KEY', Buffer.of(1)), reason: 'no-certificate' },
  ])('$name', async ({ content, reason }) => {
    await certs('ca');
    writeFileSync(join(cwd, 'x'), content);
    const verified = await certs('verify x --bundle example.org=ca.pem --json');
    expect(verified.code).toBe(1);
    expect(JSON.parse(verified.out)).toMatchObject({ ok: false, reason });
    expect((await certs('inspect x')).code).toBe(1);
  });

  test('a leaf that is no SVID is shown with every broken rule', async () => {
    const ca = await createAuthority({ trustDomain: 'example.org' });
    const noUsage = withoutExtension('2.5.29.15');
    const noName = withoutExtension('2.5.29.17');
    const svid = await ca.issue({ spiffeId: ID, adjust: (spec, e) => noName(noUsage(spec, e), e) });
    writeFileSync(join(cwd, 'bad.der'), svid.certificateDer);
    const { code, out } = await certs('inspect bad.der');
    expect(code).toBe(1);
    expect(out).toContain('not a valid X509-SVID\n');
    expect(out).toContain('error: it has no URI SAN, so no SPIFFE ID (X509-SVID section 2)\n');
    expect(out).toContain('error: it has no key usage (X509-SVID section 4.3)\n');
  });

  test('another CA, another trust domain, a revoked serial', async () => {
    await certs('ca --out a');
    await certs('ca --out b --trust-domain b.example');
    await certs(`issue ${ID} --ca a --out web`);
    const refused = async (rest: string): Promise<string> => {
      const { code, out } = await certs(`verify web/tls.crt ${rest}`);
      expect(code).toBe(1);
      return out.split('\n')[0] ?? '';
    };
    expect(await refused('--bundle b.example=b/ca.pem')).toMatch(
      /^refused: wrong-trust-domain: there is no bundle/,
    );
    expect(await refused('--bundle example.org=b/ca.pem')).toMatch(
      /^refused: untrusted-certificate: no path/,
    );
    expect(await refused('--bundle example.org=b/ca.pem --bundle b.example=a/ca.pem')).toMatch(
      /^refused: wrong-trust-domain: .* is signed by the bundle of `b.example`/,
    );
    const ca = await openAuthority({
      certificatePem: readFileSync(join(cwd, 'a/ca.pem'), 'utf8'),
      privateKeyPem: readFileSync(join(cwd, 'a/ca.key'), 'utf8'),
    });
    const { certificates } = JSON.parse((await certs('inspect web/tls.crt --json')).out);
    const crl = ca.issueCrl({ revokedSerials: [certificates[0].serial] });
    writeFileSync(join(cwd, 'crl.pem'), writePem('X509 CRL', crl));
    expect(await refused('--bundle example.org=a/ca.pem --crl crl.pem')).toMatch(
      /^refused: revoked-certificate/,
    );
  });
});

describe('a SPIFFE bundle document', () => {
  let ca: Authority;
  beforeEach(async () => {
    ca = await createAuthority({ trustDomain: 'example.org' });
    const rootsDer = [ca.certificate.der];
    const document = writeBundleDocument({ rootsDer, sequence: 7, refreshHintMs: 300_000 });
    writeFileSync(join(cwd, 'bundle.json'), document);
    writeFileSync(join(cwd, 'web.pem'), (await ca.issue({ spiffeId: ID })).chainPem);
  });
  const rewrite = (change: (text: string) => string): void =>
    writeFileSync(join(cwd, 'bundle.json'), change(readFileSync(join(cwd, 'bundle.json'), 'utf8')));

  test('is inspected, each CA as any certificate', async () => {
    const { code, out } = await certs('inspect bundle.json');
    expect(code).toBe(0);
    expect(out).toContain('bundle       sequence 7, refresh hint 300 s\n');
    expect(out).toContain('a valid signing certificate (CA)');
    const { certificates, document, faults } = JSON.parse((await certs('inspect bundle.json --json')).out);
    expect(document).toEqual({ sequence: '7', refreshHintSeconds: 300 });
    expect(certificates).toMatchObject([{ kind: 'ca', valid: true }]);
    expect(faults).toEqual([]);
  });

  test('is a bundle to verify with', async () => {
    const { code, out } = await certs('verify web.pem --bundle example.org=bundle.json --json');
    expect(code).toBe(0);
    const anchor = { file: 'bundle.json', certificate: 1, trustDomain: 'example.org' };
    expect(JSON.parse(out)).toMatchObject({ ok: true, spiffeId: ID, anchor });
    expect((await certs('verify web.pem --bundle b.example=bundle.json')).code).toBe(1);
  });

  test.each([
    {
      name: 'cut short',
      change: (text: string) => text.slice(0, 40),
      fault: { what: 'bundle document', line: 1 },
    },
    {
      name: 'with another key than its certificate has',
      change: (text: string) => text.replace(/"x":"./, '"x":"!'),
      fault: { error: expect.stringMatching(/^#\/keys\/0\/x: `x` is not that of the certificate/) },
    },
    {
      name: 'with the private half',
      change: (text: string) => text.replace('"kty"', '"d":"secret","kty"'),
      fault: { error: expect.stringContaining('published with its private half') },
    },
  ])('$name: what is wrong, and nobody is verified', async ({ change, fault }) => {
    rewrite(change);
    const { code, out } = await certs('inspect bundle.json --json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ certificates: [], document: null, faults: [fault] });
    expect(out).not.toContain('secret');
    const verified = await certs('verify web.pem --bundle example.org=bundle.json');
    expect(verified).toMatchObject({ code: 2, err: expect.stringMatching(/^ERR_BUNDLE: /) });
  });

  test('without a CA: nothing is sound, nobody is verified', async () => {
    rewrite(() => '{"keys":[]}');
    expect((await certs('inspect bundle.json')).code).toBe(1);
    const { code, err } = await certs('verify web.pem --bundle example.org=bundle.json');
    expect(code).toBe(1);
    expect(err).toContain('has no CA certificate');
  });
});
