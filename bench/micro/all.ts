// Every micro-bench by name.
import { checkFigures } from './check.ts';
import { compileFigures } from './compile.ts';
import { decisionFigures } from './decision.ts';
import { differenceFigures } from './differences.ts';
import { handshakeFigures } from './handshake.ts';
import { headFigures } from './head-parser.ts';
import { logLineFigures } from './log-line.ts';
import type { Figure } from './measure.ts';
import { recordFigures } from './record.ts';
import { simulateFigures } from './simulate.ts';
import { suggestFigures } from './suggest.ts';
import { svidFigures } from './svid.ts';
import { swapFigures } from './swap.ts';
import { workloadApiFigures } from './workload-api.ts';

export interface MicroBench {
  readonly name: string;
  readonly summary: string;
  /** `turns`: fewer are sooner done and noisier. */
  run(turns?: number): Promise<Figure[]>;
}

export const MICRO_BENCHES: readonly MicroBench[] = [
  {
    name: 'decision',
    summary: 'one decision on a known connection: 10, 1,000 and 100,000 rules, two shapes of policy',
    run: async () => (await decisionFigures()).figures,
  },
  {
    name: 'compile',
    summary: 'policy text to a table, as the loader process does it: 10, 1,000 and 10,000 rules',
    run: compileFigures,
  },
  {
    name: 'diff',
    summary: 'what a change of policies means: 1,000 rules against themselves, ten changed, all others',
    run: differenceFigures,
  },
  {
    name: 'check',
    summary: '`policy check` of 100,000 rules; compiling and swapping as many',
    run: checkFigures,
  },
  {
    name: 'swap',
    summary: "from the loader's answer to a new table that judges every live connection",
    run: swapFigures,
  },
  {
    name: 'head',
    summary: 'a request or response head parsed and written anew, and chunked bodies',
    run: headFigures,
  },
  {
    name: 'record',
    summary: 'what is recorded of one request: counters, flow and log, by kind of traffic',
    run: recordFigures,
  },
  {
    name: 'log',
    summary: 'one line of the decision log, for a denied request: its text, and the text put into the queue',
    run: logLineFigures,
  },
  {
    name: 'simulate',
    summary: 'lines of the decision log replayed by `policy simulate`, judged by 1,000 rules',
    run: simulateFigures,
  },
  {
    name: 'handshake',
    summary: 'CPU time of the server in a full mutual TLS 1.3 handshake: ours, and a bare node:tls',
    run: handshakeFigures,
  },
  {
    name: 'svid',
    summary: 'one peer certificate: issued, read, verified for the first time and again',
    run: svidFigures,
  },
  {
    name: 'suggest',
    summary: 'policies from a million lines of flow records, and of a decision log: time and peak memory',
    run: suggestFigures,
  },
  {
    name: 'workload-api',
    summary: 'start and memory of a client of the SPIFFE Workload API: ours, and @grpc/grpc-js',
    run: workloadApiFigures,
  },
];
