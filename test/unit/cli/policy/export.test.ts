// `policy export` as a user types it, and its nftables ruleset before nft itself where that is installed.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findCommand } from '../../../requirements.ts';
import { policyText } from '../../policy/policy-text.ts';
import { runCli } from '../run-cli.ts';

const NFT = findCommand('nft') ?? '';
const VALIDATOR = findCommand('kubernetes-validate') ?? '';
/** Without root, nft cannot even check. */
const checks =
  NFT !== '' && spawnSync(NFT, ['-c', '-f', '-'], { input: 'table inet sallyport {}' }).status === 0;
const INVENTORY = `- namespace: shop
  serviceAccount: web
  labels: { app: web }
  ips: [10.0.0.8, 10.0.0.7, "2001:db8::7"]
- { namespace: shop, serviceAccount: cart, labels: { app: cart }, ips: [10.0.1.9] }
- { namespace: dev, serviceAccount: x, labels: { app: x } }
`;
const CONFIG = `workload: { namespace: shop, serviceAccount: cart, labels: { app: cart } }
identity:
  trustDomain: example.org
  files: { certificate: a, key: b, bundles: { example.org: c } }
listeners:
  - { name: one, address: "127.0.0.1:9443", upstream: "127.0.0.1:8080" }
  - { name: two, address: "127.0.0.1:9444", upstream: "127.0.0.1:8081" }
policy: { files: [web.yaml] }
`;
const from = (fields: string): string =>
  policyText(`selector: {matchLabels: {app: cart}}\nrules: [{from: [{source: {${fields}}}]}]`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-export-'));
  await put('web.yaml', from('principals: [example.org/ns/shop/sa/web]'));
  await put('inventory.yaml', INVENTORY);
  await put('sallyport.yaml', CONFIG);
});
afterAll(() => rm(folder, { recursive: true }));
const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
const run = (line: string) => runCli(folder, ['policy', 'export', ...line.split(' ')]);

/** The lines of the chain, without comments and what is always there. */
async function chain(line: string): Promise<string[]> {
  const { code, out, err } = await run(`--to nftables --inventory inventory.yaml ${line}`);
  expect([code, err]).toEqual([0, '']);
  if (checks) {
    const checked = spawnSync(NFT, ['-c', '-f', '-'], { input: out, encoding: 'utf8' });
    expect(checked.stderr).toBe('');
  }
  expect(out.startsWith('#!/usr/sbin/nft -f\n')).toBe(true);
  const lines = out.split('\n').map((one) => one.trim());
  const rules = lines.filter((one) => one !== '' && !one.startsWith('#'));
  expect(rules.slice(0, 7)).toEqual([
    ...['table inet sallyport', 'delete table inet sallyport', 'table inet sallyport {', 'chain inbound {'],
    'type filter hook input priority filter; policy accept;',
    ...['iifname "lo" accept', 'ct state established,related accept'],
  ]);
  expect(rules.slice(-2)).toEqual(['}', '}']);
  return rules.slice(7, -2);
}

describe('nftables', () => {
  const DROP = 'tcp dport { 8443 } counter drop';
  test.each([
    {
      name: 'an account by its addresses',
      fields: 'serviceAccounts: [web]',
      lines: [
        'tcp dport { 8443 } ip saddr { 10.0.0.8/32, 10.0.0.7/32 } accept',
        'tcp dport { 8443 } ip6 saddr { 2001:db8::7/128 } accept',
        DROP,
      ],
    },
    {
      name: 'blocks, without those within others',
      fields: 'ipBlocks: [10.0.0.0/8, 10.1.0.0/16, 10.0.0.0/8, 192.0.2.1]',
      lines: ['tcp dport { 8443 } ip saddr { 10.0.0.0/8, 192.0.2.1/32 } accept', DROP],
    },
    {
      name: 'an account that is not listed',
      fields: 'serviceAccounts: [ops/x]',
      lines: ['tcp dport { 8443 } accept', DROP],
    },
    {
      name: 'one whose address is not',
      fields: 'serviceAccounts: [dev/x]',
      lines: ['tcp dport { 8443 } accept', DROP],
    },
    {
      name: 'the same, at some addresses',
      fields: 'serviceAccounts: [dev/x], ipBlocks: [10.0.0.0/8]',
      lines: ['tcp dport { 8443 } ip saddr { 10.0.0.0/8 } accept', DROP],
    },
    {
      name: 'namespaces by a pattern',
      fields: 'namespaces: ["sh*"]',
      lines: ['tcp dport { 8443 } accept', DROP],
    },
    {
      name: 'everybody with an identity',
      fields: 'principals: ["*"]',
      lines: ['tcp dport { 8443 } accept', DROP],
    },
  ])('$name', async ({ fields, lines }) => {
    await put('p.yaml', from(fields));
    expect(await chain('--policy p.yaml --workload shop/cart')).toEqual(lines);
  });

  test('of another workload, where no policy selects it: closed, as at layer 7', async () => {
    expect(await chain('--policy web.yaml --workload shop/web')).toEqual([DROP]);
  });

  test('of a workload that is not listed: every policy that may select it', async () => {
    const other = policyText(
      'selector: {matchLabels: {tier: b}}\nrules: [{from: [{source: {ipBlocks: [10.9.0.1]}}]}]',
      { name: 'b' },
    );
    await put('two.yaml', `${from('ipBlocks: [10.9.0.2]')}---\n${other}`);
    const lines = await chain('--policy two.yaml --workload shop/unknown');
    expect(lines).toEqual(['tcp dport { 8443 } ip saddr { 10.9.0.1/32 } accept', DROP]);
  });

  test('of the configuration: its workload, policies and listeners', async () => {
    const lines = await chain('--config sallyport.yaml');
    expect(lines[0]).toBe('tcp dport { 9443, 9444 } ip saddr { 10.0.0.8/32, 10.0.0.7/32 } accept');
    expect(lines.at(-1)).toBe('tcp dport { 9443, 9444 } counter drop');
  });

  test('of a workload that is open where no ALLOW selects it', async () => {
    await put(
      'open.yaml',
      CONFIG.replace('files: [web.yaml]', 'files: [other.yaml], defaultVerdict: allow-when-unselected'),
    );
    await put('other.yaml', policyText('selector: {matchLabels: {app: other}}\nrules: [{}]'));
    expect((await chain('--config open.yaml'))[0]).toBe('tcp dport { 9443, 9444 } accept');
  });

  test('--json', async () => {
    const { out } = await run(
      '--to nftables --policy web.yaml --workload shop/cart --inventory inventory.yaml --json',
    );
    expect(JSON.parse(out)).toEqual({
      left: [],
      ports: [8443],
      rules: [
        {
          rule: 'ns[shop]-policy[p]-rule[0]',
          from: ['10.0.0.8/32', '10.0.0.7/32', '2001:db8::7/128'],
          notes: [],
        },
      ],
    });
  });
});

describe('networkpolicy', () => {
  test('from standard places, with ports', async () => {
    const line =
      '--to networkpolicy --policy web.yaml --inventory inventory.yaml --proxy-port 9443 --open-port 15021';
    const { code, out, err } = await run(line);
    expect([code, err]).toEqual([0, '']);
    const [resource] = parseAllDocuments(out)
      .map((one) => one.toJS() as unknown)
      .filter((one) => one !== null);
    expect(resource).toMatchObject({
      kind: 'NetworkPolicy',
      metadata: { name: 'sallyport-p', namespace: 'shop' },
      spec: {
        podSelector: { matchLabels: { app: 'cart' } },
        ingress: [
          {
            from: [{ podSelector: { matchLabels: { app: 'web' } } }],
            ports: [{ protocol: 'TCP', port: 9443 }],
          },
          { ports: [{ protocol: 'TCP', port: 15021 }] },
        ],
      },
    });
  });

  test.runIf(VALIDATOR !== '')('by the schemas of Kubernetes', async () => {
    const { out } = await run(
      '--to networkpolicy --policy web.yaml --inventory inventory.yaml --open-port 15021',
    );
    await put('exported.yaml', out.replace(/^(#.*\n)*---\n/, ''));
    const options = ['--strict', '--no-warn', join(folder, 'exported.yaml')];
    const { status, stdout, stderr } = spawnSync(VALIDATOR, options, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });

  test('--json', async () => {
    const { out } = await run('--to networkpolicy --policy web.yaml --json');
    expect(JSON.parse(out)).toMatchObject({
      left: [],
      policies: [{ of: 'shop/p', notes: [expect.stringContaining('shop/web are not known')] }],
    });
  });
});

describe('wrong usage', () => {
  test.each([
    { line: '--policy web.yaml', says: '`--to` is missing' },
    { line: '--to iptables --policy web.yaml', says: 'known: networkpolicy, nftables' },
    { line: '--to networkpolicy', says: 'no policy is named' },
    { line: '--to networkpolicy --policy nope.yaml', says: 'does not exist' },
    { line: '--to networkpolicy --policy web.yaml --inventory nope.yaml', says: 'cannot be read: ENOENT' },
    { line: '--to networkpolicy --policy web.yaml --inventory sallyport.yaml', says: 'is no inventory' },
    { line: '--to networkpolicy --policy inventory.yaml', says: '1 error in the policies' },
    { line: '--to networkpolicy --policy web.yaml --proxy-port 0', says: 'is no port' },
    { line: '--to networkpolicy --policy web.yaml --proxy-port 65536', says: 'is no port' },
    { line: '--to networkpolicy --policy web.yaml --open-port x', says: 'is no port' },
    { line: '--to nftables --policy web.yaml', says: 'name the workload' },
    { line: '--to nftables --policy web.yaml --workload cart', says: 'is not NAMESPACE/NAME' },
    { line: '--to nftables --policy web.yaml --workload shop/', says: 'is not NAMESPACE/NAME' },
  ])('$line', async ({ line, says }) => {
    const { code, out, err } = await run(line);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });
});
