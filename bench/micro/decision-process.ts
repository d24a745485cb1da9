// The micro-bench of decisions as a process of the harness: sends its figures and ends.
import { decisionFigures } from './decision.ts';

process.send?.(await decisionFigures());
process.disconnect?.();
