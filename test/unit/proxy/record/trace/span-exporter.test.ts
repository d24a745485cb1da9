// Gathering, one export in flight, attempts and their waits, the end. Time is the test's; a collector's
// answers are given one by one.
import { describe, expect, test } from 'vitest';
import type { Logger } from '../../../../../proxy/record/logger.ts';
import type { Outcome, Transport } from '../../../../../proxy/record/trace/otlp-client.ts';
import { SpanExporter } from '../../../../../proxy/record/trace/span-exporter.ts';
import { TestClock } from '../record-samples.ts';

const TAKEN: Outcome = { result: 'taken', rejected: 0, message: '' };
const REFUSED: Outcome = { result: 'refused', why: 'status 400', retryAfterMs: null };
const GONE: Outcome = { result: 'unavailable', why: 'ECONNREFUSED', retryAfterMs: null };
const LIMITS = { spans: 6, bytes: 1000, batchSpans: 3, batchBytes: 500 };

/** A collector that answers when it is told to. */
class Asked implements Transport {
  aborted = false;
  readonly bodies: string[] = [];
  private answer: ((outcome: Outcome) => void) | null = null;

  send(body: Buffer): Promise<Outcome> {
    expect(this.answer, 'one export in flight').toBeNull();
    this.bodies.push(body.toString('utf8'));
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  abort(): void {
    this.aborted = true;
    this.answer?.(GONE);
  }

  get waits(): boolean {
    return this.answer !== null;
  }

  /** Answers the export in flight and lets the exporter go on. */
  async say(outcome: Outcome): Promise<void> {
    const { answer } = this;
    if (answer === null) throw new Error('nothing is in flight');
    this.answer = null;
    answer(outcome);
    await settled();
  }
}

/** Every promise that can settle has. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function stage(random = 1) {
  const clock = new TestClock();
  const transport = new Asked();
  const lines: string[] = [];
  const line = (level: string) => (message: string, fields?: object) => {
    lines.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  };
  const logger: Logger = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
  };
  const options = { transport, head: '<', intervalMs: 5_000, clock, random: () => random, logger };
  const exporter = new SpanExporter({ ...options, limits: LIMITS });
  const add = (...spans: string[]): void => {
    for (const span of spans) exporter.add(span);
  };
  /** Passes time and lets what it started go on. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settled();
  };
  const sent = (): string[] => transport.bodies.map((body) => body.slice(1, -']}]}]}'.length));
  return { clock, transport, exporter, lines, add, pass, sent };
}

describe('gathering', () => {
  test('spans wait for others, at most the interval', async () => {
    const { add, pass, sent, transport, exporter } = stage();
    add('a', 'b');
    await pass(4_999);
    expect(sent()).toEqual([]);
    await pass(1);
    expect(sent()).toEqual(['a,b']);
    await transport.say(TAKEN);
    expect(exporter.counts).toEqual({ exported: 2, dropped: 0, failed: 0 });
  });

  test('a full batch goes at once', () => {
    const { add, sent, clock } = stage();
    add('a', 'b', 'c');
    expect(sent()).toEqual(['a,b,c']);
    expect(clock.waiting).toBe(0);
  });

  test('what comes during an export waits as the first did', async () => {
    const { add, sent, pass, transport } = stage();
    add('a', 'b', 'c', 'd');
    await transport.say(TAKEN);
    expect(sent()).toEqual(['a,b,c']);
    await pass(5_000);
    expect(sent()).toEqual(['a,b,c', 'd']);
  });

  test('what fills a batch during an export goes right after it', async () => {
    const { add, sent, transport } = stage();
    add('a', 'b', 'c', 'd', 'e', 'f');
    await transport.say(TAKEN);
    expect(sent()).toEqual(['a,b,c', 'd,e,f']);
  });

  test('what does not fit is dropped: those in flight keep their place', async () => {
    const { add, exporter, transport, sent } = stage();
    add('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    expect(exporter.counts.dropped).toBe(2);
    await transport.say(TAKEN);
    add('i');
    expect(exporter.counts).toEqual({ exported: 3, dropped: 2, failed: 0 });
    await transport.say(TAKEN);
    expect(sent()).toEqual(['a,b,c', 'd,e,f']);
  });
});

describe('an export that fails', () => {
  test('is tried five times, twice as long apart, with the same bytes', async () => {
    const { add, pass, sent, transport, exporter } = stage();
    add('a', 'b', 'c');
    for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
      await transport.say(GONE);
      await pass(waitMs - 1);
      expect(transport.waits).toBe(false);
      await pass(1);
      expect(transport.waits).toBe(true);
    }
    await transport.say(GONE);
    expect(sent()).toEqual(Array(5).fill('a,b,c'));
    expect(exporter.counts).toEqual({ exported: 0, dropped: 0, failed: 3 });
  });

  test('waits half as long at least: jitter', async () => {
    const { add, pass, transport } = stage(0);
    add('a', 'b', 'c');
    await transport.say(GONE);
    await pass(499);
    expect(transport.waits).toBe(false);
    await pass(1);
    expect(transport.waits).toBe(true);
  });

  test.each([
    { name: 'longer than ours', retryAfterMs: 7_000, expect: 7_000 },
    { name: 'shorter than ours', retryAfterMs: 0, expect: 1_000 },
    { name: 'longer than sense', retryAfterMs: 1e12, expect: 300_000 },
  ])('waits for Retry-After, $name', async ({ retryAfterMs, expect: waitMs }) => {
    const { add, pass, transport } = stage();
    add('a', 'b', 'c');
    await transport.say({ ...GONE, retryAfterMs });
    await pass(waitMs - 1);
    expect(transport.waits).toBe(false);
    await pass(1);
    expect(transport.waits).toBe(true);
  });

  test('is not tried again when it was refused', async () => {
    const { add, exporter, transport, pass, sent } = stage();
    add('a', 'b', 'c');
    await transport.say(REFUSED);
    await pass(60_000);
    expect(sent()).toHaveLength(1);
    expect(exporter.counts).toEqual({ exported: 0, dropped: 0, failed: 3 });
  });

  test('is told once, and that it is over', async () => {
    const { add, transport, lines } = stage();
    for (const outcome of [REFUSED, REFUSED, TAKEN, TAKEN]) {
      add('a', 'b', 'c');
      await transport.say(outcome);
    }
    expect(lines).toEqual([
      'warn spans cannot be exported {"why":"status 400","again":false}',
      'info spans are exported again',
    ]);
  });
});

test.each([
  { rejected: 2, message: 'too old', counts: { exported: 1, failed: 2 }, told: 1 },
  { rejected: 0, message: 'take care', counts: { exported: 3, failed: 0 }, told: 1 },
  { rejected: 0, message: '', counts: { exported: 3, failed: 0 }, told: 0 },
  { rejected: 99, message: '', counts: { exported: 0, failed: 3 }, told: 1 },
])('partial success: $rejected rejected, "$message"', async ({ rejected, message, counts, told }) => {
  const { add, transport, exporter, lines } = stage();
  add('a', 'b', 'c');
  await transport.say({ result: 'taken', rejected, message });
  expect(exporter.counts).toEqual({ dropped: 0, ...counts });
  expect(lines).toHaveLength(told);
});

describe('the end', () => {
  test('sends what is left, in batches, and takes nothing more', async () => {
    const { add, transport, exporter, sent, clock } = stage();
    add('a', 'b', 'c', 'd');
    const closed = exporter.close(1_000);
    add('z');
    await transport.say(TAKEN);
    await transport.say(TAKEN);
    await closed;
    expect(sent()).toEqual(['a,b,c', 'd']);
    expect(exporter.counts).toEqual({ exported: 4, dropped: 1, failed: 0 });
    expect([transport.aborted, clock.waiting]).toEqual([true, 0]);
  });

  test('without spans is at once', async () => {
    const { exporter, transport } = stage();
    await exporter.close(1_000);
    expect([transport.bodies, transport.aborted]).toEqual([[], true]);
  });

  test('ends a wait, and does not begin another', async () => {
    const { add, transport, exporter, sent } = stage();
    add('a', 'b', 'c', 'd');
    await transport.say(GONE);
    const closed = exporter.close(1_000);
    await settled();
    await transport.say(GONE);
    await transport.say(TAKEN);
    await closed;
    expect(sent()).toEqual(['a,b,c', 'a,b,c', 'd']);
    expect(exporter.counts).toEqual({ exported: 1, dropped: 0, failed: 3 });
  });

  test('does not wait for a collector that hangs', async () => {
    const { add, pass, exporter, sent } = stage();
    add('a', 'b', 'c', 'd', 'e');
    const closed = exporter.close(1_000);
    await pass(1_000);
    await closed;
    expect(sent()).toEqual(['a,b,c']);
    expect(exporter.counts).toEqual({ exported: 0, dropped: 2, failed: 3 });
  });
});
