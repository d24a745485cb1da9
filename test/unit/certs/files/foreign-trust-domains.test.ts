// Files of a foreign trust domain that cannot be used: they hold nothing of the own up; what was good stays.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../../../certs/authority/authority.ts';
import { openFileSource } from '../../../../certs/files/file-source.ts';
import type { SvidSource } from '../../../../certs/source.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { SallyportError } from '../../../../core/errors.ts';
import { ID } from '../make-certificate.ts';

const PARTNER = 'b.example';
let ca: Authority;
let partner: Authority;
let dir: string;
const sources: SvidSource[] = [];
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  partner = await createAuthority({ trustDomain: PARTNER });
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
});
afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  rmSync(dir, { recursive: true, force: true });
});

const write = (name: string, content: string | Buffer): void =>
  writeFileSync(join(dir, name), content, { mode: 0o600 });

function writeSet(svid: IssuedSvid): void {
  write('tls.crt', svid.chainPem);
  write('tls.key', svid.privateKeyPem ?? '');
  write('ca.pem', ca.certificatePem);
}

async function open(crls = true): Promise<SvidSource> {
  const source = await openFileSource({
    trustDomain: 'example.org',
    certificateFile: join(dir, 'tls.crt'),
    keyFile: join(dir, 'tls.key'),
    bundleFiles: { 'example.org': join(dir, 'ca.pem'), [PARTNER]: join(dir, 'b.pem') },
    ...(crls && { crlFiles: { [PARTNER]: join(dir, 'b.crl') } }),
    debounceMs: 20,
  });
  sources.push(source);
  return source;
}

const nextProblem = (source: SvidSource): Promise<readonly Diagnostic[]> =>
  new Promise((resolve) => source.onProblem(resolve));
const serialOf = (source: SvidSource): string =>
  new X509Certificate(source.current()?.certificateChainPem ?? '').serialNumber.toLowerCase();

async function openBoth(): Promise<SvidSource> {
  writeSet(await ca.issue({ spiffeId: ID }));
  write('b.pem', partner.certificatePem);
  write('b.crl', partner.issueCrl({ revokedSerials: ['0a'] }));
  return open();
}
const FAULTS: readonly { name: string; code: string; file: string; break: () => void }[] = [
  {
    name: 'a bundle that is cut short',
    code: 'ERR_PEM_MALFORMED',
    file: 'b.pem',
    break: () => write('b.pem', partner.certificatePem.slice(0, -30)),
  },
  {
    name: 'a bundle that is gone',
    code: 'ERR_IDENTITY_FILE',
    file: 'b.pem',
    break: () => rmSync(join(dir, 'b.pem')),
  },
  {
    name: 'a bundle that is a bundle document',
    code: 'ERR_CERTIFICATE_MISSING',
    file: 'b.pem',
    break: () => write('b.pem', '{"keys":[]}'),
  },
  {
    name: 'a list that cannot be read',
    code: 'ERR_CRL_MALFORMED',
    file: 'b.crl',
    break: () => write('b.crl', 'x'),
  },
  {
    name: 'a list that is gone',
    code: 'ERR_IDENTITY_FILE',
    file: 'b.crl',
    break: () => rmSync(join(dir, 'b.crl')),
  },
];

test.each(FAULTS)('$name holds up nothing of the own, and what was good stays', async (row) => {
  const source = await openBoth();
  const before = source.current();
  const told = nextProblem(source);
  row.break();
  const next = await ca.issue({ spiffeId: ID });
  writeSet(next);
  await expect.poll(() => serialOf(source)).toBe(next.serial);
  expect(await told).toMatchObject([
    { severity: 'error', code: row.code, at: { file: join(dir, row.file) }, trustDomain: PARTNER },
  ]);
  expect(source.problems()).toHaveLength(1);
  const state = source.current();
  expect(state?.bundles.get(PARTNER)).toBe(before?.bundles.get(PARTNER));
  expect(state?.crls.get(PARTNER)).toBe(before?.crls.get(PARTNER));
  write('b.pem', partner.certificatePem);
  write('b.crl', partner.issueCrl({ revokedSerials: [], number: 2 }));
  await expect.poll(() => source.problems()).toEqual([]);
  expect(source.current()?.crls.get(PARTNER)?.[0]?.revoked.size).toBe(0);
});

test.each(FAULTS)('$name, at the first load: refused, as any mistake', async (row) => {
  writeSet(await ca.issue({ spiffeId: ID }));
  write('b.pem', partner.certificatePem);
  write('b.crl', partner.issueCrl({ revokedSerials: [] }));
  row.break();
  const error: unknown = await open().catch((e: unknown) => e);
  if (!(error instanceof SallyportError)) throw new Error('expected a SallyportError');
  expect(error.code).toBe('ERR_IDENTITY_LOAD');
  expect(error.diagnostics.map(({ code }) => code)).toEqual([row.code]);
});

test('a bundle document: the hint says what to do with it', async () => {
  writeSet(await ca.issue({ spiffeId: ID }));
  write('b.pem', ' {"keys":[]}');
  await expect(open(false)).rejects.toMatchObject({
    message: 'no identity: the file is JSON, not PEM',
    hint: expect.stringContaining('`endpoint`'),
  });
});
