// What may be missing at the start without ending it: policies that can be read, and the application. What
// the proxy is softer in than it could be stands in one line.
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { eventually, statusPage } from './stage/observe.ts';
import { RunningProxy, Stage } from './stage/stage.ts';
import { call, get, OK } from './stage/wire.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
});

afterEach(() => stage.close());

test('a policy folder that cannot be read: runs, says so, denies, is not ready', async () => {
  const config = stage.configure({ upstreamPort: 1 });
  chmodSync(stage.folder, 0o755);
  chmodSync(stage.path('server.key'), 0o644);
  chmodSync(stage.path('policies'), 0o000);
  // The superuser reads everything: run as nobody.
  const id = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const proxy = new RunningProxy(
    spawn(process.execPath, [ENTRY, 'proxy', '--config', config], { stdio: 'pipe', ...id }),
  );
  try {
    const line = await proxy.line((one) => one['code'] === 'ERR_POLICY_FILE');
    expect(line).toMatchObject({
      level: 'error',
      message: expect.stringContaining('EACCES'),
      hint: expect.any(String),
    });
    const page = await eventually(
      () => statusPage(stage, '/readyz').catch(() => null),
      (one) => one !== null,
    );
    expect(page).toMatchObject({ status: 503, text: expect.stringContaining('policy: invalid-policy') });
  } finally {
    await proxy.kill();
    chmodSync(stage.path('policies'), 0o755);
  }
});

test('an application that is not up: ready, 503 until it comes', async () => {
  const [port = 0] = await freePorts(1);
  const proxy = await stage.start({ upstreamPort: port });
  const svid = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const ask = async (): Promise<string> => {
    const caller = await call(stage, svid);
    caller.send(get('/', 'Connection: close\r\n'));
    return caller.end();
  };
  expect(await ask()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"upstream-refused"/);
  const later = net
    .createServer((socket) => socket.once('data', () => socket.end(OK)))
    .listen(port, '127.0.0.1');
  try {
    expect(await eventually(ask, (text) => text.includes(' 200 '))).toContain('ok');
  } finally {
    later.close();
    await proxy.kill();
  }
});

test('the effective mode is one line, and names everything that is softer than enforce', async () => {
  const proxy = await stage.start({
    upstreamPort: 1,
    policy: 'mode: audit\ndefaultVerdict: allow-when-unselected\nrevokeGrace: 5s',
    identity: `trustDomain: example.org
files: { certificate: server.pem, key: server.key, bundles: { example.org: ca.pem } }
graceAfterExpiry: 1m`,
    listener: 'mtls: permissive\npaths: { ambiguous: merge-slashes }',
  });
  const { mode } = await proxy.line((line) => line['msg'] === 'ready');
  expect(String(mode).split('; ')).toEqual([
    'policy.mode=audit',
    'policy.defaultVerdict=allow-when-unselected',
    'policy.revokeGrace=5000ms',
    'identity.graceAfterExpiry=60000ms',
    'listener inbound: mtls=permissive',
    'listener inbound: paths.ambiguous=merge-slashes',
  ]);
  await proxy.kill();
});
