// The load process: takes one job at a time over IPC and answers with its result.
import { runClosedLoop } from './closed-loop.ts';
import type { Connection } from './connection.ts';
import { runConstantRate } from './constant-rate.ts';
import { runHandshakes } from './handshakes.ts';
import { openConnections } from './open.ts';
import type { Answer, Job, LoadResult } from './protocol.ts';

const NOTHING: LoadResult = {
  requests: 0,
  refused: 0,
  elapsedMs: 0,
  cpuUs: 0,
  latencyUsP50: 0,
  latencyUsP99: 0,
  latencyUsMax: 0,
  rssKib: [],
};

function serve(): void {
  let held: Connection[] = [];
  let lost = 0;

  const run = async (job: Job): Promise<LoadResult> => {
    switch (job.kind) {
      case 'closed-loop':
        return runClosedLoop(job);
      case 'constant-rate':
        return runConstantRate(job);
      case 'handshakes':
        return runHandshakes(job);
      case 'open':
        lost = 0;
        held = await openConnections(job, () => lost++);
        return { ...NOTHING, requests: held.length };
      case 'release': {
        const kept = held.length - lost;
        for (const connection of held) connection.close();
        held = [];
        return { ...NOTHING, requests: kept, refused: lost };
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

serve();
