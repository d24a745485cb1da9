// Whatever is wrong with the configuration or what it names is said on standard error, with what to do, and
// exit code 2.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunningProxy, Stage, type StageOptions } from './stage/stage.ts';

const RUN_MS_MAX = 15_000;
const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.create();
  await stage.svid('other', 'spiffe://example.org/ns/shop/sa/cart');
  await stage.svid('expired', 'spiffe://example.org/ns/shop/sa/cart', {
    nowMs: Date.now() - 7_200_000,
    ttlMs: 3_600_000,
  });
  await stage.svid('elsewhere', 'spiffe://example.org/ns/other/sa/cart');
});

afterAll(() => stage.close());

const identity = (files: string): StageOptions => ({
  identity: `trustDomain: example.org\nfiles: { ${files}, bundles: { example.org: ca.pem } }`,
});

interface Row {
  readonly name: string;
  readonly options?: StageOptions;
  /** Changes the written configuration. */
  readonly edit?: (text: string) => string;
  /** What standard error must say: the fault, then what to do. */
  readonly says: readonly (string | RegExp)[];
}

const ROWS: readonly Row[] = [
  {
    name: 'a YAML typo',
    edit: (text) => text.replace('listeners:', 'listeners: ['),
    says: [/sallyport\.yaml:6:3: error: .*\n {4}- name: inbound\n/, 'hint: keys of one mapping'],
  },
  {
    name: 'an unknown key',
    edit: (text) => text.replace('policy:', 'polcy:'),
    says: [/sallyport\.yaml:\d+:\d+: error: unknown key `polcy`/, 'did you mean `policy`?'],
  },
  {
    name: 'a key that is not built yet',
    options: { blocks: 'workers: 4' },
    says: [/sallyport\.yaml:\d+:\d+: error: .*`workers`/, /not built|known here/],
  },
  {
    name: 'a certificate that is missing',
    options: identity('certificate: none.pem, key: server.key'),
    says: [/none\.pem.*ENOENT/, 'hint: check the path'],
  },
  {
    name: 'a key that does not fit the certificate',
    options: identity('certificate: server.pem, key: other.key'),
    says: [/other\.key|server\.pem/, /does not (fit|match|belong)/, 'hint: '],
  },
  {
    name: 'a certificate that expired',
    options: identity('certificate: expired.pem, key: expired.key'),
    says: [/expired\.pem/, /expired/, 'hint: '],
  },
  {
    name: 'the certificate of another workload',
    options: identity('certificate: elsewhere.pem, key: elsewhere.key'),
    says: ['workload.namespace is `shop`', 'hint: '],
  },
  {
    name: 'a flow file that cannot be written',
    options: { blocks: 'flows: { file: no/such/folder/flows.jsonl }' },
    says: ['no/such/folder/flows.jsonl', 'ENOENT', 'hint: make its folder'],
  },
];

test.each(ROWS)('$name', async ({ options = {}, edit = (text) => text, says }) => {
  const config = stage.configure({ upstreamPort: 1, ...options });
  stage.write('sallyport.yaml', edit(readFileSync(config, 'utf8')));
  const { code, stderr } = await run(['proxy', '--config', config]);
  for (const part of says)
    expect(stderr).toMatch(
      typeof part === 'string' ? new RegExp(part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : part,
    );
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(code).toBe(2);
});

test.each([
  {
    name: 'no such file',
    args: ['proxy', '--config', 'none.yaml'],
    says: /none\.yaml.*no such file[\s\S]*hint: .*sallyport init/,
  },
  { name: 'no --config', args: ['proxy'], says: /`--config` is missing[\s\S]*hint: .*sallyport init/ },
  { name: 'a typo in the option', args: ['proxy', '--confg', 'x.yaml'], says: /did you mean `--config`/ },
])('the command line: $name', async ({ args, says }) => {
  const { code, stderr } = await run(args);
  expect(stderr).toMatch(says);
  expect(code).toBe(2);
});

test.each([
  { name: 'listener', port: () => stage.port, says: /listener `inbound`.*EADDRINUSE[\s\S]*ss -ltnp/ },
  { name: 'status', port: () => stage.statusPort, says: /`status\.address`[\s\S]*EADDRINUSE[\s\S]*ss -ltnp/ },
  { name: 'admin', port: () => stage.adminPort, says: /`admin\.address`[\s\S]*EADDRINUSE[\s\S]*ss -ltnp/ },
])('a port that is taken: $name', async ({ port, says }) => {
  const config = stage.configure({ upstreamPort: 1 });
  const holder = net.createServer().listen(port(), '127.0.0.1');
  try {
    const { code, stderr } = await run(['proxy', '--config', config]);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
  } finally {
    holder.close();
  }
});

async function run(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const proxy = new RunningProxy(
    spawn(process.execPath, [ENTRY, ...args], { stdio: 'pipe', cwd: stage.folder }),
  );
  const timer = setTimeout(() => proxy.signal('SIGKILL'), RUN_MS_MAX);
  const code = await proxy.exited();
  clearTimeout(timer);
  return { code, stderr: proxy.stderr };
}
