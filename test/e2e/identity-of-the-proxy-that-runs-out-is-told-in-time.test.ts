// The proxy's own SVID near its end: readiness is lost before it expires, no handshake is made after it, a
// new one heals.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, handshakes, metric, statusPage } from './stage/observe.ts';
import { Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const SERVER = 'spiffe://example.org/ns/shop/sa/cart';

let stage: Stage;
let application: Application;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test('not ready before it ends, no handshake after, and well again with a new one', async () => {
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await stage.svid('server', SERVER, { ttlMs: 12_000 });
  const proxy = await stage.start({ upstreamPort: application.port });
  const endMs = (await metric(stage, 'sallyport_svid_expiry_timestamp_seconds')) * 1_000;
  const soon = await eventually(
    () => statusPage(stage, '/readyz'),
    ({ status }) => status === 503,
  );
  expect(Date.now()).toBeLessThan(endMs);
  expect(soon.text).toMatch(/identity: the SVID expires in \d+ s/);
  const caller = await call(stage, web);
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok')); // it serves until it expires

  await eventually(
    () => statusPage(stage, '/readyz'),
    ({ text }) => text.includes('there is no valid SVID'),
  );
  expect(Date.now()).toBeGreaterThanOrEqual(endMs - 100);
  await expect(call(stage, web, { rejectUnauthorized: false })).rejects.toThrow();
  expect(await handshakes(stage, 'no-identity')).toBe(1);
  await proxy.line((line) => line['reason'] === 'no-identity');
  expect((await statusPage(stage, '/healthz')).status).toBe(200);

  await stage.svid('server', SERVER);
  await eventually(
    () => statusPage(stage, '/readyz'),
    ({ status }) => status === 200,
  );
  const again = await call(stage, web);
  again.send(get('/', 'Connection: close\r\n'));
  expect(await again.end()).toMatch(/^HTTP\/1\.1 200 OK/);
  caller.socket.destroy();
});
