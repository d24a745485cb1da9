// The composed recorder: one call feeds metrics, flows and the log, and nothing it is given is kept or thrown
// at.
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../core/clock.ts';
import { openSink } from '../../../../proxy/record/line-sink.ts';
import { LineWriter } from '../../../../proxy/record/line-writer.ts';
import { createLogger } from '../../../../proxy/record/logger.ts';
import {
  createNoopRecorder,
  createRecorder,
  type RecorderOptions,
} from '../../../../proxy/record/recorder.ts';
import { sampleValue } from './exposition.ts';
import { connection, DENY, handshake, INBOUND, request } from './record-samples.ts';

async function withRecorder(
  changes: Partial<RecorderOptions>,
  use: (recorder: ReturnType<typeof createRecorder>) => Promise<void>,
): Promise<{ log: Record<string, unknown>[]; flows: Record<string, unknown>[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-recorder-'));
  const fd = openSync(join(folder, 'log'), 'w');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  const recorder = createRecorder({
    listeners: [INBOUND],
    log: { decisions: 'denied', sample: 0, fields: {}, redact: [] },
    flows: { file: join(folder, 'flows'), intervalMs: 10_000 },
    spans: null,
    writer,
    logger: createLogger({ lines: writer, level: 'info' }),
    clock: systemClock,
    random: () => 0,
    explain: null,
    facts: {
      version: '0.1.0',
      mode: () => 'enforce',
      policyHash: () => null,
      policyLoadedMs: () => null,
      emergencyRules: () => 0,
      svidExpiryMs: () => null,
      identityAtMs: () => null,
      identityProblems: () => null,
      identityWaitMs: () => null,
    },
    ...changes,
  });
  recorder.start();
  await use(recorder);
  await recorder.close(5000);
  closeSync(fd);
  const read = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  const objects = (name: string): Record<string, unknown>[] =>
    read(name)
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Record<string, unknown> => JSON.parse(line));
  const found = { log: objects('log'), flows: objects('flows') };
  rmSync(folder, { recursive: true });
  return found;
}

test('one call per request feeds all three', async () => {
  const { log, flows } = await withRecorder({}, async (recorder) => {
    recorder.connectionOpened(INBOUND);
    recorder.connectionActive(INBOUND, true);
    recorder.handshake(INBOUND, 'ok', handshake());
    recorder.handshake(INBOUND, 'no-certificate', handshake({ sourceIp: '10.0.0.8', message: 'none sent' }));
    recorder.policySwapped(['x-user']);
    recorder.policyLoaded('policies/', 'ok');
    recorder.upstreamError(INBOUND, 'upstream-reset');
    recorder.failOpen(INBOUND, 'expired-certificate');
    const record = request({ headerValues: () => ['ann'] });
    recorder.request(record);
    // The data path reuses its record: what was told before must not change.
    Object.assign(record, {
      path: '/admin',
      decision: DENY,
      verdict: 'deny',
      reason: 'default-deny',
      status: 403,
    });
    for (let i = 0; i < 3; i++) recorder.request(record);
    recorder.connectionActive(INBOUND, false);
    recorder.connectionClosed(INBOUND);
    expect([...recorder.flowTexts()]).toHaveLength(2);
    const { body } = await recorder.expose();
    const labels = { listener: 'inbound', verdict: 'deny', reason: 'default-deny', code: '403' };
    expect(sampleValue(body, 'sallyport_requests_total', labels)).toBe(3);
    expect(sampleValue(body, 'sallyport_connections', { listener: 'inbound', state: 'idle' })).toBe(0);
  });
  expect(log.map(({ reason, count }) => [reason, count])).toEqual([
    ['no-certificate', undefined],
    ['default-deny', undefined],
    ['default-deny', 2],
  ]);
  expect(log[1]).toMatchObject({ http: { path: '/admin', headers: [['x-user', 'ann']] } });
  expect(flows).toMatchObject([
    { http: { path: '/items' }, verdict: 'allow', count: 1 },
    { http: { path: '/admin' }, verdict: 'deny', count: 3 },
  ]);
});

test('an explanation that fails costs the explanation', async () => {
  const explain = (): never => {
    throw new Error('defect');
  };
  const { log } = await withRecorder({ explain }, async (recorder) => {
    recorder.request(request({ decision: DENY }));
  });
  expect(log).toMatchObject([
    { msg: 'a denial could not be explained' },
    { reason: 'default-deny', near: [] },
  ]);
});

test('flow records that cannot be written are told once', async () => {
  const { log } = await withRecorder({ flows: { file: '/dev/full', intervalMs: 1000 } }, async (recorder) => {
    recorder.request(request());
  });
  expect(log).toMatchObject([
    { msg: 'flow records cannot be written', file: '/dev/full', err: { code: 'ENOSPC' } },
  ]);
});

test('the no-op recorder takes everything', () => {
  const recorder = createNoopRecorder();
  recorder.request(request({ connection: connection() }));
  recorder.handshake(INBOUND, 'ok', handshake({ sourceIp: '' }));
  recorder.connectionOpened(INBOUND);
  recorder.connectionActive(INBOUND, true);
  recorder.connectionClosed(INBOUND);
  recorder.upstreamError(INBOUND, 'upstream-reset');
  recorder.failOpen(INBOUND, 'default-deny');
});
