// What one decision costs on a connection whose residual is known: 10, 1,000 and 100,000 rules, two shapes of
// policy.
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import type { RequestFacts } from '../../policy/request.ts';
import { type Residual, residualFor } from '../../policy/residual.ts';
import { loadTable } from '../../policy/table.ts';
import { connectionOf, OPTIONS, policiesOf, requestOf, type Shape, WORKLOAD } from './decision-rules.ts';
import { type Figure, fastestOf, ratioOf, type Task } from './measure.ts';

const SIZES = [10, 1_000, 100_000];
const SHAPES: readonly Shape[] = ['callers', 'paths'];
// Distinct requests in turn, each with its own rule: a usual working set, and one that with its strings,
// residuals and decisions is larger than a core's second-level cache, so that it shows the memory's latency
// too.
const REQUESTS = [256, 2_048];
const TURNS = 12;
const IN_A_ROW = 6;

interface Asked {
  readonly residual: Residual;
  readonly request: RequestFacts;
}

/** One kind of request: the time with the largest table over that with the smallest. */
export interface Flatness {
  readonly requests: number;
  readonly ratio: number;
}

/** Nanoseconds per decision, and the largest table against the smallest. */
export async function decisionFigures(
  turns = TURNS,
  sizes: readonly number[] = SIZES,
): Promise<{ figures: Figure[]; flatness: Flatness[] }> {
  const figures = await fastestOf(
    SHAPES.flatMap((shape) => sizes.flatMap((size) => tasksOf(shape, size))),
    turns,
  );
  const [smallest = 0] = sizes;
  const largest = sizes.at(-1) ?? 0;
  const series = SHAPES.flatMap((shape) =>
    REQUESTS.flatMap((requests) => VERDICTS.map((verdict) => ({ shape, requests, verdict }))),
  );
  const flat = series.map((of) => ({
    name: nameOf(of, `${largest.toLocaleString('en')} against ${smallest}`),
    value: ratioOf(figures, nameOf(of, largest), nameOf(of, smallest)),
    unit: 'x',
  }));
  const flatness = flat.map(({ value }, i) => ({ requests: series[i]?.requests ?? 0, ratio: value }));
  return { figures: [...figures, ...flat], flatness };
}

const VERDICTS = ['allow', 'deny'] as const;

interface Series {
  readonly shape: Shape;
  readonly requests: number;
  readonly verdict: (typeof VERDICTS)[number];
}

function nameOf({ shape, requests, verdict }: Series, rules: number | string): string {
  return `${verdict} ${shape}, ${requests} requests, ${rules.toLocaleString('en')} rules`;
}

function tasksOf(shape: Shape, size: number): Task[] {
  const table = loadTable(compile(policiesOf(shape, size), WORKLOAD, OPTIONS));
  return REQUESTS.flatMap((requests) =>
    VERDICTS.map((verdict): Task => {
      const name = nameOf({ shape, requests, verdict }, size);
      const asked = Array.from({ length: requests }, (_, k): Asked => {
        const i = (k * 7919) % size;
        return {
          residual: residualFor(table, connectionOf(shape, i), 0),
          request: requestOf(i, verdict === 'allow'),
        };
      });
      check(asked, verdict, name);
      return { name, unit: 'ns', operations: requests, inARow: IN_A_ROW, run: () => askAll(asked) };
    }),
  );
}

function check(all: readonly Asked[], verdict: string, name: string): void {
  for (const { residual, request } of all) {
    const decision = evaluate(residual, request);
    if (decision.verdict !== verdict)
      throw new Error(`${name}: ${request.http?.path} got ${decision.verdict}`);
  }
}

/** The result is used, so that the loop cannot be optimised away. */
function askAll(asked: readonly Asked[]): number {
  let allowed = 0;
  for (let i = 0; i < asked.length; i++) {
    const { residual, request } = asked[i] as Asked;
    if (evaluate(residual, request).verdict === 'allow') allowed++;
  }
  return allowed;
}
