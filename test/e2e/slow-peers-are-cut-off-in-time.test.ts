// Deadlines: a head counts in total, a body by rate, the application from the end of the request, silence by
// idle time.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './stage/observe.ts';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
const arrivals: Arrival[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  const whole = (arrival: Arrival): void => {
    arrivals.push(arrival);
    const { wire, head, bodyAt } = arrival;
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    const reply = (): void => {
      if (wire.text.length < bodyAt + length) return;
      wire.socket.off('data', reply);
      wire.send(response('whole'));
    };
    wire.socket.on('data', reply);
    reply();
  };
  application = await Application.start(
    routed({
      '/silent': (arrival) => void arrivals.push(arrival),
      '/never-reads': (arrival) => {
        arrivals.push(arrival);
        arrival.wire.socket.pause();
      },
      '/late-continue': (arrival) => {
        setTimeout(() => {
          arrival.wire.send('HTTP/1.1 100 Continue\r\n\r\n');
          whole(arrival);
        }, 6_500);
      },
      '/streams': ({ wire }) => {
        wire.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        let left = 6;
        const timer = setInterval(() => {
          wire.send(left > 0 ? '1\r\nx\r\n' : '0\r\n\r\n');
          if (left-- === 0) clearInterval(timer);
        }, 700);
      },
      '*': whole,
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    listener: 'timeouts: { head: 1s, request: 8s, idle: 2s }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const post = (path: string, lines: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: cart.shop\r\n${lines}\r\n`;

/** Sends `piece` every `everyMs` until the connection closes; returns how long that took. */
async function drip(caller: Wire, piece: string, everyMs: number): Promise<number> {
  const sinceMs = performance.now();
  while (!caller.ended && !caller.closed) {
    caller.send(piece);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    if (performance.now() - sinceMs > 20_000) throw new Error('never closed');
  }
  return performance.now() - sinceMs;
}

const about =
  (path: string) =>
  (line: LogLine): boolean =>
    (line['http'] as { path?: string } | undefined)?.path === path;

describe.concurrent('a caller', () => {
  test('that drips a head gets 408 after timeouts.head in total', async () => {
    const caller = await call(stage, web);
    caller.send('GET /dripped HTTP/1.1\r\nHost: cart.shop\r\nX: ');
    const took = await drip(caller, 'x', 100);
    expect(codeOf(answers(caller.text)[0])).toBe('head-timeout');
    expect(took).toBeGreaterThan(850);
    expect(took).toBeLessThan(4_000);
  });

  test('that drips the head of its second request as well', async () => {
    const caller = await call(stage, web);
    caller.send(`${get('/first')}GET /second`);
    await drip(caller, 'x', 100);
    expect(answers(caller.text).map((one) => one.status)).toEqual([200, 408]);
  });

  test('that falls silent within a head gets 408', async () => {
    const caller = await call(stage, web);
    caller.send('GET /half HTTP/1.1\r\nHo');
    const [answer] = answers(await caller.end());
    expect([answer?.status, codeOf(answer)]).toEqual([408, 'head-timeout']);
    expect(answer?.head).toMatch(/\r\nconnection: close\r\n/);
  });

  test('that is idle is closed in order after timeouts.idle, before and after a request', async () => {
    const fresh = await call(stage, web);
    const used = await call(stage, web);
    used.send(get('/used'));
    await answered(used, 1);
    const sinceMs = performance.now();
    expect(await fresh.end()).toBe('');
    await used.end();
    expect(performance.now() - sinceMs).toBeGreaterThan(1_300);
    expect([fresh.error, used.error]).toEqual([null, null]);
    expect(answers(used.text).length).toBe(1);
  });

  test('that sends its body below 240 B/s gets 408, and the application sees it break', async () => {
    const caller = await call(stage, web);
    caller.send(post('/slow-body', 'Content-Length: 5000\r\n'));
    const took = await drip(caller, 'x'.repeat(50), 500);
    const [answer] = answers(caller.text);
    expect([answer?.status, codeOf(answer)]).toEqual([408, 'body-timeout']);
    expect(took).toBeGreaterThan(4_500);
    const arrival = arrivals.find((one) => one.path === '/slow-body');
    await eventually(
      () => arrival?.wire.ended || arrival?.wire.closed,
      (gone) => gone === true,
    );
    expect(await proxy.line(about('/slow-body'))).toMatchObject({
      reason: 'body-timeout',
      http: { status: 408 },
    });
  });

  test('that falls silent within its body gets 408: it is not the application', async () => {
    const caller = await call(stage, web);
    caller.send(`${post('/silent-body', 'Content-Length: 500\r\n')}begin`);
    const [answer] = answers(await caller.end());
    expect([answer?.status, codeOf(answer)]).toEqual([408, 'body-timeout']);
  });

  test('that sends slowly but fast enough is served, however long it takes', async () => {
    const caller = await call(stage, web);
    const pieces = 30;
    caller.send(post('/long-upload', `Content-Length: ${pieces * 200}\r\n`));
    for (let i = 0; i < pieces; i++) {
      caller.send('x'.repeat(200));
      await new Promise((resolve) => setTimeout(resolve, 350)); // 570 B/s, 10 s: longer than every timeout
    }
    expect((await answered(caller, 1))[0]?.body).toBe('whole');
    caller.socket.destroy();
  });

  test('that waits for a late 100 is not blamed for it', async () => {
    const caller = await call(stage, web);
    caller.send(post('/late-continue', 'Content-Length: 5\r\nExpect: 100-continue\r\n'));
    await caller.until((text) => text.endsWith('100 Continue\r\n\r\n'), 15_000);
    caller.send('hello');
    await caller.until((text) => text.endsWith('whole'));
    caller.socket.destroy();
  });

  test('that does not read its answer is closed: it is not the application', async () => {
    const large = await Application.start(
      routed({ '*': ({ wire }) => void wire.socket.write(response('x'.repeat(30_000_000))) }),
    );
    const other = await Stage.create();
    const svid = await other.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    const running = await other.start({ upstreamPort: large.port, listener: 'timeouts: { idle: 2s }' });
    const caller = await call(other, svid);
    caller.socket.pause();
    caller.send(get('/unread'));
    expect(await running.line(about('/unread'))).toMatchObject({
      reason: 'idle-timeout',
      http: { status: 200 },
    });
    await eventually(
      () => large.connections[0]?.closed || large.connections[0]?.ended,
      (gone) => gone === true,
    );
    await other.close();
    large.close();
  });
});

describe.concurrent('an application', () => {
  test('that is silent after a whole body gets timeouts.request, then it is a 504', async () => {
    const caller = await call(stage, web);
    caller.send(post('/silent', 'Content-Length: 5\r\n'));
    for (const one of 'hello') {
      await new Promise((resolve) => setTimeout(resolve, 300));
      caller.send(one);
    }
    const sinceMs = performance.now();
    const [answer] = await answered(caller, 1, 15_000);
    expect([answer?.status, codeOf(answer)]).toEqual([504, 'upstream-timeout']);
    expect(performance.now() - sinceMs).toBeGreaterThan(7_500);
    caller.socket.destroy();
  });

  test('that does not read the body is the one that is too slow', async () => {
    const caller = await call(stage, web);
    caller.send(post('/never-reads', 'Content-Length: 60000000\r\n'));
    const piece = 'x'.repeat(100_000);
    const timer = setInterval(() => {
      if (caller.socket.writableLength < 1_000_000) caller.send(piece);
    }, 2);
    const [answer] = await answered(caller, 1, 20_000);
    clearInterval(timer);
    expect([answer?.status, codeOf(answer)]).toEqual([504, 'upstream-timeout']);
    caller.socket.destroy();
  });

  test('that streams with pauses shorter than timeouts.idle is heard to the end', async () => {
    const caller = await call(stage, web);
    caller.send(get('/streams'));
    expect((await answered(caller, 1))[0]?.body.replaceAll(/[01\r\n]/g, '')).toBe('xxxxxx');
    caller.socket.destroy();
  });
});

test('a connection of timeouts.connectionAge ends after its answer, an idle one at once', async () => {
  const other = await Stage.create();
  const svid = await other.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await other.start({ upstreamPort: application.port, listener: 'timeouts: { connectionAge: 1s }' });
  const sinceMs = performance.now(); // before the age begins, which a busy machine tells later
  const idle = await call(other, svid);
  const busy = await call(other, svid);
  for (let i = 1; !busy.ended; i++) {
    busy.send(get('/aged'));
    await answered(busy, i);
    if (/connection: close/.test(busy.text)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const all = answers(await busy.end());
  expect(performance.now() - sinceMs).toBeGreaterThan(900);
  expect(all.every((one) => one.status === 200)).toBe(true);
  expect(await idle.end()).toBe('');
  expect(idle.error).toBeNull();
  await other.close();
});
