// The Workload API server on a machine that has run out of something: it goes on with what there is.
import fs, { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { serveWorkloadApi, type WorkloadApiServer } from '../../../../certs/workload-api/server.ts';
import type { Diagnostic } from '../../../../core/errors.ts';

const TIMES = { pollMs: 20, patienceMs: 500, stopMs: 200 };

async function serve(onTampered?: (problem: Diagnostic) => void): Promise<WorkloadApiServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-agent-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const server = await serveWorkloadApi({
    ...{ directory, name: 'web', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, times: TIMES },
    feed: { current: () => null, onChange: () => () => undefined },
    ...(onTampered && { onTampered }),
  });
  onTestFinished(() => server.close());
  return server;
}

const answers = (server: WorkloadApiServer): Promise<boolean> =>
  new Promise((resolve) => {
    const session = http2.connect('http://localhost', {
      createConnection: () => net.connect({ path: server.path }),
    });
    const end = (settled: boolean): void => {
      session.destroy();
      resolve(settled);
    };
    session.on('remoteSettings', () => end(true));
    session.on('error', () => end(false));
  });

test('connections that cannot be accepted end nothing', async () => {
  const made = vi.spyOn(http2, 'createServer');
  onTestFinished(() => made.mockRestore());
  const server = await serve();
  const [result] = made.mock.results;
  for (let i = 0; i < 3; i++)
    result?.value.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' }));
  expect(await answers(server)).toBe(true);
});

test('without inotify the poll sees what changes', async () => {
  const { watch } = fs;
  fs.watch = () => {
    throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' });
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.watch = watch;
    syncBuiltinESMExports();
  });
  const problems: Diagnostic[] = [];
  const server = await serve((problem) => problems.push(problem));
  expect(await answers(server)).toBe(true);
  chmodSync(server.path, 0o666);
  await expect.poll(() => problems).toMatchObject([{ code: 'ERR_WORKLOAD_API_TAMPERED' }]);
});
