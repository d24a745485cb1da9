// Spans that wait for the collector: first in, first out, bounded in number and bytes. What does not fit is
// left out; it is the newest, so that what was taken stays whole.

/** Bounds of one queue and of what one export takes from it. */
export interface SpanLimits {
  /** Spans that wait, those of the export in flight included. */
  readonly spans: number;
  /** Bytes of their JSON. */
  readonly bytes: number;
  readonly batchSpans: number;
  readonly batchBytes: number;
}

// The numbers of spans are those of OpenTelemetry's own batch processor. A span has 1.3 KiB as a rule; a
// collector takes 20 MiB at once by default.
export const SPAN_LIMITS: SpanLimits = {
  spans: 2048,
  bytes: 4 << 20,
  batchSpans: 512,
  batchBytes: 1 << 20,
};

/** A bounded queue of JSON texts. */
export class SpanQueue {
  readonly #limits: SpanLimits;
  #spans: string[] = [];
  #bytes = 0;
  /** Of the batch that was taken and not let go. */
  #takenSpans = 0;
  #takenBytes = 0;

  constructor(limits: SpanLimits) {
    this.#limits = limits;
  }

  /** Spans that wait for an export. */
  get length(): number {
    return this.#spans.length;
  }

  /** True when one export can take no more. */
  get fillsBatch(): boolean {
    const { batchSpans, batchBytes } = this.#limits;
    return this.#spans.length >= batchSpans || this.#bytes >= batchBytes;
  }

  /** False when there is no room for `span`. */
  add(span: string): boolean {
    const { spans, bytes } = this.#limits;
    const size = Buffer.byteLength(span, 'utf8');
    if (this.#takenSpans + this.#spans.length >= spans) return false;
    if (this.#takenBytes + this.#bytes + size > bytes) return false;
    this.#spans.push(span);
    this.#bytes += size;
    return true;
  }

  /** Takes the oldest for one export; they keep their places until `letGo`. */
  take(): string[] {
    const { batchSpans, batchBytes } = this.#limits;
    let count = 0;
    let bytes = 0;
    for (const span of this.#spans) {
      const size = Buffer.byteLength(span, 'utf8');
      // One that is too large alone goes alone.
      if (count === batchSpans || (count > 0 && bytes + size > batchBytes)) break;
      count++;
      bytes += size;
    }
    this.#bytes -= bytes;
    this.#takenSpans = count;
    this.#takenBytes = bytes;
    return this.#spans.splice(0, count);
  }

  /** The export is over: the places of the batch are free. */
  letGo(): void {
    this.#takenSpans = 0;
    this.#takenBytes = 0;
  }

  /** Empties the queue and says how many were in it. */
  clear(): number {
    const left = this.#spans.length;
    this.#spans = [];
    this.#bytes = 0;
    return left;
  }
}
