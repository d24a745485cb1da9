// A process whose standard output nobody may read: it logs far more than fits, keeps turning, says so and
// exits. Arguments: lines to write in each of 50 turns. The report goes to standard error.
import { writeSync } from 'node:fs';
import { systemClock } from '../../../../core/clock.ts';
import { openSink } from '../../../../proxy/record/line-sink.ts';
import { LineWriter } from '../../../../proxy/record/line-writer.ts';
import { createLogger } from '../../../../proxy/record/logger.ts';

const perTurn = Number(process.argv[2]);
const writer = new LineWriter({ sink: openSink(1, systemClock), clock: systemClock });
const logger = createLogger({ lines: writer, level: 'info' });
let written = 0;
let worstMs = 0;

for (let turn = 0; turn < 50; turn++) {
  const start = performance.now();
  for (let i = 0; i < perTurn; i++) {
    if (turn % 2 === 0) writer.write(`{"line":${written},"pad":"${'x'.repeat(200)}"}\n`);
    else logger.info('line', { line: written, pad: 'x'.repeat(200) });
    written++;
  }
  worstMs = Math.max(worstMs, performance.now() - start);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await writer.flush(300);
writeSync(2, JSON.stringify({ written, dropped: writer.dropped, worstMs, rss: process.memoryUsage.rss() }));
process.exit(0);
