// What the proxy's own thread does in a policy swap, once the loader process has answered: reads the answer
// off the channel, puts the table to use, and derives the residual of every live connection again.
import { deserialize, serialize } from 'node:v8';
import { compile } from '../../policy/compile.ts';
import { residualFor } from '../../policy/residual.ts';
import { loadTable, type Table } from '../../policy/table.ts';
import { connectionOf, OPTIONS, policiesOf, WORKLOAD } from './decision-rules.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';

const SIZES = [1_000, 10_000, 100_000];
const CONNECTIONS = 2_000;
/** Connections of one caller share its residual. */
const CALLERS = [20, 2_000];
const RULES_PER_CALLER = 5;
const TURNS = 15;

/** Milliseconds. */
export function swapFigures(turns = TURNS, sizes: readonly number[] = SIZES): Promise<Figure[]> {
  return fastestOf(sizes.flatMap(tasksOf), turns);
}

function tasksOf(size: number): Task[] {
  const rules = `${text(size)} rules`;
  const compiled = compile(policiesOf('callers', size), WORKLOAD, OPTIONS);
  // The channel's own form: the loader process is started with `serialization: 'advanced'`.
  const answer = serialize(compiled);
  return [
    task(`answer read, ${rules}`, () => deserialize(answer)),
    task(`table put to use, ${rules}`, () => loadTable(compiled)),
    ...CALLERS.map((wanted): Task => {
      const callers = Math.min(wanted, size / RULES_PER_CALLER);
      const live = Array.from({ length: CONNECTIONS }, (_, i) =>
        connectionOf('callers', (i % callers) * RULES_PER_CALLER),
      );
      let table: Table = loadTable(compiled);
      return {
        ...task(`${text(CONNECTIONS)} connections of ${text(callers)} callers, ${rules}`, () => {
          for (const facts of live) residualFor(table, facts, 0);
        }),
        before: () => {
          table = loadTable(compiled); // one that knows no residual yet
        },
      };
    }),
  ];
}

const text = (count: number): string => count.toLocaleString('en');

function task(name: string, run: () => unknown): Task {
  return { name, unit: 'ms', operations: 1, run };
}
