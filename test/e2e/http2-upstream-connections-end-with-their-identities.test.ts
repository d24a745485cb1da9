// HTTP/2 over mutual TLS to a peer: new streams never go to a connection whose identities are not those of
// now, or soon will not be; what is under way there ends, and is cut when a certificate is no longer valid.
import type tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { Http2Application, type Http2Arrival } from './stage/http2-application.ts';
import { type Answer, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG } from './stage/http2-frames.ts';
import { eventually } from './stage/observe.ts';
import { CART, outbound } from './stage/pair.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const LIFE_MS = 5_000;

let web: Stage;
let proxy: RunningProxy;
let peer: Http2Application;
let caller: Http2Caller;
let nextId: number;

beforeEach(async () => {
  nextId = 1;
  web = await Stage.create({ account: 'web' });
});

afterEach(async () => {
  caller.close();
  await web.close();
  peer.close();
});

const id = (): number => {
  nextId += 2;
  return nextId - 2;
};

/** The peer with a certificate that is valid for `ttlMs`. */
async function identity(ttlMs = 3_600_000): Promise<tls.SecureContextOptions> {
  const { certificatePem: cert, keyPem: key } = await web.svid('peer', CART, { ttlMs });
  return { cert, key, ca: web.authority.certificatePem };
}

/** A proxy before the peer: paths that begin with `/held` are answered when the test does it. */
async function start(ttlMs?: number): Promise<void> {
  peer = await Http2Application.start(
    () => ({ end: (arrival) => !arrival.path.startsWith('/held') && arrival.answer('ok') }),
    await identity(ttlMs),
  );
  proxy = web.launch(outbound({ port: peer.port, upstream: 'protocol: h2, idleTimeout: 1m' }));
  await proxy.line((line) => line['msg'] === 'listening');
  caller = await Http2Caller.connect(web, null);
}

async function ask(path = '/ok'): Promise<Answer> {
  const streamId = id();
  caller.send(h.headers(streamId, h.get(path)));
  return await caller.over(streamId);
}

/** A request whose answer was begun, and is not complete. */
async function hold(): Promise<{ answer: Answer; finish: () => void }> {
  const streamId = id();
  const path = `/held/${streamId}`;
  caller.send(h.headers(streamId, h.get(path)));
  const arrived = (): Http2Arrival | undefined => peer.arrivals.find((one) => one.path === path);
  const arrival = await eventually(arrived, (one) => one !== undefined);
  const connection = arrival?.connection;
  connection?.send(h.headers(arrival?.streamId ?? 0, [[':status', '200']], FLAG.END_HEADERS));
  await caller.until(() => caller.answer(streamId).status === 200);
  const finish = (): void => connection?.send(h.data(arrival?.streamId ?? 0, 'late'));
  return { answer: caller.answer(streamId), finish };
}

const swapped = (count: number): Promise<unknown> =>
  eventually(
    () => proxy.lines.filter((line) => line['msg'] === 'identity swapped').length,
    (n) => n >= count,
  );

describe('after a change of identities', () => {
  const rows: { name: string; change: () => Promise<void> }[] = [
    {
      name: 'a new SVID of its own',
      change: async () => {
        await web.svid('server', WEB);
      },
    },
    {
      name: 'a bundle with one more CA',
      change: async () => {
        const { certificatePem } = await createAuthority({ trustDomain: 'example.org' });
        web.write('ca.pem', `${web.authority.certificatePem}${certificatePem}`);
      },
    },
  ];
  test.each(rows)('$name: new streams elsewhere, the old one ends, and then the connection', async (row) => {
    await start();
    expect((await ask()).status).toBe(200);
    const { answer, finish } = await hold();
    const other = await hold();
    await row.change();
    await swapped(1);
    for (let n = 0; n < 3; n++) expect((await ask()).status).toBe(200);
    const [first, second] = peer.connections;
    expect(peer.connections.map(({ arrivals }) => arrivals.size)).toEqual([3, 3]);
    finish();
    await caller.until(() => answer.ended);
    expect(answer.body).toBe('late');
    expect([first?.goaway, first?.ended]).toEqual([null, false]);
    other.finish();
    await eventually(
      () => first?.ended,
      (ended) => ended === true,
    );
    expect(other.answer).toMatchObject({ body: 'late', ended: true });
    expect(first?.goaway?.code).toBe(CODE.NO_ERROR);
    expect([second?.goaway, second?.ended]).toEqual([null, false]);
    expect((await ask()).status).toBe(200);
    expect(peer.connections).toHaveLength(2);
  });

  test('a connection without a stream ends at once', async () => {
    await start();
    expect((await ask()).status).toBe(200);
    await web.svid('server', WEB);
    const [first] = peer.connections;
    await eventually(
      () => first?.ended,
      (ended) => ended === true,
    );
    expect(first?.goaway?.code).toBe(CODE.NO_ERROR);
  });

  test('what is under way to a peer that is no longer trusted is cut', async () => {
    await start();
    const { answer } = await hold();
    const next = await createAuthority({ trustDomain: 'example.org' });
    await web.svid('server', WEB, { authority: next });
    web.write('ca.pem', next.certificatePem);
    await caller.until(() => answer.over);
    expect(answer).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    await proxy.line((line) => line['reason'] === 'upstream-untrusted' && 'http' in line);
    expect((await ask()).status).toBe(502);
    expect(peer.connections[0]?.closed).toBe(true);
  });
});

describe('when the certificate of the peer runs out', () => {
  test('new streams went to a new connection before, and only what outlives it is cut', async () => {
    await start(LIFE_MS);
    const untilMs = performance.now() + LIFE_MS;
    expect((await ask()).status).toBe(200);
    const short = await hold();
    const long = await hold();
    peer.present(await identity());
    const lost: string[] = [];
    let finished = false;
    while (performance.now() < untilMs + 1_000) {
      const answer = await ask();
      if (answer.status !== 200) lost.push(`${answer.status} ${answer.code} ${answer.reset}`);
      if (peer.connections.length > 1 && !finished) {
        expect(performance.now()).toBeLessThan(untilMs);
        finished = true;
        short.finish();
      }
    }
    expect(lost).toEqual([]);
    expect(short.answer).toMatchObject({ body: 'late', ended: true });
    expect(long.answer).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    expect(peer.connections).toHaveLength(2);
    expect(peer.connections[0]?.closed).toBe(true);
    await proxy.line((line) => line['reason'] === 'upstream-untrusted' && 'http' in line);
  });

  test('and it has no other, it is asked no more, after few connections', async () => {
    await start(LIFE_MS);
    const statuses: number[] = [];
    const untilMs = performance.now() + LIFE_MS + 1_000;
    while (performance.now() < untilMs) statuses.push((await ask()).status);
    const served = statuses.lastIndexOf(200) + 1;
    expect(new Set(statuses.slice(0, served))).toEqual(new Set([200]));
    expect(new Set(statuses.slice(served))).toEqual(new Set([502]));
    const carried = peer.connections.filter(({ arrivals }) => arrivals.size > 0);
    expect(carried.length).toBeLessThan(6);
    expect(peer.connections.every(({ ended, closed }) => ended || closed)).toBe(true);
  });
});

test('when its own SVID runs out, what is under way is cut and nobody is asked any more', async () => {
  await web.svid('server', WEB, { ttlMs: LIFE_MS });
  await start();
  const { answer } = await hold();
  expect((await ask()).status).toBe(200);
  await caller.until(() => answer.over);
  expect(answer).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
  const before = peer.arrivals.length;
  expect(await ask()).toMatchObject({ status: 503, code: 'no-identity' });
  expect(peer.arrivals).toHaveLength(before);
  expect(peer.connections.map(({ closed }) => closed)).toEqual([true]);
});
