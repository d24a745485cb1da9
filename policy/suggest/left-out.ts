// What is not suggested, counted by reason, with a few examples: nothing is left out in silence.
import type { FlowRecord } from '../flows/record.ts';
import { addEvidence, byText, type Evidence, noEvidence } from './evidence.ts';
import { EXAMPLES_MAX, LEFT_OUT_CALLERS_MAX } from './limits.ts';
import { LEFT_OUT, type LeftOutReason } from './sift.ts';

/** One kind of traffic that is not suggested. */
export interface LeftOut {
  readonly reason: LeftOutReason;
  readonly what: string;
  readonly evidence: Evidence;
  /** Different callers, as far as they are told apart. */
  readonly callers: number;
  /** Raw text: `caller -> namespace/workload METHOD path`. */
  readonly examples: readonly string[];
}

/** What was called, and by whom. */
export interface Call {
  readonly caller: string;
  readonly namespace: string;
  readonly workload: string;
  readonly method: string | null;
  readonly path: string | null;
}

interface Counted {
  readonly evidence: Evidence;
  readonly callers: Set<string>;
  readonly examples: Set<string>;
}

/** Counts what is left out. */
export class LeftOutTable {
  readonly #counted = new Map<LeftOutReason, Counted>();

  add(reason: LeftOutReason, call: Call, evidence: Evidence): void {
    const known = this.#of(reason);
    addEvidence(known.evidence, evidence);
    if (known.callers.size < LEFT_OUT_CALLERS_MAX) known.callers.add(call.caller);
    if (known.examples.size < EXAMPLES_MAX) known.examples.add(textOf(call));
  }

  record(reason: LeftOutReason, record: FlowRecord): void {
    const { source, destination, http, count, firstSeenMs, lastSeenMs } = record;
    this.add(
      reason,
      {
        caller: source === null ? 'other callers' : (source.principal ?? `plaintext ${source.ip ?? ''}`),
        namespace: destination.namespace,
        workload: destination.workload,
        method: http?.method ?? null,
        path: http?.path ?? null,
      },
      { requests: count, firstMs: firstSeenMs, lastMs: lastSeenMs },
    );
  }

  /** Most requests first. */
  rows(): LeftOut[] {
    return [...this.#counted]
      .map(([reason, { evidence, callers, examples }]) => ({
        reason,
        what: LEFT_OUT[reason],
        evidence,
        callers: callers.size,
        examples: [...examples],
      }))
      .sort((a, b) => b.evidence.requests - a.evidence.requests || byText(a.reason, b.reason));
  }

  #of(reason: LeftOutReason): Counted {
    const known = this.#counted.get(reason);
    if (known !== undefined) return known;
    const counted = { evidence: noEvidence(), callers: new Set<string>(), examples: new Set<string>() };
    this.#counted.set(reason, counted);
    return counted;
  }
}

function textOf({ caller, namespace, workload, method, path }: Call): string {
  const to = namespace === '' ? workload : `${namespace}/${workload}`;
  return `${caller} -> ${to} ${method === null ? '(many paths)' : `${method} ${path}`}`;
}
