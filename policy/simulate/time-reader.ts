// Times in lines, from their bytes. Lines come in order: the second is mostly that of the line before.
import { parseRfc3339 } from '../rfc3339.ts';

// `"2026-09-01T12:00:03`
const SECOND_BYTES = 20;
const DOT = 0x2e;
const Z = 0x5a;
const QUOTE = 0x22;
const TEXT_BYTES_MAX = 64;

/** Reads RFC 3339 times. PERF: once a line (bench/micro/simulate.ts). */
export class TimeReader {
  readonly #second = new Uint8Array(SECOND_BYTES);
  #secondMs = Number.NaN;

  /** Unix milliseconds of the JSON string `bytes[from, to)`; NaN when it is no time. */
  read(bytes: Buffer, from: number, to: number): number {
    if (to - from < SECOND_BYTES + 2 || to - from > TEXT_BYTES_MAX) return Number.NaN;
    if (this.#isSecond(bytes, from)) {
      const ms = fractionMs(bytes, from + SECOND_BYTES, to);
      if (ms >= 0) return this.#secondMs + ms;
    }
    const text = bytes.toString('latin1', from + 1, to - 1);
    const ms = parseRfc3339(text);
    if (ms === null) return Number.NaN;
    // In another time zone the same beginning is another second.
    if (text.endsWith('Z')) {
      this.#secondMs = Math.floor(ms / 1000) * 1000;
      this.#second.set(bytes.subarray(from, from + SECOND_BYTES));
    }
    return ms;
  }

  #isSecond(bytes: Uint8Array, from: number): boolean {
    const second = this.#second;
    // From the end: seconds differ first.
    for (let i = SECOND_BYTES - 1; i >= 0; i--) if (second[i] !== bytes[from + i]) return false;
    return true;
  }
}

/** The milliseconds of `.123456789Z"` or `Z"`, -1 for anything else. */
function fractionMs(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let ms = 0;
  if (bytes[at] === DOT) {
    let scale = 100;
    const first = ++at;
    for (let c = bytes[at]!; c >= 0x30 && c <= 0x39; c = bytes[++at]!) {
      ms += (c - 0x30) * scale;
      scale = scale === 1 ? 0 : scale / 10;
    }
    if (at === first) return -1;
  }
  return bytes[at] === Z && bytes[at + 1] === QUOTE && at + 2 === to ? ms : -1;
}
