// W3C Trace Context of one request while tracing is on: this proxy is a span of its own, whose parent is the
// caller's. Without tracing none of this is called (request-state.ts).
import type { RequestIds } from './request-ids.ts';

/** What a request's span is called, and whether there is one. */
export interface SpanContext {
  /** What goes on: the trace, this proxy's span, the flags. */
  readonly traceparent: string;
  /** 16 hexadecimal digits; '' where the trace begins here. */
  readonly parentSpanId: string;
  readonly sampled: boolean;
}

// Section 3.2: version `-` trace-id `-` parent-id `-` trace-flags.
const SPAN_START = 36;
const SPAN_END = 52;
const FLAGS_START = 53;
const SAMPLED = 0x01;
/** Level 2, section 3.2.2.5.2: random-trace-id, which a trace keeps. */
const RANDOM = 0x02;
/** Of the 7 random bytes of the trace id the first; none of them says that it is a UUID. */
const RANDOM_BYTE = 9;

/**
 * The span of a request whose own ids are `own`. `caller`: an authenticated caller's traceparent, whose trace
 * is continued and whose flag decides; null = a trace begins here, and `share` of those are sampled.
 */
export function spanContext(
  ids: RequestIds,
  own: Uint8Array,
  { caller, share }: { caller: string | null; share: number },
): SpanContext {
  const made = ids.traceparent(own);
  if (caller === null) {
    const sampled = isDrawn(own, share);
    return {
      traceparent: sampled ? `${made.slice(0, FLAGS_START)}01` : made,
      parentSpanId: '',
      sampled,
    };
  }
  // Section 3.2.2.5: flags that this version does not know are set to zero.
  const flags = Number.parseInt(caller.slice(FLAGS_START), 16) & (SAMPLED | RANDOM);
  const traceparent = `${caller.slice(0, SPAN_START)}${made.slice(SPAN_START, SPAN_END)}-0${flags}`;
  return {
    traceparent,
    parentSpanId: caller.slice(SPAN_START, SPAN_END),
    sampled: (flags & SAMPLED) !== 0,
  };
}

/** True for `share` of all ids. The trace id decides, so that nothing more need be drawn. */
function isDrawn(own: Uint8Array, share: number): boolean {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 256 + (own[RANDOM_BYTE + i] ?? 0);
  return value < share * 2 ** 32;
}
