// The two GOAWAYs of a connection that drains (RFC 9113 section 6.8): first a warning, so that no request is
// lost on its way; then, a round trip later, the last stream that is served.
import { Buffer } from 'node:buffer';
import * as f from './frame.ts';
import type { Output } from './output.ts';

/** How long the PING between the two may take. */
const PING_MS = 1_000;
/** And how long the second one waits after it: a busy client sends late what it had already begun. */
const SETTLE_MS = 500;
const PING_BYTES = Buffer.from('sallypor', 'latin1');

export class Drain {
  /** 1 = told, 2 = no further stream is served. */
  step: 0 | 1 | 2 = 0;
  private untilMs = 0;

  begin(out: Output, nowMs: number): void {
    this.step = 1;
    this.untilMs = nowMs + PING_MS;
    f.writeGoaway(out, f.WINDOW_BYTES_MAX, f.NO_ERROR);
    f.writePing(out, PING_BYTES);
  }

  /** nghttp2 answers a PING before it sends the requests that it already took: they are about to come. */
  pong(nowMs: number): void {
    this.untilMs = Math.min(this.untilMs, nowMs + SETTLE_MS);
  }

  /** True when everything that the caller sent before it knew is here. */
  due(nowMs: number): boolean {
    return this.step === 1 && nowMs >= this.untilMs;
  }

  /** No stream above `lastId` is served. */
  nameLast(out: Output, lastId: number): void {
    this.step = 2;
    f.writeGoaway(out, lastId, f.NO_ERROR);
  }
}
