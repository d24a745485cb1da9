// The minimum rate of a request body: 240 B/s after 5 s, Kestrel's figures. A slow body otherwise holds a
// connection to the application for as long as it likes.
import type { Body } from './body.ts';

const GRACE_MS = 5_000;
const BYTES_PER_SECOND_MIN = 240;

/** Watches one body after the other; looked at by the sweeper. */
export class BodyRate {
  private sinceMs = 0;
  private bytesThen = 0;

  /** A new request began. */
  restart(): void {
    this.sinceMs = 0;
  }

  /** True when the body came too slowly over the last grace; not while the proxy itself does not read. */
  tooSlow(
    nowMs: number,
    of: { readonly request: { readonly body: Body }; readonly awaitsBody: boolean },
  ): boolean {
    const { body } = of.request;
    if (body.done || !of.awaitsBody) {
      this.sinceMs = 0;
      return false;
    }
    if (this.sinceMs === 0) {
      this.sinceMs = nowMs;
      this.bytesThen = body.bytes;
      return false;
    }
    const elapsedMs = nowMs - this.sinceMs;
    if (elapsedMs < GRACE_MS) return false;
    const enough = (body.bytes - this.bytesThen) * 1_000 >= BYTES_PER_SECOND_MIN * elapsedMs;
    this.sinceMs = 0;
    return !enough;
  }
}
