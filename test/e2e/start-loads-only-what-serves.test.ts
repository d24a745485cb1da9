// The proxy's process loads neither YAML, schemas, certificate building, HTTP clients nor the metrics library
// at its start, and the code of spans only when `tracing` asks for them.
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Emitted } from './stage/emitted.ts';
import { RunningProxy, Stage } from './stage/stage.ts';

const SOURCE = new URL('../../cli/main.ts', import.meta.url).pathname;
const KEPT_OUT = ['yaml', 'zod', 'node-forge', 'undici', 'prom-client'];
// Writes the URL of every module that the process loads to standard error.
const HOOK = `import { registerHooks } from 'node:module';
import { writeSync } from 'node:fs';
registerHooks({
  load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); },
});`;

let stage: Stage;
let emitted: Emitted;

beforeAll(async () => {
  emitted = new Emitted();
  stage = await Stage.create();
});

afterAll(() => {
  stage?.close();
  emitted?.close();
});

const forms = [
  { name: 'the sources', entry: () => SOURCE, serves: '/proxy/server.ts' },
  { name: 'emitted JavaScript', entry: () => emitted.entry, serves: '/chunks/proxy-run.js' },
];

/** The URLs of what a proxy loads until it is ready. */
async function loadedBy(entry: string, blocks?: string): Promise<string[]> {
  const config = stage.configure({ upstreamPort: 1, ...(blocks === undefined ? {} : { blocks }) });
  const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
  const proxy = new RunningProxy(
    spawn(process.execPath, ['--import', hook, entry, 'proxy', '--config', config], { stdio: 'pipe' }),
  );
  try {
    await proxy.line((line) => line['msg'] === 'ready', 20_000);
  } finally {
    await proxy.kill();
  }
  return proxy.stderr.split('\n').filter((line) => line.startsWith('loaded '));
}

const isPackage =
  (name: string) =>
  (line: string): boolean =>
    line.includes(`/node_modules/${name}/`) || line.endsWith(`/chunks/${name}.js`);
const isTracing = (line: string): boolean =>
  line.includes('/proxy/record/trace/') || line.endsWith('/chunks/open-tracing.js');

test.each(forms)(`${KEPT_OUT.join(', ')} and tracing are not loaded by $name`, async ({ entry, serves }) => {
  const loaded = await loadedBy(entry());
  expect(loaded.some((line) => line.endsWith(serves))).toBe(true);
  const unwanted = loaded.filter((line) => isTracing(line) || KEPT_OUT.some((name) => isPackage(name)(line)));
  expect(unwanted).toEqual([]);
});

test.each(forms)('tracing loads its code and undici, by $name', async ({ entry }) => {
  const loaded = await loadedBy(entry(), 'tracing: { endpoint: "http://127.0.0.1:1/v1/traces" }');
  expect(loaded.some(isTracing)).toBe(true);
  expect(loaded.some(isPackage('undici'))).toBe(true);
  const unwanted = KEPT_OUT.filter((name) => name !== 'undici' && loaded.some(isPackage(name)));
  expect(unwanted).toEqual([]);
});
