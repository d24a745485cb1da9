// What one decision costs, and what it costs to get there: 10, 1,000 and 100,000 rules, two shapes of policy.
// Run: node bench/micro/decision.ts [--json]
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import type { RequestFacts } from '../../policy/request.ts';
import { type Residual, residualFor } from '../../policy/residual.ts';
import { loadTable, type Table } from '../../policy/table.ts';
import type { SerializedTable } from '../../policy/table-serial.ts';
import { connectionOf, OPTIONS, policiesOf, requestOf, type Shape, WORKLOAD } from './decision-rules.ts';
import { type Figure, fastest, nanosecondsPer, report } from './measure.ts';

const SIZES = [10, 1000, 100_000];
const SHAPES: readonly Shape[] = ['callers', 'paths'];
// Distinct requests in turn, each with its own rule: a usual working set, and one that with its strings,
// residuals and decisions is larger than a core's second-level cache, so that it shows the memory's latency
// too.
const REQUESTS = [256, 2048];
const REPEATS = 60;
// Passes in a row over one set before the next set's turn: the first finds the caches full of other sets.
const PASSES = 6;

interface Prepared {
  readonly name: (size: number | string) => string;
  readonly size: number;
  readonly asked: readonly Asked[];
}

interface Asked {
  readonly residual: Residual;
  readonly request: RequestFacts;
}

/**
 * All figures. Decisions are measured in turns over all sizes, so that a busy machine disturbs each alike.
 */
export function decisionFigures(): Figure[] {
  const figures: Figure[] = [];
  const prepared: Prepared[] = [];
  for (const shape of SHAPES) {
    for (const size of SIZES) {
      const { table, building } = build(shape, size);
      figures.push(...building);
      for (const requests of REQUESTS) {
        for (const verdict of ['allow', 'deny'] as const) {
          const asked = Array.from({ length: requests }, (_, k) => {
            const i = (k * 7919) % size;
            return { residual: residualOf(table, shape, i), request: requestOf(i, verdict === 'allow') };
          });
          check(asked, verdict, `${shape} ${size}`);
          prepared.push({
            name: (of) => `${verdict} ${shape}, ${requests} requests, ${of} rules`,
            size,
            asked,
          });
        }
      }
    }
  }
  const best = new Map<string, number>();
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const { name, size, asked } of prepared) {
      for (let pass = 0; pass < PASSES; pass++) {
        best.set(name(size), Math.min(best.get(name(size)) ?? Number.POSITIVE_INFINITY, askAll(asked)));
      }
    }
  }
  for (const { name, size } of prepared) {
    const value = best.get(name(size)) ?? Number.NaN;
    figures.push({ name: name(size), value, unit: 'ns' });
    const smallest = best.get(name(SIZES[0] ?? 0)) ?? Number.NaN;
    if (size === SIZES.at(-1))
      figures.push({ name: name('100,000 against 10'), value: value / smallest, unit: 'x' });
  }
  return figures;
}

function build(shape: Shape, size: number): { table: Table; building: Figure[] } {
  const policies = policiesOf(shape, size);
  const name = `${shape} ${size}`;
  let serialized: SerializedTable | null = null;
  const compileNs = fastest(size > 10_000 ? 2 : 10, () => {
    serialized = compile(policies, WORKLOAD, OPTIONS);
  });
  if (serialized === null) throw new Error('nothing was compiled');
  const ready: SerializedTable = serialized;
  const loadNs = fastest(20, () => loadTable(ready));
  // A residual is built once for a class of connections: a fresh table each time, so that none is found.
  const tables = Array.from({ length: 20 }, () => loadTable(ready));
  const residualNs = fastest(tables.length, (i) => residualOf(tables[i] as Table, shape, 0));
  const table = loadTable(ready);
  residualOf(table, shape, 0);
  const cachedNs = fastest(200, () => residualOf(table, shape, 0));
  return {
    table,
    building: [
      { name: `compile ${name}`, value: compileNs / 1e6, unit: 'ms' },
      { name: `load ${name}`, value: loadNs / 1e6, unit: 'ms' },
      { name: `residual ${name}`, value: residualNs / 1e3, unit: 'µs' },
      { name: `residual, known class ${name}`, value: cachedNs / 1e3, unit: 'µs' },
      { name: `table ${name}`, value: bytesOf(ready) / 1e6, unit: 'MB' },
    ],
  };
}

function residualOf(table: Table, shape: Shape, i: number): Residual {
  return residualFor(table, connectionOf(shape, i), 0);
}

function bytesOf({ code, groups, rules, hash, nodes, lists, cidrs, blob }: SerializedTable): number {
  return [code, groups, rules, hash, nodes, lists, cidrs].reduce((n, a) => n + a.byteLength, blob.length);
}

function check(all: readonly Asked[], verdict: string, name: string): void {
  for (const { residual, request } of all) {
    const decision = evaluate(residual, request);
    if (decision.verdict !== verdict)
      throw new Error(`${name}: ${request.http?.path} got ${decision.verdict}`);
  }
}

/** Nanoseconds per decision. */
function askAll(asked: readonly Asked[]): number {
  let allowed = 0;
  const ns = nanosecondsPer(asked.length, () => {
    for (let i = 0; i < asked.length; i++) {
      const { residual, request } = asked[i] as Asked;
      if (evaluate(residual, request).verdict === 'allow') allowed++;
    }
  });
  // The result is used, so that the loop cannot be optimised away.
  if (allowed < 0) throw new Error('unreachable');
  return ns;
}

if (import.meta.main) report(decisionFigures(), process.argv.includes('--json'));
