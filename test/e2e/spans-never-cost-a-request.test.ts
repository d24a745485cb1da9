// A collector that is gone, slow or unwilling costs spans and never a request; what is secret stays so; a
// stranger decides nothing about sampling; without `tracing` there is none.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { Collector, status, TAKEN } from './stage/collector.ts';
import { adminPage, eventually, metric, statusPage } from './stage/observe.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';
import { Application, get, OK, Wire } from './stage/wire.ts';

const ALLOW_ALL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop }
spec: { rules: [{}] }
`;
const BLANK = '\r\n\r\n';
const FLUSH_MS_MAX = 4_000;
const STRANGER =
  'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=b\r\n';

let application: Application;
let collector: Collector;
let stage: Stage;

beforeEach(async () => {
  application = await Application.start((wire) => {
    let seen = 0;
    wire.socket.on('data', () => {
      // On from the last head: thousands come on one connection.
      for (let end = wire.text.indexOf(BLANK, seen); end >= 0; end = wire.text.indexOf(BLANK, seen)) {
        seen = end + BLANK.length;
        wire.send(OK);
      }
    });
  });
  collector = await Collector.start();
  stage = await Stage.create();
});

afterEach(async () => {
  await stage.close();
  application.close();
  await collector.close();
});

/** A proxy for plaintext callers; `tracing` is a block of its configuration. */
function start(tracing: string): Promise<RunningProxy> {
  return stage.start({
    upstreamPort: application.port,
    listener: 'mtls: off',
    policies: { 'mesh.yaml': ALLOW_ALL },
    blocks: `log: { decisions: none }\nshutdown: { delay: 0s, drain: 1s }\n${tracing}`,
  });
}

/** `count` requests on one connection; resolves when all are answered. */
async function ask(count: number, lines = ''): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port: stage.port });
  await once(socket, 'connect');
  const wire = new Wire(socket);
  for (let done = 0; done < count; ) {
    const some = Math.min(100, count - done);
    wire.send(get('/items', lines).repeat(some));
    done += some;
    await wire.until((text) => text.length >= OK.length * done);
  }
  expect(wire.text).toBe(OK.repeat(count));
  socket.destroy();
}

const spans = (result: string): Promise<number> => metric(stage, `sallyport_spans_total{result="${result}"}`);

/** The lines of the log that say so. */
const told = (proxy: RunningProxy, message: string): number =>
  proxy.lines.filter((line) => line['msg'] === message).length;

async function stop(proxy: RunningProxy): Promise<number> {
  const sinceMs = performance.now();
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  return performance.now() - sinceMs;
}

test('a collector that is gone is told once, and holds up neither requests nor the end', async () => {
  const [port = 0] = await freePorts(1);
  const proxy = await start(
    `tracing: { endpoint: "http://127.0.0.1:${port}/v1/traces", sample: 1, interval: 100ms }`,
  );
  await ask(3000);
  await proxy.line((line) => line['msg'] === 'spans cannot be exported');
  await ask(100);
  expect(
    await eventually(
      () => spans('dropped'),
      (count) => count > 0,
    ),
  ).toBeLessThanOrEqual(3100 - 2048);
  expect(await stop(proxy)).toBeLessThan(FLUSH_MS_MAX);
  expect(told(proxy, 'spans cannot be exported')).toBe(1);
  expect(proxy.lines.find((line) => line['msg'] === 'spans cannot be exported')).toMatchObject({
    why: 'ECONNREFUSED',
    again: true,
  });
});

test('a collector that does not answer holds up neither requests nor the end', async () => {
  collector.answer = () => undefined;
  const proxy = await start(collector.block(', sample: 1'));
  await ask(3000);
  expect(
    await eventually(
      () => spans('dropped'),
      (count) => count > 0,
    ),
  ).toBeLessThanOrEqual(3000 - 2048);
  expect(collector.exports).toHaveLength(1);
  expect(await stop(proxy)).toBeLessThan(FLUSH_MS_MAX);
});

test('an export that takes too long is tried again', async () => {
  collector.answer = (response, count) => {
    if (count > 0) TAKEN(response, count);
  };
  const proxy = await start(collector.block(', sample: 1, timeout: 200ms'));
  await ask(1);
  await proxy.line((line) => line['msg'] === 'spans are exported again');
  expect(collector.exports).toHaveLength(2);
  expect(collector.exports[1]?.text).toBe(collector.exports[0]?.text);
  expect(await spans('exported')).toBe(1);
  expect(await spans('failed')).toBe(0);
});

test('a collector that asks for time gets it: 429 with Retry-After', async () => {
  const times: number[] = [];
  collector.answer = (response, count) => {
    times.push(performance.now());
    (count === 0 ? status(429, { 'retry-after': '2' }) : TAKEN)(response, count);
  };
  await start(collector.block(', sample: 1'));
  await ask(5);
  expect(
    await eventually(
      () => spans('exported'),
      (count) => count > 0,
    ),
  ).toBe(5);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_950);
  expect(collector.exports[1]?.text).toBe(collector.exports[0]?.text);
});

test('what the collector refuses is not sent again: 400', async () => {
  collector.answer = (response, count) => (count === 0 ? status(400) : TAKEN)(response, count);
  const proxy = await start(collector.block(', sample: 1'));
  await ask(5);
  const line = await proxy.line((one) => one['msg'] === 'spans cannot be exported');
  expect(line).toMatchObject({ why: 'status 400', again: false });
  await ask(2);
  // How many of the first five were in the batch that failed is the clock's doing.
  const [failed, exported] = await eventually(
    async () => [await spans('failed'), await spans('exported')] as const,
    ([lost, taken]) => lost + taken === 7,
  );
  expect(failed).toBeGreaterThan(0);
  expect(exported).toBeGreaterThanOrEqual(2);
  await proxy.line((one) => one['msg'] === 'spans are exported again');
  expect(told(proxy, 'spans are exported again')).toBe(1);
});

test('what is left goes out at the end', async () => {
  const proxy = await start(`tracing: { endpoint: "${collector.endpoint}", sample: 1, interval: 1m }`);
  await ask(7);
  expect(collector.exports).toEqual([]);
  await stop(proxy);
  expect(collector.spans()).toHaveLength(7);
});

test('the values of headers reach the collector and nobody else', async () => {
  collector.answer = status(
    200,
    {},
    '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"not with s3cret-1"}}',
  );
  const proxy = await start(collector.block(', sample: 1, headers: { Authorization: "s3cret-1" }'));
  await ask(2);
  const line = await proxy.line((one) => one['msg'] === 'the collector took a part of the spans');
  expect(line).toMatchObject({ refused: 1, message: 'not with [redacted]' });
  expect(collector.exports[0]?.headers['authorization']).toBe('s3cret-1');
  const pages = [await adminPage(stage, '/config'), await statusPage(stage, '/metrics')];
  expect(pages[0]?.text).toContain('"Authorization": "[redacted]"');
  // Edited while it runs, and wrong: the fault is told without the value.
  stage.configure({
    upstreamPort: application.port,
    blocks: collector.block(', headers: { authorization: "s3cret-1\\n" }'),
  });
  await proxy.line((one) => one['code'] === 'ERR_CONFIG_VALUE');
  await stop(proxy);
  for (const text of [...pages.map((page) => page.text), JSON.stringify(proxy.lines), proxy.stderr])
    expect(text).not.toContain('s3cret');
});

test('a stranger cannot have itself sampled, nor write into a trace', async () => {
  await start(collector.block(', sample: 0'));
  await ask(20, STRANGER);
  expect(await spans('exported')).toBe(0);
  const heads = application.connections.map(({ text }) => text).join('');
  expect(heads.match(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/g)).toHaveLength(20);
  expect(heads).not.toContain('4bf92f3577b34da6a3ce929d0e0e4736');
  expect(heads).not.toContain('tracestate');
});

test('a share of the traces that begin here is sampled', async () => {
  const proxy = await start(collector.block(', sample: 0.5'));
  await ask(400);
  await stop(proxy);
  const count = collector.spans().length;
  // 400 draws of one half: ten standard deviations on either side.
  expect(count).toBeGreaterThan(100);
  expect(count).toBeLessThan(300);
  const sampled = application.connections
    .map(({ text }) => text)
    .join('')
    .match(/-01\r\n/g);
  expect(sampled).toHaveLength(count);
});

test('without `tracing` there are no spans, and no series of them', async () => {
  await start('');
  await ask(5, STRANGER);
  expect((await statusPage(stage, '/metrics')).text).not.toContain('sallyport_spans_total{');
  expect(collector.exports).toEqual([]);
});

test('a CA file that is none is refused at the start', async () => {
  stage.write('none.pem', 'not a certificate\n');
  const proxy = stage.launch({
    upstreamPort: application.port,
    blocks: 'tracing: { endpoint: "https://127.0.0.1:1/v1/traces", ca: none.pem }',
  });
  expect(await proxy.exited()).toBe(2);
  expect(proxy.stderr).toContain('none.pem` holds no certificate in PEM [ERR_TRACING_CA]');
});
