// What a peer sends as a never-indexed literal goes on as one (RFC 7541 sections 6.2.3 and 7.1.3): in heads
// and trailers, of requests and of answers, however often they come.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Http2Application, type Http2Arrival } from './stage/http2-application.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { type Field, FLAG } from './stage/http2-frames.ts';
import { Stage } from './stage/stage.ts';

let stage: Stage;
let application: Http2Application;
let caller: Http2Caller;
let nextId = 1;
let respond: (arrival: Http2Arrival) => void = (arrival) => arrival.answer('ok');

beforeAll(async () => {
  stage = await Stage.create();
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Http2Application.start(() => ({ end: (arrival) => respond(arrival) }));
  await stage.start({ upstreamPort: application.port, upstream: 'protocol: h2c' });
  caller = await Http2Caller.connect(stage, web);
});

afterAll(async () => {
  caller.close();
  await stage.close();
  application.close();
});

const id = (): number => {
  nextId += 2;
  return nextId - 2;
};
const fieldsOf = (list: readonly Field[], secret: readonly string[]): Buffer =>
  Buffer.concat(list.map((field) => (secret.includes(field[0]) ? h.never(field) : h.block([field]))));

/** Sends a request with these fields; the secret ones as never-indexed literals. */
async function ask(secret: readonly string[], trailers: readonly Field[] = []): Promise<Http2Arrival> {
  const streamId = id();
  const list = h.post('/a?token=1', [
    ['x-key', 'k'],
    ['x-open', 'o'],
  ]);
  const head = h.headers(streamId, fieldsOf(list, secret), FLAG.END_HEADERS);
  const end = trailers.length === 0 ? [] : [h.headers(streamId, fieldsOf(trailers, secret))];
  caller.send(head, h.data(streamId, 'body', trailers.length === 0 ? FLAG.END_STREAM : 0), ...end);
  expect(await caller.over(streamId)).toMatchObject({ status: 200 });
  const arrival = application.arrivals.at(-1);
  expect(arrival?.fields).toContainEqual(['x-key', 'k']);
  return arrival as Http2Arrival;
}

test('fields of a request', async () => {
  for (let n = 0; n < 3; n++) expect((await ask(['x-key'])).neverIndexed).toEqual(['x-key']);
});

test('its path', async () => {
  expect((await ask([':path', ':authority'])).neverIndexed).toEqual([':path', ':authority']);
});

test('not those of the next one', async () => {
  for (let n = 0; n < 3; n++) expect((await ask([])).neverIndexed).toEqual([]);
  expect((await ask(['x-open'])).neverIndexed).toEqual(['x-open']);
  expect((await ask([])).neverIndexed).toEqual([]);
});

test('trailers of a request', async () => {
  const trailers: Field[] = [
    ['x-sum', '1'],
    ['x-more', '2'],
  ];
  const arrival = await ask(['x-key', 'x-sum'], trailers);
  expect(arrival.trailers).toEqual(trailers);
  expect(arrival.neverIndexed).toEqual(['x-key', 'x-sum']);
  expect((await ask([], trailers)).neverIndexed).toEqual([]);
});

test('fields, interim ones and trailers of an answer', async () => {
  respond = ({ connection, streamId }) => {
    const block = (list: Field[], secret: string[]): Buffer => fieldsOf(list, secret);
    const early: Field[] = [
      [':status', '103'],
      ['link', '</a>'],
    ];
    const head: Field[] = [
      [':status', '200'],
      ['etag', 'a'],
      ['x-open', 'o'],
    ];
    const trailers: Field[] = [
      ['x-sum', '1'],
      ['x-open', 'o'],
    ];
    connection.send(
      h.headers(streamId, block(early, ['link']), FLAG.END_HEADERS),
      h.headers(streamId, block(head, ['etag']), FLAG.END_HEADERS),
      h.data(streamId, 'ok', 0),
      h.headers(streamId, block(trailers, ['x-sum'])),
    );
  };
  for (let n = 0; n < 3; n++) {
    await ask([]);
    const answer = caller.answer(nextId - 2);
    expect(answer.trailers).toEqual([
      ['x-sum', '1'],
      ['x-open', 'o'],
    ]);
    expect(answer.neverIndexed).toEqual(['link', 'etag', 'x-sum']);
  }
  respond = (arrival) => arrival.answer('ok', [['etag', 'a']]);
  await ask([]);
  expect(caller.answer(nextId - 2).neverIndexed).toEqual([]);
});
