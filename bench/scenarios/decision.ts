// The decision alone, without any socket: 10, 1,000 and 100,000 rules, in a process of its own.
import { round, upperBound } from '../claim.ts';
import type { Figure } from '../micro/measure.ts';
import { programFile } from '../program.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

/** Time per decision with 100,000 rules over that with 10. */
const FLAT_MAX = 1.25;
const FLAT = / 256 requests, 100,000 against 10 rules$/;

export const decision: Scenario = {
  name: 'decision',
  summary: 'nanoseconds per decision with 10, 1,000 and 100,000 rules, no sockets',
  full: { rounds: 20, seconds: 1 },
  quick: { rounds: 5, seconds: 1 },
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
  const figures = (await child.nextMessage()) as readonly Figure[];
  await child.stop();
  const of = (wanted: (name: string) => boolean): Figure[] => figures.filter(({ name }) => wanted(name));
  return {
    claims: [
      upperBound({
        text: `a decision with 100,000 rules <= ${FLAT_MAX} x one with 10`,
        bound: FLAT_MAX,
        // The worst of allow and deny, and of the shapes of policy.
        values: [Math.max(...of((name) => FLAT.test(name)).map(({ value }) => value))],
        unit: ' x',
      }),
    ],
    tables: [
      {
        title: 'one decision; distinct requests in turn, each with its own rule',
        columns: ['decision', 'figure', 'unit'],
        rows: of((name) => name.includes(' requests, ')).map(({ name, value, unit }) => [
          name,
          round(value),
          unit,
        ]),
      },
    ],
    data: { figures },
  };
}
