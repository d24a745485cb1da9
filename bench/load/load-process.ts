// The load process: takes one job at a time over IPC and answers with its result.
import { runClosedLoop } from './closed-loop.ts';
import { runConstantRate } from './constant-rate.ts';
import { runHandshakes } from './handshakes.ts';
import { type Held, openConnections } from './held-connections.ts';
import type { Answer, Job, LoadResult } from './protocol.ts';
import { Window } from './window.ts';

function serve(): void {
  let held: Held | null = null;
  const shown = new Map<number, number>();

  const run = async (job: Job): Promise<LoadResult> => {
    switch (job.kind) {
      case 'closed-loop':
        return runClosedLoop(job);
      case 'constant-rate':
        return runConstantRate(job);
      case 'handshakes':
        return runHandshakes(job, shown);
      case 'open':
        held = await openConnections(job);
        return counted(held.count, 0);
      case 'release': {
        const released = counted((held?.count ?? 0) - (held?.lost() ?? 0), held?.lost() ?? 0);
        held?.release();
        held = null;
        return released;
      }
    }
  };

  process.on('message', (message) => {
    // SAFETY: the only sender is load/driver.ts, which is typed with the same Job.
    run(message as Job)
      .then((result): Answer => ({ result }))
      .catch((error: unknown): Answer => ({ error: error instanceof Error ? error.message : String(error) }))
      .then((answer) => process.send?.(answer));
  });
  process.on('disconnect', () => process.exit(0));
}

/** A result that counts connections and times nothing. */
function counted(requests: number, refused: number): LoadResult {
  const now = performance.now();
  return { ...new Window(now, [], []).close(now), requests, refused };
}

serve();
