// Every case of h2spec in strict mode (RFC 9113 and 7541): generic, hpack and http2.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCommand } from '../requirements.ts';
import { run } from './stage/foreign.ts';
import { response, routed } from './stage/routed.ts';
import { ALLOW_ALL, Stage } from './stage/stage.ts';
import { Application } from './stage/wire.ts';

let stage: Stage;
let application: Application;

beforeAll(async () => {
  stage = await Stage.create();
  // Some cases take a body apart.
  application = await Application.start(
    routed({ '*': ({ wire }) => wire.send(response('x'.repeat(2_000))) }),
  );
  await stage.start({
    upstreamPort: application.port,
    listener: 'mtls: server-tls',
    policies: { 'all.yaml': ALLOW_ALL },
    blocks: 'log: { decisions: none }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test('146 cases pass', async () => {
  const command = findCommand('h2spec');
  if (command === undefined)
    throw new Error('h2spec is missing: test/requirements.ts says where it comes from');
  const to = ['-t', '-k', '-h', '127.0.0.1', '-p', String(stage.port), '--strict', '-o', '3'];
  const { out } = await run(command, [...to, 'generic', 'hpack', 'http2'], { timeoutMs: 55_000 });
  const failures = out.slice(Math.max(0, out.indexOf('Failures:')));
  expect(out, failures).toMatch(/\n146 tests, 146 passed, 0 skipped, 0 failed\n/);
});
