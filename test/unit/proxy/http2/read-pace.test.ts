// A socket that brings more than a turn's worth is left alone until what it caused is sent.
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outputs } from '../../../../proxy/http2/output.ts';
import { ReadPace } from '../../../../proxy/http2/read-pace.ts';

let socket: net.Socket;
let outputs: Outputs;
let may: boolean;
let pace: ReadPace;

beforeEach(() => {
  socket = new net.Socket();
  socket.resume();
  outputs = new Outputs();
  may = true;
  pace = new ReadPace(outputs, () => may);
});
afterEach(() => socket.destroy());

test.each([
  { name: 'a full read', bytes: [65_536], paused: true },
  { name: 'several that make one', bytes: [40_000, 30_000], paused: true },
  { name: 'less', bytes: [65_535], paused: false },
])('$name', async ({ bytes, paused }) => {
  for (const one of bytes) pace.took(socket, one);
  expect(socket.isPaused()).toBe(paused);
  await turn();
  expect(socket.isPaused()).toBe(false);
});

test('what was read before the last turn does not count', () => {
  pace.took(socket, 65_000);
  outputs.turn++;
  pace.took(socket, 65_000);
  expect(socket.isPaused()).toBe(false);
});

test('who else stopped the reading goes on with it', async () => {
  pace.took(socket, 65_536);
  may = false;
  await turn();
  expect(socket.isPaused()).toBe(true);
});
