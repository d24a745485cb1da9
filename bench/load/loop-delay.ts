// Preloaded into the proxy (`node --import`) by the scenarios reload and rotation: measures its event-loop
// delay from inside, so that the proxy needs no code for the benchmark. Any IPC message is answered with the
// figures since the last one.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds; the timer's own resolution of 1 ms is part of each. */
export interface LoopDelay {
  readonly maxMs: number;
  readonly p99Ms: number;
}

// Workers inherit --import; only the data path's thread counts.
if (isMainThread && process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  process.on('message', () => {
    const figures: LoopDelay = { maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6 };
    delay.reset();
    process.send?.(figures);
  });
  process.channel?.unref(); // the proxy ends as if nobody watched
}
