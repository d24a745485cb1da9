// The retry rule: an idempotent method, no body byte read, a connection that was used before, no response
// byte seen; then once, on a new connection.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
/** Heads that arrived, by path. */
const arrived = new Map<string, string[]>();

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(routed({ '*': act }));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

/** Answers on a connection that was never used; a reused one behaves as the path says. */
function act({ wire, head, path, earlier }: Arrival): void {
  arrived.set(path, [...(arrived.get(path) ?? []), head]);
  const dies = path.startsWith('/always') || (earlier > 0 && path !== '/prime');
  if (!dies) return wire.send(response(head.startsWith('HEAD') ? '' : 'ok'));
  if (path.endsWith('byte')) return void wire.socket.write('H', () => wire.socket.resetAndDestroy());
  if (path.endsWith('interim'))
    return void wire.socket.write('HTTP/1.1 103 E\r\n\r\n', () => wire.socket.resetAndDestroy());
  if (path.endsWith('close')) return void wire.socket.end();
  wire.socket.resetAndDestroy();
}

const BODY = 'Content-Length: 5\r\n\r\nhello';
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const ROWS = [
  { name: 'GET', request: 'GET /get', arrivals: 2, status: 200 },
  { name: 'GET, closed in order', request: 'GET /get-close', arrivals: 2, status: 200 },
  { name: 'HEAD', request: 'HEAD /head', arrivals: 2, status: 200 },
  { name: 'OPTIONS', request: 'OPTIONS /options', arrivals: 2, status: 200 },
  { name: 'DELETE', request: 'DELETE /delete', arrivals: 2, status: 200 },
  {
    name: 'PUT without a body',
    request: 'PUT /put-empty',
    rest: 'Content-Length: 0\r\n\r\n',
    arrivals: 2,
    status: 200,
  },
  {
    name: 'PUT whose body waits for 100',
    request: 'PUT /put-expect',
    rest: 'Content-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    arrivals: 2,
    status: 200,
  },
  { name: 'PUT with a body', request: 'PUT /put', rest: BODY, arrivals: 1, status: 502 },
  { name: 'PUT with a chunked body', request: 'PUT /put-chunked', rest: CHUNKED, arrivals: 1, status: 502 },
  { name: 'GET with a body', request: 'GET /get-body', rest: BODY, arrivals: 1, status: 502 },
  { name: 'POST', request: 'POST /post', arrivals: 1, status: 502 },
  { name: 'POST, closed in order', request: 'POST /post-close', arrivals: 1, status: 502 },
  { name: 'PATCH', request: 'PATCH /patch', arrivals: 1, status: 502 },
  { name: 'an unknown method', request: 'PURGE /purge', arrivals: 1, status: 502 },
  { name: 'a lower-case get', request: 'get /lower', arrivals: 1, status: 502 },
  { name: 'a response byte was seen', request: 'GET /get-byte', arrivals: 1, status: 502 },
  { name: 'an interim answer was seen', request: 'GET /get-interim', arrivals: 1, status: 502 },
  { name: 'not twice', request: 'GET /always', arrivals: 2, status: 502 },
  { name: 'not twice, closed in order', request: 'DELETE /always-close', arrivals: 2, status: 502 },
];

test.each(ROWS)(
  '$name: $arrivals arrivals, $status',
  async ({ request, rest = '\r\n', arrivals, status }) => {
    const path = request.split(' ')[1] ?? '';
    const caller = await call(stage, web);
    caller.send(get('/prime')); // leaves one used connection in the pool
    await answered(caller, 1);
    caller.send(`${request} HTTP/1.1\r\nHost: cart.shop\r\n${rest}`);
    await caller.until((text) => last(text) >= 200 && text.split('HTTP/1.1 ').length > 2);
    expect(last(caller.text)).toBe(status);
    if (status === 502) expect(codeOf(answers(caller.text).at(-1))).toBe('upstream-reset');
    const heads = arrived.get(path) ?? [];
    expect(heads.length).toBe(arrivals);
    expect(new Set(heads).size).toBe(1); // the second is the first, byte for byte: the same ids
    const isRecord = (line: Readonly<Record<string, unknown>>): boolean =>
      (line['http'] as { path?: string } | undefined)?.path === path;
    await proxy.line(isRecord);
    expect(proxy.lines.filter(isRecord)).toMatchObject([{ http: { status }, verdict: 'allow' }]);
    caller.socket.destroy();
  },
);

test('a connection that was never used is not retried', async () => {
  const caller = await call(stage, web);
  // Uses up what is in the pool: a connection is released only after a complete answer.
  caller.send(`${get('/always')}${get('/always')}`);
  await answered(caller, 2);
  arrived.clear();
  caller.send(get('/always-close'));
  await answered(caller, 3);
  expect(arrived.get('/always-close')?.length).toBe(1);
  caller.socket.destroy();
});

/** Status of the last head in `text`. */
function last(text: string): number {
  return Number(text.slice(text.lastIndexOf('HTTP/1.1 ') + 9).slice(0, 3));
}
