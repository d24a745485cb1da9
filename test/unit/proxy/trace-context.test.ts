// W3C Trace Context while tracing is on: whose trace, whose parent, whose word on sampling.
import { describe, expect, test } from 'vitest';
import { ID_BYTES, isTraceparent, RequestIds } from '../../../proxy/request-ids.ts';
import { spanContext } from '../../../proxy/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const OWN = Buffer.from('0102030405064708890a0b0c0d0e0f101112131415161718', 'hex');
const OWN_TRACE = '0102030405064708890a0b0c0d0e0f10';
const OWN_SPAN = '1112131415161718';
const ids = new RequestIds();

describe('a trace that is continued keeps its id and its flags', () => {
  const rows = [
    { name: 'sampled', flags: '01', expect: { flags: '01', sampled: true } },
    { name: 'not sampled', flags: '00', expect: { flags: '00', sampled: false } },
    { name: 'random, sampled', flags: '03', expect: { flags: '03', sampled: true } },
    { name: 'random, not sampled', flags: '02', expect: { flags: '02', sampled: false } },
    // Section 3.2.2.5: flags that are not defined are set to zero.
    { name: 'unknown flags', flags: 'fc', expect: { flags: '00', sampled: false } },
    { name: 'all flags', flags: 'ff', expect: { flags: '03', sampled: true } },
    { name: 'a letter that is odd', flags: '0b', expect: { flags: '03', sampled: true } },
  ];
  test.each(rows)('$name', ({ flags, expect: { flags: kept, sampled } }) => {
    for (const share of [0, 1]) {
      const caller = `00-${TRACE}-${SPAN}-${flags}`;
      const span = spanContext(ids, OWN, { caller, share });
      expect(span).toEqual({
        traceparent: `00-${TRACE}-${OWN_SPAN}-${kept}`,
        parentSpanId: SPAN,
        sampled,
      });
      expect(isTraceparent(span.traceparent)).toBe(true);
    }
  });
});

describe('a trace that begins here', () => {
  test.each([
    { share: 0, expect: false },
    { share: 1, expect: true },
    // The bytes after the variant, 0a0b0c0d, are 0.0392 of their range.
    { share: 0.039, expect: false },
    { share: 0.04, expect: true },
  ])('with a share of $share is sampled: $expect', ({ share, expect: sampled }) => {
    expect(spanContext(ids, OWN, { caller: null, share })).toEqual({
      traceparent: `00-${OWN_TRACE}-${OWN_SPAN}-0${sampled ? 1 : 0}`,
      parentSpanId: '',
      sampled,
    });
  });

  test('is sampled as often as the share says', () => {
    const own = new Uint8Array(ID_BYTES);
    let sampled = 0;
    for (let i = 0; i < 20_000; i++) {
      ids.draw(own);
      if (spanContext(ids, own, { caller: null, share: 0.25 }).sampled) sampled++;
    }
    // 5,000 expected; ten standard deviations are 612.
    expect(Math.abs(sampled - 5_000)).toBeLessThan(612);
  });
});
