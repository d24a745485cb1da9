// The micro-bench of decisions as a process of the harness, called with the number of turns: sends its
// figures and ends.
import { decisionFigures } from './decision.ts';

process.send?.(await decisionFigures(Number(process.argv[2] ?? 20)));
process.disconnect?.();
