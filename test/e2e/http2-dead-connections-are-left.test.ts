// A connection to the application that went dead without a word: the requests that are on it time out, the
// next ones go to another connection. One that only lets its callers wait is kept.
import { afterEach, expect, test } from 'vitest';
import { Http2Application, type Http2Script } from './stage/http2-application.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { Stage } from './stage/stage.ts';

const closing: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function start(
  script: (index: number) => Http2Script,
): Promise<{ application: Http2Application; caller: Http2Caller }> {
  const stage = await Stage.create();
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const application = await Http2Application.start(script);
  closing.push(application, stage);
  await stage.start({
    upstreamPort: application.port,
    upstream: 'protocol: h2c',
    listener: 'timeouts: { request: 1500ms, idle: 5s }',
  });
  const caller = await Http2Caller.connect(stage, web);
  closing.push(caller);
  return { application, caller };
}

async function ask({ caller }: { caller: Http2Caller }, streamId: number, path: string): Promise<number> {
  caller.send(h.headers(streamId, h.get(path)));
  return (await caller.over(streamId)).status;
}

test('a connection that became silent gets no further request', { timeout: 15_000 }, async () => {
  const stage = await start((index) => ({
    end: (arrival) => {
      if (index > 0 || arrival.path === '/first') arrival.answer('ok');
    },
  }));
  expect(await ask(stage, 1, '/first')).toBe(200);
  expect(await ask(stage, 3, '/second')).toBe(504);
  expect(await ask(stage, 5, '/third')).toBe(200);
  const seen = stage.application.connections.map(({ arrivals }) =>
    [...arrivals.values()].map(({ path }) => path),
  );
  expect(seen).toEqual([['/first', '/second'], ['/third']]);
});

test('a connection that goes on answering others is kept', { timeout: 15_000 }, async () => {
  const stage = await start(() => ({
    end: (arrival) => {
      if (arrival.path !== '/slow') arrival.answer('ok');
    },
  }));
  const slow = ask(stage, 1, '/slow');
  let id = 3;
  for (let i = 0; i < 20; i++, id += 2) {
    expect(await ask(stage, id, '/quick')).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await slow).toBe(504);
  expect(await ask(stage, id, '/quick')).toBe(200);
  expect(stage.application.connections).toHaveLength(1);
});
