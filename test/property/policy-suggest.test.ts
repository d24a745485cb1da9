// Whatever is called: the suggested policies allow each call again, on the engine of the proxy, and nothing
// that the stated bound does not: a value that was not seen stands only where enough others were.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { policiesYaml } from '../../cli/policy/suggest-yaml.ts';
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import type { PolicyOptions } from '../../policy/model.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { residualFor } from '../../policy/residual.ts';
import { entriesOf } from '../../policy/suggest/entries.ts';
import { Observed } from '../../policy/suggest/observed.ts';
import type { PathLimits } from '../../policy/suggest/path-tree.ts';
import { suggestionOf } from '../../policy/suggest/suggestion.ts';
import { loadTable, type Table } from '../../policy/table.ts';
import { call, DENIED } from '../unit/policy/flows/flow-samples.ts';

const RUNS = Number(process.env['SALLYPORT_SUGGEST_RUNS'] ?? 400);
const SEED = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 2 ** 31);
const OPTIONS: PolicyOptions = {
  ...{ rootNamespace: 'istio-system', defaultVerdict: 'deny', localTrustDomain: 'example.org' },
  ...{ trustDomains: [], trustDomainAliases: [], emergencyMaxMs: 0, acceptsPlaintext: false, tcpPorts: [] },
};

interface Call {
  readonly caller: string;
  readonly method: string;
  readonly port: number;
  readonly segments: readonly string[];
}

const segment = fc.oneof(
  fc.constantFrom('users', 'orders', 'admin', 'red', 'green', 'blue', 'new', 'old'),
  fc.integer({ min: 1, max: 7 }).map(String),
);
const anyCall: fc.Arbitrary<Call> = fc.record({
  caller: fc.constantFrom('web', 'ops', 'lab'),
  method: fc.constantFrom('GET', 'GET', 'DELETE'),
  port: fc.constantFrom(8080, 8080, 9090),
  segments: fc
    .tuple(fc.constantFrom('users', 'orders'), fc.array(segment, { maxLength: 3 }))
    .map(([first, rest]) => [first, ...rest]),
});
/** The same call with several values at one place: what templates are made of. */
const family: fc.Arbitrary<Call[]> = fc
  .tuple(anyCall, fc.nat({ max: 2 }), fc.array(segment, { minLength: 1, maxLength: 10 }))
  .map(([one, at, values]) =>
    values.map((value) => ({
      ...one,
      segments: at + 1 < one.segments.length ? one.segments.with(at + 1, value) : one.segments,
    })),
  );
const limits: fc.Arbitrary<PathLimits> = fc.record({
  valuesMin: fc.integer({ min: 2, max: 4 }),
  widthMax: fc.integer({ min: 2, max: 5 }),
});

const pathOf = ({ segments }: Call): string => `/${segments.join('/')}`;

function tableOf(calls: readonly Call[], denied: readonly Call[], learning: PathLimits): Table {
  const observed = new Observed(learning);
  const observe = (one: Call, change: object = {}): void => {
    const destination = { workload: 'cart', namespace: 'shop', port: one.port };
    const http = { method: one.method, path: pathOf(one) };
    const record = call([one.caller, 'cart'], 0, { destination, http, ...change });
    observed.request({ record, status: 200, grpcStatus: null });
  };
  for (const one of calls) observe(one);
  for (const one of denied) observe(one, DENIED);
  const entries = entriesOf(observed, { minCount: 1, trustDomain: 'example.org' });
  const naming = { rootNamespace: 'istio-system', label: 'app', labels: new Map(), suffix: '' };
  const documents = policiesYaml(suggestionOf(entries, observed.leftOut, naming), learning);
  const parsed = parsePolicies([{ file: 'suggested', text: documents.join('---\n') }], OPTIONS, 0);
  expect(parsed.diagnostics).toEqual([]);
  const workload = { namespace: 'shop', serviceAccount: null, labels: { app: 'cart' } };
  return loadTable(compile(parsed.policies, workload, OPTIONS));
}

function allows(table: Table, { caller, method, port, ...rest }: Call): boolean {
  const connection = {
    ...{ principal: `spiffe://example.org/ns/shop/sa/${caller}`, sourceIp: null, remoteIp: null },
    ...{ destinationIp: null, destinationPort: port, sni: null },
  };
  const path = pathOf({ caller, method, port, ...rest });
  const http = { method, path, host: '', headerValues: () => undefined };
  return evaluate(residualFor(table, connection, 0), { http, remoteIp: null }).verdict === 'allow';
}

/**
 * The bound, told apart from how it is kept: there are places of the path at which this caller had, with this
 * method and port and all else equal, enough different values each; none of them is the first.
 */
function isWithinBound(asked: Call, calls: readonly Call[], { valuesMin }: PathLimits): boolean {
  const alike = calls.filter(
    ({ caller, method, port, segments }) =>
      caller === asked.caller &&
      method === asked.method &&
      port === asked.port &&
      segments.length === asked.segments.length,
  );
  for (let wild = 0; wild < 2 ** asked.segments.length; wild += 2) {
    const isWild = (at: number): boolean => ((wild >> at) & 1) === 1;
    const same = alike.filter(({ segments }) =>
      segments.every((one, at) => isWild(at) || one === asked.segments[at]),
    );
    const enough = asked.segments.every(
      (_, at) => !isWild(at) || new Set(same.map(({ segments }) => segments[at])).size >= valuesMin,
    );
    if (same.length > 0 && enough) return true;
  }
  return false;
}

test(`suggested policies keep their bound (seed ${SEED}, ${RUNS} runs)`, { timeout: 0 }, () => {
  let beyond = 0;
  fc.assert(
    fc.property(
      fc.array(family, { minLength: 1, maxLength: 12 }),
      fc.array(anyCall, { maxLength: 5 }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), segment), { minLength: 20, maxLength: 60 }),
      limits,
      (families, denied, turns, learning) => {
        const calls = families.flat();
        // One value of a call that was seen is another.
        const others = turns.map(([which, at, value]): Call => {
          const one = calls[which % calls.length] ?? { caller: '', method: '', port: 1, segments: [] };
          const { segments } = one;
          return { ...one, segments: at < segments.length ? segments.with(at, value) : segments };
        });
        const table = tableOf(calls, denied, learning);
        for (const one of calls) expect([allows(table, one), one]).toEqual([true, one]);
        for (const one of [...others, ...denied]) {
          if (!allows(table, one)) continue;
          expect([isWithinBound(one, calls, learning), one]).toEqual([true, one]);
          if (!calls.some((known) => JSON.stringify(known) === JSON.stringify(one))) beyond++;
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
  // Otherwise nothing was shown: templates allow what was not seen.
  expect(beyond).toBeGreaterThan(RUNS / 10);
});
