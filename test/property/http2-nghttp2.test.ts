// Whatever header block we make a request of, nghttp2 takes and reads the same, and the head of HTTP/1.1 that
// we make of it says neither more nor less. `npm run fuzz -- --target http2` runs the same for hours.
import { describe, expect, test } from 'vitest';
import { http2CaseOf } from '../fuzz/http2-cases.ts';
import { compareHttp2 } from '../fuzz/http2-compare.ts';

const RUNS = 3_000;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

test(`random blocks, seed ${seed} (SALLYPORT_SEED=${seed} repeats it)`, async () => {
  let messages = 0;
  const faults = new Set<string>();
  for (let i = 0; i < RUNS; i++) {
    const one = http2CaseOf(seed + i);
    const { finding, messages: compared, fault } = await compareHttp2(one);
    expect(finding, `seed ${seed + i}: ${JSON.stringify(one)}`).toBeNull();
    messages += compared;
    if (fault !== null) faults.add(fault);
  }
  // The generators must reach both sides of the boundary, else the test shows nothing.
  expect(messages).toBeGreaterThan(RUNS / 5);
  expect(faults.size).toBeGreaterThan(8);
});

describe('a block alone', () => {
  const rows: { name: string; text: string; fault: string }[] = [
    { name: 'an index beyond the tables', text: '\x82\xbe', fault: 'not a header block' },
    { name: 'a size above the setting', text: '\x3f\xe2\x1f\x82', fault: 'not a header block' },
    {
      name: 'a request without :path',
      text: '\x82\x86\x01\x01a',
      fault: 'not the pseudo-header fields of its method',
    },
    { name: 'a capital letter', text: '\x82\x86\x84\x01\x01a\x00\x01X\x01a', fault: 'a malformed field' },
  ];
  test.each(rows)('$name', async ({ text, fault }) => {
    const found = await compareHttp2({ kind: 'requests', text, cuts: [] });
    expect(found).toEqual({ finding: null, messages: 0, fault });
  });
  test('a request', async () => {
    const found = await compareHttp2({ kind: 'requests', text: '\x82\x86\x84\x01\x01a', cuts: [] });
    expect(found).toEqual({ finding: null, messages: 1, fault: null });
  });
});
