// x-request-id and traceparent: what is made, and what is kept from a caller.
import { describe, expect, test } from 'vitest';
import { ID_BYTES, isRequestId, isTraceparent, RequestIds } from '../../../proxy/request-ids.ts';

describe('made ids', () => {
  test('are a UUID of version 4 and a trace with the same bytes, as lines and as text', () => {
    const ids = new RequestIds();
    const id = new Uint8Array(ID_BYTES);
    const seen = new Set<string>();
    for (let i = 0; i < 1_000; i++) {
      ids.draw(id); // 1,000 need three blocks of random bytes
      const hex = Buffer.from(id).toString('hex');
      const requestId = ids.requestId(id);
      const traceparent = ids.traceparent(id);
      expect(requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(requestId.replaceAll('-', '')).toBe(hex.slice(0, 32));
      expect(traceparent).toBe(`00-${hex.slice(0, 32)}-${hex.slice(32)}-00`);
      expect(ids.requestIdLine(id).toString('latin1')).toBe(`x-request-id: ${requestId}\r\n`);
      expect(ids.traceparentLine(id).toString('latin1')).toBe(`traceparent: ${traceparent}\r\n`);
      expect(isRequestId(requestId) && isTraceparent(traceparent)).toBe(true);
      seen.add(requestId);
    }
    expect(seen.size).toBe(1_000);
  });

  test('of two requests at once stay apart', () => {
    const ids = new RequestIds();
    const [a, b] = [new Uint8Array(ID_BYTES), new Uint8Array(ID_BYTES)];
    ids.draw(a);
    const first = ids.requestId(a);
    ids.draw(b);
    expect(ids.requestId(b)).not.toBe(first);
    expect(ids.requestId(a)).toBe(first);
  });
});

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test.each([
  { name: 'a UUID', text: '0b8f4a1e-6a53-4d3f-9d4e-0d1b6f1f8a55', expect: true },
  { name: 'marks', text: 'a.b_c~d:e/f+g=h@i-j', expect: true },
  { name: '128 characters', text: 'x'.repeat(128), expect: true },
  { name: '129 characters', text: 'x'.repeat(129), expect: false },
  { name: 'nothing', text: '', expect: false },
  { name: 'a space', text: 'a b', expect: false },
  { name: 'a quote', text: 'a"b', expect: false },
  { name: 'a comma, as of two lines', text: 'a,b', expect: false },
  { name: 'a control', text: 'a\u0007', expect: false },
  { name: 'obs-text', text: 'a\u00e4', expect: false },
  { name: 'a dollar', text: '$(id)', expect: false },
  { name: 'a bracket', text: '{{a}}', expect: false },
])('as a request id, $name: $expect', (row) => {
  expect(isRequestId(row.text)).toBe(row.expect);
});

test.each([
  { name: 'sampled', text: `00-${TRACE}-${SPAN}-01`, expect: true },
  { name: 'another version', text: `01-${TRACE}-${SPAN}-01`, expect: false },
  { name: 'upper case', text: `00-${TRACE.toUpperCase()}-${SPAN}-01`, expect: false },
  { name: 'a trace id of zeros', text: `00-${'0'.repeat(32)}-${SPAN}-01`, expect: false },
  { name: 'a span id of zeros', text: `00-${TRACE}-${'0'.repeat(16)}-01`, expect: false },
  { name: 'no flags', text: `00-${TRACE}-${SPAN}`, expect: false },
  { name: 'more than flags', text: `00-${TRACE}-${SPAN}-01-x`, expect: false },
  { name: 'no dash', text: `00_${TRACE}-${SPAN}-01`, expect: false },
  { name: 'a letter that is no digit', text: `00-g${TRACE.slice(1)}-${SPAN}-01`, expect: false },
])('as a traceparent, $name: $expect', (row) => {
  expect(isTraceparent(row.text)).toBe(row.expect);
});
