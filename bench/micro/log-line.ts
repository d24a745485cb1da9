// What one line of the decision log costs the data path: a denied request that nothing collapses with. Its
// near misses are not in it: they are explained twenty times a second at most.
import { closeSync, openSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import { DecisionLines } from '../../proxy/record/decision-line.ts';
import { DecisionLog } from '../../proxy/record/decision-log.ts';
import { openSink } from '../../proxy/record/line-sink.ts';
import { LineWriter } from '../../proxy/record/line-writer.ts';
import { Redaction } from '../../proxy/record/redaction.ts';
import { type Figure, fastestOf } from './measure.ts';
import { DENY, requestRecord } from './request-records.ts';

// What one log holds before denials of a caller, and of all, get no line of their own.
const CALLERS = 10;
const FLOWS_PER_CALLER = 100;
const LINES = CALLERS * FLOWS_PER_CALLER;
const TURNS = 60;

/** Nanoseconds per line, and its length. */
export async function logLineFigures(turns = TURNS): Promise<Figure[]> {
  const fd = openSync('/dev/null', 'w');
  const lines = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  const denied = Array.from({ length: LINES }, (_, i) => ({
    record: requestRecord(DENY, { method: 'POST', status: 403, caller: `caller-${i % CALLERS}` }),
    flow: {},
  }));
  const text = new DecisionLines({ redaction: new Redaction([]), fields: {} });
  let log = newLog(lines);
  const figures = await fastestOf(
    [
      {
        name: 'text',
        unit: 'ns',
        operations: LINES,
        run: () => {
          for (const { record } of denied) text.request(record, null);
        },
      },
      {
        name: 'text, queued for writing',
        unit: 'ns',
        operations: LINES,
        before: async () => {
          await lines.flush(1_000);
          log.close();
          log = newLog(lines); // one that holds no denial yet
        },
        run: () => {
          for (const { record, flow } of denied) log.request(record, flow);
        },
      },
    ],
    turns,
  );
  await lines.flush(1_000);
  log.close();
  closeSync(fd);
  if (log.dropped + lines.dropped > 0) throw new Error('a denial got no line: that is not what is measured');
  const bytes = text.request(requestRecord(DENY, { method: 'POST', status: 403 }), null).length;
  return [...figures, { name: 'length of the text', value: bytes, unit: 'B' }];
}

function newLog(lines: LineWriter): DecisionLog {
  return new DecisionLog({
    config: { decisions: 'denied', sample: 0, fields: {}, redact: [] },
    lines,
    clock: systemClock,
    random: () => 0,
    explain: null,
  });
}
