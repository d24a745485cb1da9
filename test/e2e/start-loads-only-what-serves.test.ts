// The proxy's process loads neither YAML, schemas, certificate building, HTTP clients nor the metrics library
// at its start.
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunningProxy, Stage } from './stage/stage.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const KEPT_OUT = ['yaml', 'zod', 'node-forge', 'undici', 'prom-client'];
// Writes the URL of every module that the process loads to standard error.
const HOOK = `import { registerHooks } from 'node:module';
import { writeSync } from 'node:fs';
registerHooks({
  load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); },
});`;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.create();
});

afterAll(() => stage.close());

test(`${KEPT_OUT.join(', ')} are not loaded before the proxy is ready`, async () => {
  const config = stage.configure({ upstreamPort: 1 });
  const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
  const proxy = new RunningProxy(
    spawn(process.execPath, ['--import', hook, ENTRY, 'proxy', '--config', config], { stdio: 'pipe' }),
  );
  try {
    await proxy.line((line) => line['msg'] === 'ready', 20_000);
  } finally {
    await proxy.kill();
  }
  const loaded = proxy.stderr.split('\n').filter((line) => line.startsWith('loaded '));
  expect(loaded.some((line) => line.endsWith('/proxy/server.ts'))).toBe(true);
  const unwanted = loaded.filter((line) => KEPT_OUT.some((name) => line.includes(`/node_modules/${name}/`)));
  expect(unwanted).toEqual([]);
});
