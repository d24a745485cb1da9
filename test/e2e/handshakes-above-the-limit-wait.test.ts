// Four hundred callers that connect at the same moment, with two handshakes allowed at a time: all of them
// are served, none is reset.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { handshakes } from './stage/observe.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const CALLERS = 400;

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test.each(['strict', 'permissive'])('mtls: %s', async (mtls) => {
  const proxy = await stage.start({
    upstreamPort: application.port,
    listener: `mtls: ${mtls}\nlimits: { handshakesInFlight: 2 }\ntimeouts: { handshake: 30s }`,
  });
  const served = Array.from({ length: CALLERS }, async () => {
    const caller = await call(stage, web);
    caller.send(get('/', 'Connection: close\r\n'));
    return (await caller.end()).slice(0, 15);
  });
  expect(new Set(await Promise.all(served))).toEqual(new Set(['HTTP/1.1 200 OK']));
  expect(await handshakes(stage, 'ok')).toBe(CALLERS);
  expect(await handshakes(stage, 'handshake-limit')).toBe(0);
  await proxy.kill();
});
