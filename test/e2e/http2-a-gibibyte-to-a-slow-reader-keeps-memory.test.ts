// A stream of a gibibyte to somebody who reads more slowly than it comes, both ways, over mutual TLS: every
// byte arrives, the sender is never far ahead, the proxy needs no more memory than for its first quarter, and
// another stream of the same connection is answered meanwhile.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { FLAG, SETTING } from './stage/http2-frames.ts';
import { residentMb } from './stage/observe.ts';
import { Expected, Pauses, patterned, readSlowly, type Slowness, writePattern } from './stage/patterned.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';

const MIB = 1_048_576;
/** Of all four streams; without it a gibibyte for one of them, and less for the others. */
const WANTED_MIB = Number(process.env['SALLYPORT_STREAM_MIB'] ?? 0);
/** A pause of 20 ms for each 8 MiB, and a long one in the middle. */
const slowly = (bytes: number): Slowness => ({
  everyBytes: 8 * MIB,
  pauseMs: 20,
  longMs: 1_500,
  longAtBytes: bytes / 2,
});
/**
 * From the first quarter of a stream to its end. It is 1 to 11 MB; what nobody needs any more is V8's to
 * collect, which takes longer when it gets little processor time.
 */
const GROWTH_MB_MAX = 24;
/** What a receiving socket of the kernel may grow to, by itself. */
const RECEIVES_BYTES_MAX = Number(readFileSync('/proc/sys/net/ipv4/tcp_rmem', 'utf8').split(/\s+/)[2]);
/** What the sender may be ahead: the windows, and the buffers of four sockets of the kernel. */
const AHEAD_BYTES_MAX = RECEIVES_BYTES_MAX + 16 * MIB;
const QUICK_MS_MAX = 1_000;
const QUICK_EVERY_MS = 50;
const WINDOW_BYTES = MIB;
const FRAME_BYTES = 16_384;
const STREAM_WINDOW_BYTES = 65_535;

/** What requests and responses of both versions have in common. */
type Asked = Readable & { readonly url?: string | undefined };
type Reply = Writable & { statusCode: number };

let web: SvidFiles;
/** Bytes that were sent for the stream under way, and that were read of it. */
const flow = { sent: 0, read: 0 };

function serve(asked: Asked, reply: Reply): void {
  const [path = '', bytes = ''] = (asked.url ?? '').split('?');
  if (path === '/source') void writePattern(reply, Number(bytes), (n) => (flow.sent += n));
  else if (path === '/sink')
    void readSlowly(asked, slowly(Number(bytes)), (n) => (flow.read += n)).then((v) => reply.end(v));
  else reply.end('ok');
}

/** Samples of memory, and how far the sender was ahead, while a stream goes on. */
class Watch {
  readonly memory: { readonly read: number; readonly mb: number }[] = [];
  aheadMost = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number | undefined) {
    Object.assign(flow, { sent: 0, read: 0 });
    this.timer = setInterval(() => {
      this.memory.push({ read: flow.read, mb: residentMb(pid) });
      this.aheadMost = Math.max(this.aheadMost, flow.sent - flow.read);
    }, 20);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** The largest in each quarter of `bytes`. */
  quarters(bytes: number): number[] {
    const quarter = (n: number): number =>
      Math.max(...this.memory.filter(({ read }) => Math.floor((read * 4) / bytes) === n).map(({ mb }) => mb));
    return [0, 1, 2, 3].map(quarter);
  }

  /** What the last three quarters of `bytes` needed more than the first. */
  grown(bytes: number): number {
    const [first = 0, ...others] = this.quarters(bytes);
    return Math.max(...others) - first;
  }
}

/** Asks for something small on the same connection again and again, until `over`. */
async function quick(caller: Http2Caller, over: () => boolean): Promise<number[]> {
  const took: number[] = [];
  for (let id = 3; !over(); id += 2) {
    const startMs = performance.now();
    caller.send(h.headers(id, h.get('/quick')));
    expect(await caller.over(id)).toMatchObject({ status: 200, body: 'ok' });
    took.push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, QUICK_EVERY_MS));
  }
  return took;
}

/** Reads stream 1; stops by not reading the socket, or (the long pause, too) by keeping its window shut. */
async function download(caller: Http2Caller, bytes: number): Promise<string> {
  const answer = caller.answer(1);
  const expected = new Expected();
  answer.onData = (chunk) => {
    expected.take(chunk);
    flow.read += chunk.length;
  };
  caller.send(h.windowUpdate(0, 0x7fffffff - STREAM_WINDOW_BYTES), h.headers(1, h.get(`/source?${bytes}`)));
  const pauses = new Pauses(slowly(bytes));
  let granted = WINDOW_BYTES;
  while (!answer.over) {
    await caller.until(() => answer.over || granted - answer.bytes <= WINDOW_BYTES / 2, 20_000);
    await pauses.at(answer.bytes, (long, pause) => !long && pause % 2 === 0 && caller.socket.pause());
    caller.socket.resume();
    const more = answer.bytes + WINDOW_BYTES - granted;
    granted += more;
    if (more > 0 && !answer.over) caller.send(h.windowUpdate(1, more));
  }
  return expected.verdict;
}

/** Sends a body on stream 1 as its window allows. */
async function upload(caller: Http2Caller, bytes: number): Promise<string> {
  const answer = caller.answer(1);
  caller.send(h.headers(1, h.post(`/sink?${bytes}`), FLAG.END_HEADERS));
  for (let at = 0; at < bytes; at += FRAME_BYTES) {
    await caller.until(() => answer.over || at + FRAME_BYTES - answer.taken <= STREAM_WINDOW_BYTES, 20_000);
    const last = at + FRAME_BYTES >= bytes;
    await caller.sendAll(
      h.data(1, patterned(at, Math.min(FRAME_BYTES, bytes - at)), last ? FLAG.END_STREAM : 0),
    );
    flow.sent = at + FRAME_BYTES;
  }
  return (await caller.over(1, 20_000)).body;
}

const UPSTREAMS = [
  { protocol: 'http1', toCallerMib: 1_024, toApplicationMib: 256 },
  { protocol: 'h2c', toCallerMib: 256, toApplicationMib: 256 },
];

describe.each(UPSTREAMS)('before $protocol', ({ protocol, toCallerMib, toApplicationMib }) => {
  let stage: Stage;
  let server: http.Server | http2.Http2Server;
  let proxy: RunningProxy;

  beforeAll(async () => {
    stage = await Stage.create();
    web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    server = protocol === 'http1' ? http.createServer(serve) : http2.createServer(serve);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await stage.start({
      upstreamPort: (server.address() as net.AddressInfo).port,
      upstream: `protocol: ${protocol}`,
    });
  });

  afterAll(async () => {
    await stage.close();
    server.close();
  });

  test.each([
    { name: 'to a slow caller', transfer: download, mib: WANTED_MIB || toCallerMib },
    { name: 'to a slow application', transfer: upload, mib: WANTED_MIB || toApplicationMib },
  ])('$mib MiB $name', { timeout: 120_000 }, async ({ name, transfer, mib }) => {
    const bytes = mib * MIB;
    const caller = await Http2Caller.connect(stage, web, {
      widens: false,
      settings: [[SETTING.WINDOW, WINDOW_BYTES]],
    });
    const watch = new Watch(proxy.child.pid);
    const startMs = performance.now();
    const verdict = transfer(caller, bytes);
    const [got, took] = await Promise.all([verdict, quick(caller, () => caller.answer(1).over)]);
    watch.stop();
    caller.close();
    if (WANTED_MIB > 0) {
      const memory = watch.quarters(bytes).map((mb) => mb.toFixed(1));
      const tookMs = Math.round(performance.now() - startMs);
      const quickMs = Math.round(Math.max(...took));
      process.stdout.write(
        `${protocol}, ${mib} MiB ${name}: ${tookMs} ms, memory by quarters ${memory.join(' ')} MB, ` +
          `ahead ${(watch.aheadMost / MIB).toFixed(1)} MiB, ${took.length} quick ones within ${quickMs} ms\n`,
      );
    }
    expect(got).toBe(`${bytes} bytes`);
    expect(watch.grown(bytes)).toBeLessThan(GROWTH_MB_MAX);
    expect(watch.aheadMost).toBeLessThan(AHEAD_BYTES_MAX);
    expect(took.length).toBeGreaterThan(10);
    expect(Math.max(...took)).toBeLessThan(QUICK_MS_MAX);
  });
});
