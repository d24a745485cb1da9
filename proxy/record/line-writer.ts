// The bounded, asynchronous buffer in front of a sink. Lines that do not fit are dropped and counted: a
// reader that stopped reading costs log lines, never a request.
import type { Clock, Timer } from '../../core/clock.ts';
import type { LineSink } from './line-sink.ts';

/** What a log writes to. */
export interface Lines {
  /** Takes one line with its newline; false when it was dropped. */
  write(line: string): boolean;
}

const BUFFER_BYTES_MAX = 1 << 20;
/** Lines of one burst go out in one system call. */
const GATHER_MS = 10;
/** Gathered so far: do not wait for the timer. */
const GATHER_BYTES = 64 * 1024;

/** Gathers lines and hands them to the sink, one write at a time. */
export class LineWriter implements Lines {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  #pending = '';
  #pendingBytes = 0;
  #pendingLines = 0;
  #flyingBytes = 0;
  #flyingLines = 0;
  #timer: Timer | null = null;
  #idle: (() => void) | null = null;
  #dropped = 0;

  constructor(options: { sink: LineSink; clock: Clock; bufferBytesMax?: number }) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#bytesMax = options.bufferBytesMax ?? BUFFER_BYTES_MAX;
  }

  /** Lines that were lost: no room, or the write failed. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): boolean {
    const bytes = Buffer.byteLength(line, 'utf8');
    if (this.#sink.broken || this.#pendingBytes + this.#flyingBytes + bytes > this.#bytesMax) {
      this.#dropped++;
      return false;
    }
    this.#pending += line;
    this.#pendingBytes += bytes;
    this.#pendingLines++;
    if (this.#flyingLines > 0) return true;
    if (this.#pendingBytes >= GATHER_BYTES) this.#send();
    else this.#timer ??= this.#clock.after(GATHER_MS, () => this.#send());
    return true;
  }

  /** Resolves when all is out, or after `deadlineMs`, with what is left counted as dropped. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#flyingLines === 0) this.#send();
    if (this.#flyingLines === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(deadlineMs, () => {
        this.#dropped += this.#pendingLines;
        this.#clear();
        resolve();
      });
      this.#idle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#idle = null;
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#pendingLines === 0) return;
    const bytes = Buffer.from(this.#pending, 'utf8');
    this.#flyingBytes = this.#pendingBytes;
    this.#flyingLines = this.#pendingLines;
    this.#clear();
    this.#sink.write(bytes, (error) => {
      if (error !== null) this.#dropped += this.#flyingLines;
      this.#flyingBytes = 0;
      this.#flyingLines = 0;
      if (this.#sink.broken) {
        this.#dropped += this.#pendingLines;
        this.#clear();
      }
      if (this.#pendingLines > 0) this.#send();
      else this.#idle?.();
    });
  }

  #clear(): void {
    this.#pending = '';
    this.#pendingBytes = 0;
    this.#pendingLines = 0;
  }
}
