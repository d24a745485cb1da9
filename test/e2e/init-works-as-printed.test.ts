// `sallyport init` in an empty folder: the lines that it prints work as they are, and a POST is denied with
// its reason.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { run } from './stage/foreign.ts';
import { RunningProxy } from './stage/stage.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;

test('init, proxy, curl', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-init-'));
  const service = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const upstream = (service.address() as AddressInfo).port;
  const [port = 0, status = 0, admin = 0] = await freePorts(3);
  let proxy: RunningProxy | undefined;
  try {
    const addresses = ['--listen', `127.0.0.1:${port}`, '--upstream', `127.0.0.1:${upstream}`];
    const made = await run(process.execPath, [ENTRY, 'init', join(folder, 'mine'), ...addresses]);
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(statSync(join(folder, 'mine/identity/tls.key')).mode & 0o777).toBe(0o600);
    const config = join(folder, 'mine/sallyport.yaml');
    // The two fixed ports may be taken where tests run.
    const text = readFileSync(config, 'utf8')
      .replace('15021', String(status))
      .replace('15000', String(admin));
    writeFileSync(config, text);

    const command = process.execPath;
    proxy = new RunningProxy(spawn(command, [ENTRY, 'proxy', '--config', config], { stdio: 'pipe' }));
    await proxy.line((line) => line['msg'] === 'ready', 20_000);
    const [get = '', post = ''] = made.out.match(/curl .*/g) ?? [];
    const sh = (line: string) => run('sh', ['-c', line.replace('curl', 'curl -sS')]);
    expect(await sh(get)).toMatchObject({ code: 0, out: 'hello', err: '' });
    expect(post).toContain('-X POST');
    expect((await sh(post)).out).toContain('"code":"default-deny"');
    const denial = await proxy.line((line) => line['verdict'] === 'deny');
    expect(denial).toMatchObject({
      near: [{ field: 'to.operation.methods', want: ['GET', 'HEAD'], got: 'POST' }],
    });

    const again = await run(process.execPath, [ENTRY, 'init', join(folder, 'mine'), ...addresses]);
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining('--force') });
  } finally {
    await proxy?.kill();
    service.close();
    rmSync(folder, { recursive: true });
  }
});
