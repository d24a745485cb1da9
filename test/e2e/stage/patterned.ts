// Bodies of any length whose every byte is known by its place: written as fast as they are taken, compared as
// they come, and read slowly.
import { randomBytes } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const PIECE_BYTES = 65_536;
/** Not a multiple of any buffer or frame: what is lost or repeated moves everything behind it. */
const PERIOD_BYTES = 1_048_583;
const PERIOD = randomBytes(PERIOD_BYTES);
const PATTERN = Buffer.concat([PERIOD, PERIOD.subarray(0, PIECE_BYTES)]);

/** The bytes at `[at, at + length)`; at most 64 KiB. */
export function patterned(at: number, length: number): Buffer {
  const start = at % PERIOD_BYTES;
  return PATTERN.subarray(start, start + length);
}

/** Takes a body apart: how much came, and where the first byte was that should not be there. */
export class Expected {
  bytes = 0;
  wrongAt = -1;

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      if (this.wrongAt < 0 && !piece.equals(patterned(this.bytes, piece.length))) this.wrongAt = this.bytes;
      this.bytes += piece.length;
    }
  }

  /** `1024 bytes`, or what is wrong. */
  get verdict(): string {
    return this.wrongAt < 0 ? `${this.bytes} bytes` : `wrong at ${this.wrongAt}`;
  }
}

/** Writes `bytes` to `to`, as fast as it takes them; `wrote` is told how many. */
export function writePattern(
  to: Writable,
  bytes: number,
  wrote: (bytes: number) => void = () => undefined,
): Promise<void> {
  function* pieces(): Generator<Buffer> {
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      const piece = patterned(at, Math.min(PIECE_BYTES, bytes - at));
      wrote(piece.length);
      yield piece;
    }
  }
  const from = Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE_BYTES });
  return pipeline(from, to).catch(() => undefined); // a reader that goes away ends it
}

/** How a slow reader reads: it stops whenever `everyBytes` came, and for longer at `longAtBytes`. */
export interface Slowness {
  readonly everyBytes: number;
  readonly pauseMs: number;
  readonly longAtBytes: number;
  readonly longMs: number;
}

/** When to stop, and for how long. */
export class Pauses {
  private readonly of: Slowness;
  private count = 0;
  private long = false;

  constructor(of: Slowness) {
    this.of = of;
  }

  /** Waits when it is time to, as `read` bytes came; `before` is told which pause it is. */
  async at(read: number, before: (long: boolean, pause: number) => void = () => undefined): Promise<void> {
    const { everyBytes, pauseMs, longAtBytes, longMs } = this.of;
    if (read < (this.count + 1) * everyBytes) return;
    this.count++;
    const long = !this.long && read >= longAtBytes;
    this.long ||= long;
    before(long, this.count);
    await new Promise((resolve) => setTimeout(resolve, long ? longMs : pauseMs));
  }
}

/** Reads `from` to its end, slowly; `read` is told how much came. */
export async function readSlowly(
  from: Readable,
  slowness: Slowness,
  read: (bytes: number) => void = () => undefined,
): Promise<string> {
  const expected = new Expected();
  const pauses = new Pauses(slowness);
  for await (const chunk of from as AsyncIterable<Buffer>) {
    expected.take(chunk);
    read(chunk.length);
    await pauses.at(expected.bytes);
  }
  return expected.verdict;
}
