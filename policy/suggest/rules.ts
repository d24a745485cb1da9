// From entries to rules: callers that do exactly the same share one, and its operations are as few as say no
// more than was seen.
import { type Confidence, confidenceOf } from './confidence.ts';
import type { Entry } from './entries.ts';
import { byText, type Evidence, sumEvidence } from './evidence.ts';
import type { Origin } from './templates.ts';

/** One `operation`: every method with every path at every port. */
export interface SuggestedOperation {
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
  readonly ports: readonly string[];
}

/** One rule, and what it was learned from. */
export interface SuggestedRule {
  /** As a policy names them: without scheme. */
  readonly principals: readonly string[];
  readonly operations: readonly SuggestedOperation[];
  readonly evidence: Evidence;
  readonly confidence: Confidence;
  /** How each template came about. */
  readonly templates: ReadonlyMap<string, Origin>;
}

/** Rules for entries of one workload, most requests first. */
export function rulesOf(entries: readonly Entry[]): SuggestedRule[] {
  const byCaller = Map.groupBy(entries, ({ pair }) => pair.caller);
  const alike = Map.groupBy(byCaller, ([, own]) => JSON.stringify(own.map(signature)));
  return [...alike.values()]
    .map((callers) => ruleOf(callers))
    .sort(
      (a, b) =>
        b.evidence.requests - a.evidence.requests || byText(a.principals[0] ?? '', b.principals[0] ?? ''),
    );
}

const signature = ({ pair, method, path, excluded }: Entry) => [pair.port, method, path, excluded] as const;

function ruleOf(callers: readonly (readonly [string, readonly Entry[]])[]): SuggestedRule {
  const all = callers.flatMap(([, entries]) => entries);
  const parts = Map.groupBy(all, ({ pair, method, path }) => `${pair.port} ${method} ${path}`);
  const templates = new Map<string, Origin>();
  for (const { path, origin } of all)
    if (origin !== 'exact' && templates.get(path) !== 'recorded') templates.set(path, origin);
  return {
    principals: callers.map(([caller]) => caller.slice('spiffe://'.length)).sort(byText),
    operations: operationsOf(callers[0]?.[1] ?? []),
    evidence: sumEvidence(all.map(({ evidence }) => evidence)),
    confidence: confidenceOf([...parts.values()].map((same) => sumEvidence(same.map((e) => e.evidence)))),
    templates,
  };
}

/** Entries with the same methods and ports share an operation, but one that excludes paths stands alone. */
function operationsOf(entries: readonly Entry[]): SuggestedOperation[] {
  const byPath = Map.groupBy(entries, ({ pair, path, excluded }) =>
    JSON.stringify([pair.port, path, excluded]),
  );
  const lines = [...byPath.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const { path, excluded, pair } = first;
    return [
      { methods: same.map(({ method }) => method).sort(byText), path, excluded, port: String(pair.port) },
    ];
  });
  const alike = Map.groupBy(lines, ({ methods, excluded, path, port }) =>
    JSON.stringify([port, methods, excluded, excluded.length === 0 ? null : path]),
  );
  const operations = [...alike.values()].flatMap((same): SuggestedOperation[] => {
    const [first] = same;
    if (first === undefined) return [];
    const paths = same.map(({ path }) => path).sort(byText);
    return [{ methods: first.methods, paths, notPaths: first.excluded, ports: [first.port] }];
  });
  const byPorts = Map.groupBy(operations, ({ ports: _, ...rest }) => JSON.stringify(rest));
  return [...byPorts.values()].flatMap((same): SuggestedOperation[] => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, ports: same.flatMap(({ ports }) => ports) }];
  });
}
