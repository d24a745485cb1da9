// `sallyport config check|schema|explain` on real files, and the generated references.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configKeys } from '../../../core/config/keys.ts';
import { REASON_NAMES } from '../../../core/reasons.ts';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
let folder: string;

const GOOD = `identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem } }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    upstream: 127.0.0.1:8080
policy: { files: [policies/] }
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-verbs-'));
  writeFileSync(join(folder, 'good.yaml'), GOOD);
  writeFileSync(join(folder, 'bad.yaml'), GOOD.replace('upstream:', 'upstraem:'));
  mkdirSync(join(folder, 'complete/policies'), { recursive: true });
  writeFileSync(join(folder, 'complete/c.yaml'), GOOD);
  for (const name of ['tls.crt', 'tls.key', 'ca.pem']) writeFileSync(join(folder, 'complete', name), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => runCli(folder, ['config', ...args]);

describe('config check', () => {
  it('is silent about a configuration whose files are there', async () => {
    const file = 'complete/c.yaml';
    expect(await run('check', file, '--strict')).toEqual({ code: 0, out: `${file}: ok\n`, err: '' });
  });

  it('warns about files that are not there, and fails for them only with --strict', async () => {
    const { code, out, err } = await run('check', 'good.yaml');
    expect([code, out]).toEqual([0, 'good.yaml: ok\n']);
    expect(err.match(/warning: .* there is no/g)).toHaveLength(4);
    expect(err).toContain(`\`policy.files[0]\`: there is no \`${join(folder, 'policies')}\``);
    expect((await run('check', '--strict', '--config', 'good.yaml')).code).toBe(1);
  });

  it('prints every fault with its place, and exits 2', async () => {
    const { code, out, err } = await run('check', 'bad.yaml');
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(
      `${join(folder, 'bad.yaml')}:7:5: error: unknown key \`listeners[0].upstraem\` [ERR_CONFIG_KEY]\n    upstraem: 127.0.0.1:8080\n    hint: did you mean \`upstream\`?\n`,
    );
  });

  it('prints the same as JSON', async () => {
    const { code, out, err } = await run('check', 'bad.yaml', '--json');
    expect([code, err]).toEqual([2, '']);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'ERR_CONFIG_KEY', at: { line: 7, column: 5 } }],
    });
    expect(JSON.parse((await run('check', 'complete/c.yaml', '--json')).out)).toEqual({
      ok: true,
      diagnostics: [],
    });
  });

  it.each([
    ['absent.yaml', 'there is no such file'],
    ['.', 'it is a folder'],
  ])('%s: %s', async (file, expected) => {
    const { code, out, err } = await run('check', file);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(expected);
  });
});

describe('config explain', () => {
  it('aligns key, value and origin', async () => {
    const { code, out } = await run('explain', 'good.yaml');
    expect(code).toBe(0);
    expect(out).toMatch(/^identity\.trustDomain {2,}example\.org {2,}good\.yaml:2$/m);
    expect(out).toMatch(/^listeners\[0\]\.upstream\.address {2,}127\.0\.0\.1:8080 {2,}good\.yaml:7$/m);
    expect(out).toMatch(/^listeners\[0\]\.limits\.headBytes {2,}64KiB {2,}default$/m);
    expect(out).toMatch(/^workload\.namespace {2,}\(that of the own SVID\) {2,}default$/m);
    const column = new Set(
      out
        .split('\n')
        .filter((l) => l.endsWith('default'))
        .map((l) => l.length),
    );
    expect(column.size).toBe(1);
  });

  it('has every key of the schema', async () => {
    const { out } = await run('explain', 'good.yaml', '--json');
    const rows: { key: string }[] = JSON.parse(out);
    const keys = rows.map((row) => row.key.replaceAll('[0]', '[]'));
    // A list without entries has none of their keys.
    const absent = ['listeners[].destinations[].', 'identity.federation[].'];
    const leaves = configKeys().flatMap(({ facts, path }) =>
      facts === undefined || absent.some((list) => path.startsWith(list)) ? [] : [path],
    );
    // A section that is off when it is absent has one row, not one for each of its keys.
    const off = ['tracing', 'listeners[].proxyProtocol', 'identity.workloadApi', 'identity.issuer'];
    const shown = leaves.map((path) => off.find((section) => path.startsWith(`${section}.`)) ?? path);
    expect(keys).toEqual([...new Set(shown)]);
  });

  it('refuses what the proxy would refuse', async () => {
    expect(await run('explain', 'bad.yaml')).toMatchObject({ code: 2, out: '' });
  });
});

describe('config schema and the references', () => {
  it('is the published one', async () => {
    const { out } = await run('schema');
    const published: unknown = JSON.parse(readFileSync(join(root, 'docs/config.schema.json'), 'utf8'));
    expect(JSON.parse(out)).toEqual(published);
  });

  it('are up to date', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'docs/generate.ts'), '--check'], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('name every key and every reason', () => {
    const config = readFileSync(join(root, 'docs/config.md'), 'utf8');
    for (const { path, facts } of configKeys())
      expect(config).toContain(
        facts === undefined ? `## \`${path}\`` : `| \`${path.slice(path.lastIndexOf('.') + 1)}\` |`,
      );
    const reasons = readFileSync(join(root, 'docs/reasons.md'), 'utf8');
    for (const reason of REASON_NAMES) expect(reasons).toContain(`| \`${reason}\` |`);
  });
});
