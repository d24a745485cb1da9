// Strangers that connect and say nothing cannot keep callers out.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const HELD = 64; // limits.handshakesInFlight

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
const held: net.Socket[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  for (const socket of held) socket.destroy();
  application?.close();
  await stage?.close();
});

test('a caller from another address gets the place of one that holds many', async () => {
  for (let i = 0; i < HELD; i++) {
    const socket = net.connect({ host: '127.0.0.1', port: stage.port, localAddress: '127.0.0.2' });
    socket.on('error', () => undefined);
    held.push(socket);
    await once(socket, 'connect');
  }
  const caller = await call(stage, web);
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok'));
  caller.socket.destroy();
  expect(await proxy.line((line) => line['reason'] === 'handshake-limit')).toMatchObject({
    source: { ip: '127.0.0.2' },
  });
});
