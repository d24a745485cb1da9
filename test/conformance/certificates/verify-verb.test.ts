// The corpus through `sallyport certs verify`, as outside suites ask: files and options in, an exit code and
// one JSON object out.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writePem } from '../../../certs/x509/pem.ts';
import { certsVerify } from '../../../cli/certs-verify.ts';
import { BAD_ROWS, GOOD } from './corpus.ts';
import { type Cast, createCast, type Row } from './sample.ts';

let folder: string;
let cast: Cast;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-corpus-'));
  cast = await createCast();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Asks for both purposes in turn. */
async function ask(
  { make }: Row,
  purpose: string,
): Promise<{ code: number; answer: { ok?: unknown; reason?: unknown } }> {
  const {
    chain,
    trustDomain = 'example.org',
    roots = [cast.root.certificate.der],
    crls = [],
  } = await make(cast);
  const write = (name: string, label: string, ders: readonly Buffer[]): string => {
    writeFileSync(join(folder, name), ders.map((der) => writePem(label, der)).join(''));
    return name;
  };
  const [leaf = Buffer.alloc(0), ...rest] = chain;
  const bundles = new Map([
    ['example.org', [cast.root.certificate.der]],
    ['b.example', [cast.partner.certificate.der]],
    [trustDomain, [...roots]],
  ]);
  const args = [write('leaf.pem', 'CERTIFICATE', chain.length === 0 ? [] : [leaf])];
  for (const [name, ders] of bundles)
    args.push('--bundle', `${name}=${write(`${ders.length}-${name.slice(0, 20)}`, 'CERTIFICATE', ders)}`);
  if (rest.length > 0) args.push('--intermediates', write('rest.pem', 'CERTIFICATE', rest));
  if (crls.length > 0) args.push('--crl', `${trustDomain}=${write('list.pem', 'X509 CRL', crls)}`);
  args.push('--purpose', purpose, '--at', new Date(cast.nowMs).toISOString(), '--json');
  let out = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: () => undefined,
    color: false,
    isTty: false,
    cwd: folder,
    env: {},
  };
  const code = await certsVerify(args, io);
  return { code, answer: JSON.parse(out) as { ok?: unknown } };
}

// PEM cannot hold a certificate of no bytes: the block is as good as none.
const rows = BAD_ROWS.filter(({ name }) => name !== 'nothing');

test.each(rows)('bad: $topic: $name', async (row) => {
  for (const purpose of ['client', 'server']) {
    const { code, answer } = await ask(row, purpose);
    const reason = row.expect.startsWith('ERR_') ? 'untrusted-certificate' : row.expect.split(':')[0];
    expect({ code, ...answer }).toMatchObject({ code: 1, ok: false, reason });
  }
});

test.each(GOOD)('good: $name', async (row) => {
  for (const purpose of ['client', 'server']) {
    const { code, answer } = await ask(row, purpose);
    expect({ code, ...answer }).toMatchObject({
      code: 0,
      ok: true,
      purpose,
      anchor: { file: expect.any(String) },
    });
  }
});
