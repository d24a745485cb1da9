// Silent connections to the status address cannot keep probes out.
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage/stage.ts';

const HELD = 120;

let stage: Stage;
const held: net.Socket[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  await stage.start();
});

afterAll(async () => {
  for (const socket of held) socket.destroy();
  await stage?.close();
});

test('probes are answered while strangers hold more connections than there may be', async () => {
  for (let i = 0; i < HELD; i++) await hold(stage.statusPort);
  const answer = await fetch(`http://127.0.0.1:${stage.statusPort}/readyz`);
  expect(answer.status).toBe(200);
});

function hold(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', resolve);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET') reject(error);
    });
    held.push(socket);
  });
}
