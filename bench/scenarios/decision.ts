// The decision alone, without any socket: 10, 1,000 and 100,000 rules, in a process of its own.
import { round, upperBound } from '../claim.ts';
import type { decisionFigures } from '../micro/decision.ts';
import { programFile } from '../program.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

/** Time per decision with 100,000 rules over that with 10. */
const FLAT_MAX = 1.25;

export const decision: Scenario = {
  name: 'decision',
  summary: 'nanoseconds per decision with 10, 1,000 and 100,000 rules, no sockets',
  full: { rounds: 20, seconds: 1 },
  quick: { rounds: 10, seconds: 1 },
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { session } = bench.setup;
  const child = session.start({
    name: 'decision',
    command: process.execPath,
    args: [programFile('micro/decision-process'), String(bench.effort.rounds)],
    cpu: session.cpus?.proxy,
    ipc: true,
  });
  // SAFETY: the only sender is micro/decision-process.ts.
  const { figures, flatness } = (await child.nextMessage()) as Awaited<ReturnType<typeof decisionFigures>>;
  await child.stop();
  const sets = [...new Set(flatness.map(({ requests }) => requests))];
  return {
    claims: sets.map((requests) =>
      upperBound({
        text: `a decision with 100,000 rules <= ${FLAT_MAX} x one with 10, ${requests.toLocaleString('en')} requests in turn`,
        bound: FLAT_MAX,
        // The worst of allow and deny, and of the shapes of policy.
        values: [Math.max(...flatness.filter((of) => of.requests === requests).map(({ ratio }) => ratio))],
        unit: ' x',
      }),
    ),
    tables: [
      {
        title: 'one decision; distinct requests in turn, each with its own rule',
        columns: ['decision', 'figure', 'unit'],
        rows: figures.map(({ name, value, unit }) => [name, round(value), unit]),
      },
    ],
    data: { figures },
  };
}
