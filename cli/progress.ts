// Progress of reading on standard error, for work that takes longer than a moment on a terminal.

import type { Io } from './io.ts';
import { printable, thousands } from './text.ts';

const SILENT_MS = 2_000;
const EVERY_MS = 500;
const CLEAR = '\r\u001b[K';

/** One line that is written over again and again. */
export class Progress {
  readonly #io: Io;
  readonly #now: () => number;
  #nextMs: number;
  #shown = false;

  constructor(io: Io, now: () => number = () => performance.now()) {
    this.#io = io;
    this.#now = now;
    this.#nextMs = now() + SILENT_MS;
  }

  /** `bytesMax`: null when nobody knows, as of standard input. */
  at(name: string, read: { lines: number; bytes: number; bytesMax: number | null }): void {
    if (!this.#io.isTty || this.#now() < this.#nextMs) return;
    this.#nextMs = this.#now() + EVERY_MS;
    this.#shown = true;
    const { lines, bytes, bytesMax } = read;
    const part = bytesMax === null || bytesMax === 0 ? '' : `, ${Math.floor((100 * bytes) / bytesMax)} %`;
    this.#io.err(`${CLEAR}reading ${printable(name)}: ${thousands(lines)} lines${part}`);
  }

  /** Removes the line. */
  end(): void {
    if (this.#shown) this.#io.err(CLEAR);
    this.#shown = false;
  }
}
