// How many frames that cost the peer nothing a connection takes: SETTINGS, PING, PRIORITY, WINDOW_UPDATE,
// empty DATA, unknown types, frames on closed streams, and streams that are reset before they are answered
// (RFC 9113 section 10.5; CVE-2019-9512 to -9518, CVE-2023-44487, CVE-2025-8671). Both are buckets: real
// work fills them again, and so does time.

/** Burst and refill of one bucket, in frames. */
interface Bucket {
  readonly most: number;
  readonly perSecond: number;
}

// A client that measures bandwidth sends a PING and a WINDOW_UPDATE or two for each DATA frame it reads; that
// of Go gives back both windows for every 4 KiB.
const FRAMES: Bucket = { most: 2_000, perSecond: 200 };
const FOR_HEADERS = 4;
const FOR_DATA = 4;
const DATA_BYTES = 4_096;
// A caller whose deadlines all pass, or that hedges every call, still gets through; so does one that gives up
// all that it has under way, twice.
const RESETS: Bucket = { most: 200, perSecond: 50 };
const TIMES = 2;

export class FrameBudget {
  private frames = FRAMES.most;
  private resets: number;
  private readonly resetsMost: number;
  private lastMs: number;

  /** `streamsMax`: streams of the connection at a time. */
  constructor(nowMs: number, streamsMax: number) {
    this.lastMs = nowMs;
    this.resetsMost = Math.max(RESETS.most, TIMES * streamsMax);
    this.resets = this.resetsMost;
  }

  /** A frame that asks for nothing; false when there were too many. */
  idle(): boolean {
    return --this.frames >= 0;
  }

  /** A header block was read, or opened a stream. */
  headers(): void {
    this.frames = Math.min(FRAMES.most, this.frames + FOR_HEADERS);
  }

  /** A frame of data was read. */
  data(): void {
    this.frames = Math.min(FRAMES.most, this.frames + FOR_DATA);
  }

  /** `bytes` of data were sent, in one piece or in many frames. */
  sent(bytes: number): void {
    this.frames = Math.min(FRAMES.most, this.frames + FOR_DATA * Math.ceil(bytes / DATA_BYTES));
  }

  /** A stream was answered to its end. */
  answered(): void {
    this.resets = Math.min(this.resetsMost, this.resets + 1);
  }

  /** A stream ended before its answer did, by the peer's reset or by its fault; false = too many. */
  reset(): boolean {
    return --this.resets >= 0;
  }

  /** Time passed. */
  refill(nowMs: number): void {
    const seconds = (nowMs - this.lastMs) / 1_000;
    this.lastMs = nowMs;
    this.frames = Math.min(FRAMES.most, this.frames + seconds * FRAMES.perSecond);
    this.resets = Math.min(this.resetsMost, this.resets + seconds * RESETS.perSecond);
  }
}
