// Whatever we accept, llhttp's strict mode accepts and reads the same: method, target, headers, body,
// boundaries, as it came and as it is forwarded; and pieces make no difference. `npm run fuzz` runs the same
// for hours.
import { describe, expect, test } from 'vitest';
import { caseOf } from '../fuzz/cases.ts';
import { compare, type Kind } from '../fuzz/compare.ts';
import { readWithLlhttp } from '../fuzz/llhttp.ts';

const RUNS = 6_000;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

test(`random messages, seed ${seed} (SALLYPORT_SEED=${seed} repeats it)`, () => {
  let messages = 0;
  let accepted = 0;
  for (let i = 0; i < RUNS; i++) {
    const { kind, text, cuts } = caseOf(seed + i);
    const { finding, messages: compared, fault } = compare(kind, text, cuts);
    expect(finding, `seed ${seed + i}: ${JSON.stringify(text)}`).toBeNull();
    messages += compared;
    if (fault === null) accepted++;
  }
  // The generators must reach both sides of the boundary, else the test shows nothing.
  expect(messages).toBeGreaterThan(RUNS / 5);
  expect(accepted).toBeLessThan(RUNS);
});

describe('found by fuzzing', () => {
  const rows: { name: string; kind: Kind; text: string; messages: number; fault: string | null }[] = [
    {
      name: 'llhttp does not see `chunked` before a tab',
      kind: 'requests',
      text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n',
      ...{ messages: 0, fault: 'bad-transfer-encoding' },
    },
    {
      name: 'an interim response of HTTP/1.0 closes for llhttp',
      kind: 'responses to GET',
      text: 'HTTP/1.0 103 \r\n\r\nHTTP/1.1 304\r\n\r\n',
      ...{ messages: 0, fault: 'upstream-bad-response' },
    },
    {
      name: 'an interim response with `Connection: close` closes for llhttp',
      kind: 'responses to GET',
      text: 'HTTP/1.1 103 \r\nConnection: close\r\n\r\nHTTP/1.1 304\r\n\r\n',
      ...{ messages: 0, fault: 'upstream-bad-response' },
    },
    {
      name: 'Proxy-Connection closes for llhttp, not for us, and is dropped',
      kind: 'requests',
      text: 'GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
      ...{ messages: 2, fault: null },
    },
    {
      name: 'any Upgrade ends HTTP for llhttp, not for us, and is dropped',
      kind: 'requests',
      text: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
      ...{ messages: 2, fault: null },
    },
  ];
  test.each(rows)('$name', ({ kind, text, messages, fault }) => {
    expect(compare(kind, text, [1, 30])).toEqual({ finding: null, messages, fault });
  });
});

test('the oracle is strict: it refuses what Node’s lenient modes would take', () => {
  for (const text of [
    'GET / HTTP/1.1\nHost: a\n\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n',
  ]) {
    expect(readWithLlhttp(Buffer.from(text), null).error, text).not.toBeNull();
  }
});
