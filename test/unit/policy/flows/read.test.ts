// Reading sources: chunks to lines, windows and totals, the time range, bad lines.
import { describe, expect, test } from 'vitest';
import { LineSplitter } from '../../../../policy/flows/lines.ts';
import { FlowReader, type TimeRange } from '../../../../policy/flows/read.ts';
import type { FlowRecord, LoggedDenial } from '../../../../policy/flows/record.ts';
import { chunks, LOGGED, NOON_MS, WRITTEN } from './flow-samples.ts';

const LINE = JSON.stringify(WRITTEN);

function reading(range?: TimeRange) {
  const records: FlowRecord[] = [];
  const denials: LoggedDenial[] = [];
  const sink = {
    record: (record: FlowRecord): void => void records.push(record),
    denial: (denial: LoggedDenial): void => void denials.push(denial),
  };
  const reader = new FlowReader(sink, range);
  const read = (...texts: string[]) => reader.read({ name: 'flows.jsonl', chunks: chunks(...texts) });
  return { reader, records, denials, read };
}

describe('lines', () => {
  const rows: { name: string; chunks: (string | Uint8Array)[]; expect: (string | null)[] }[] = [
    { name: 'nothing', chunks: [], expect: [] },
    { name: 'one', chunks: ['a\n'], expect: ['a'] },
    { name: 'the last without a newline', chunks: ['a\nb'], expect: ['a', 'b'] },
    { name: 'empty ones', chunks: ['\n\na\n'], expect: ['', '', 'a'] },
    { name: 'over three chunks', chunks: ['a', 'b', 'c\nd'], expect: ['abc', 'd'] },
    { name: 'a newline at the start of a chunk', chunks: ['abc', '\nd\n'], expect: ['abc', 'd'] },
    { name: 'a character over two chunks', chunks: [Buffer.of(0xc3), Buffer.of(0xa9, 0x0a)], expect: ['é'] },
    { name: 'as long as may be', chunks: ['12345678\n'], expect: ['12345678'] },
    { name: 'too long', chunks: ['123456789\nb\n'], expect: [null, 'b'] },
    { name: 'too long over chunks', chunks: ['12345', '6789', 'x\nb\n'], expect: [null, 'b'] },
    { name: 'too long and never ending', chunks: ['123456789', '123456789'], expect: [null] },
    { name: 'bytes that are no UTF-8', chunks: [Buffer.of(0xff, 0x0a)], expect: ['\ufffd'] },
  ];
  test.each(rows)('$name', ({ chunks: given, expect: expected }) => {
    const lines: (string | null)[] = [];
    const splitter = new LineSplitter((line) => void lines.push(line), 8);
    for (const chunk of given) splitter.push(Buffer.from(chunk));
    splitter.end();
    expect(lines).toEqual(expected);
  });

  test('memory of a chunk may be used again', () => {
    const lines: (string | null)[] = [];
    const splitter = new LineSplitter((line) => void lines.push(line));
    const chunk = Buffer.from('ab');
    splitter.push(chunk);
    chunk.fill(0x78);
    splitter.push(Buffer.from('c\n'));
    expect(lines).toEqual(['abc']);
  });
});

test('records, log lines and bad lines are told apart and counted', async () => {
  const { reader, records, denials, read } = reading();
  await read(`${LINE}\n\n{"level":"info","msg":"ready"}\r\n`, `${JSON.stringify(LOGGED)}\noh no\n${LINE}`);
  expect(reader.counts).toEqual({ lines: 6, records: 2, requests: 4, outside: 0, logLines: 2, badLines: 1 });
  expect([records.length, denials.length]).toEqual([2, 1]);
  expect(reader.totals).toBe(false);
  expect(reader.faults).toEqual([
    {
      severity: 'warning',
      code: 'ERR_FLOW_LINE',
      message: 'is not JSON',
      at: { file: 'flows.jsonl', line: 5, column: 1 },
      text: 'oh no',
    },
  ]);
});

test('only the first bad lines are kept, and of each the beginning', async () => {
  const { reader, read } = reading();
  await read(`${'x'.repeat(10_000)}\n`.repeat(100));
  expect(reader.counts.badLines).toBe(100);
  expect(reader.faults.map(({ at }) => at?.line)).toEqual([1, 2, 3, 4, 5]);
  expect(reader.faults[0]?.text).toHaveLength(163);
});

test('a huge line is passed over, and the next one read', async () => {
  const { reader, records, read } = reading();
  await read(...Array<string>(50).fill('x'.repeat(10_000)), `\n${LINE}\n`);
  expect(reader.faults[0]).toMatchObject({ message: 'is longer than 262144 bytes', at: { line: 1 } });
  expect(records).toHaveLength(1);
});

describe('totals', () => {
  test('are what /flows serves', async () => {
    const { reader, records, read } = reading();
    await read(`[\n${LINE},\n${LINE}\n]\n`);
    expect(records).toHaveLength(2);
    expect(reader.totals).toBe(true);
    expect(reader.counts.badLines).toBe(0);
  });

  test('may be none', async () => {
    const { reader, read } = reading();
    await read('[\n]\n');
    expect(reader.counts).toMatchObject({ records: 0, badLines: 0 });
  });

  const bad: { name: string; text: string; records: number; expect: string }[] = [
    { name: 'cut', text: `[\n${LINE},\n`, records: 1, expect: 'the array does not end: the answer was cut' },
    {
      name: 'twice',
      text: `[\n${LINE}\n]\n[\n${LINE}\n]\n`,
      records: 1,
      expect: 'stands after the end of the array',
    },
    { name: 'on one line', text: `[${LINE}]`, records: 0, expect: 'is not a JSON object' },
    { name: 'that begin late', text: `${LINE}\n[\n`, records: 1, expect: 'is not JSON' },
  ];
  test.each(bad)('$name', async ({ text, records: expected, expect: message }) => {
    const { reader, records, read } = reading();
    await read(text);
    expect(records).toHaveLength(expected);
    expect(reader.faults[0]?.message).toBe(message);
  });

  test('and windows are never added up', async () => {
    const { read } = reading();
    await read(`${LINE}\n`);
    await expect(read(`[\n${LINE}\n]\n`)).rejects.toMatchObject({
      code: 'ERR_FLOWS_MIXED',
      message: '`flows.jsonl` has totals, what was read before windows',
    });
  });
});

describe('a time range', () => {
  // The record was seen from 12:00:01 to 12:00:03.
  const rows: { name: string; since: number; until: number; expect: number }[] = [
    { name: 'around it', since: 0, until: 10, expect: 1 },
    { name: 'within it', since: 2, until: 2, expect: 1 },
    { name: 'that ends as it begins', since: 0, until: 1, expect: 1 },
    { name: 'that begins as it ends', since: 3, until: 9, expect: 1 },
    { name: 'before it', since: 0, until: 0.999, expect: 0 },
    { name: 'after it', since: 3.001, until: 9, expect: 0 },
  ];
  test.each(rows)('$name: $expect', async ({ since, until, expect: expected }) => {
    const { reader, read } = reading({ sinceMs: NOON_MS + since * 1000, untilMs: NOON_MS + until * 1000 });
    await read(LINE);
    expect(reader.counts).toMatchObject({ records: expected, outside: 1 - expected });
  });
});
