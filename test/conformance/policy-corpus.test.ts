// The corpus against the triangle: the reference evaluator, the compiled table, and the table loaded back
// from its serialized form must all give the row's verdict, reason and rules.
import { describe, expect, test } from 'vitest';
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { readRequestJson } from '../../policy/request-json.ts';
import { residualFor } from '../../policy/residual.ts';
import { selectPolicies } from '../../policy/select.ts';
import { loadTable } from '../../policy/table.ts';
import { type CorpusRow, nowOf, optionsOf, readCorpus } from './policy-corpus.ts';

function inputOf(row: CorpusRow) {
  const options = optionsOf(row);
  const nowMs = nowOf(row);
  const parsed = parsePolicies([{ file: `${row.section}.yaml`, text: row.policies }], options, nowMs);
  expect(parsed.diagnostics.filter((diagnostic) => diagnostic.severity === 'error')).toEqual([]);
  const request = readRequestJson(row.request, 'reject');
  if ('faults' in request) throw new Error(JSON.stringify(request.faults));
  return { options, nowMs, policies: parsed.policies, judged: request.judged };
}

/** What the row speaks of: fields that it does not name are not compared. */
function compared(row: CorpusRow, decision: object): object {
  const all: Record<string, unknown> = { ...decision };
  return Object.fromEntries(Object.keys(row.expect).map((key) => [key, all[key]]));
}

const rows = readCorpus();

test('the corpus is there', () => {
  expect(rows.length).toBeGreaterThanOrEqual(150);
});

describe.each([...new Set(rows.map((row) => row.section))])('%s', (section) => {
  test.each(rows.filter((row) => row.section === section))('$name', (row) => {
    const { options, nowMs, policies, judged } = inputOf(row);
    if (judged.fault !== null) {
      expect({ verdict: 'deny', reason: judged.fault, rules: [] }).toEqual(row.expect);
      return;
    }
    const { connection, request } = judged;
    const reference = referenceEvaluate(policies, row.workload, options, connection, request, nowMs);
    expect(compared(row, reference), 'reference').toEqual(row.expect);

    const serialized = compile(selectPolicies(policies, row.workload, options), row.workload, options);
    const compiled = evaluate(residualFor(loadTable(serialized), connection, nowMs), request);
    const { ruleIndexes: _, ...decision } = compiled;
    expect(decision, 'compiled table').toEqual(reference);

    const loaded = loadTable(structuredClone(serialized));
    expect(evaluate(residualFor(loaded, connection, nowMs), request), 'loaded table').toEqual(compiled);
  });
});
