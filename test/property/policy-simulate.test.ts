// A verdict on a record that lacks fields is the verdict whatever those fields are; with all of them it is
// the verdict. On generated policies and requests, against the reference evaluator.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalPath } from '../../core/path.ts';
import { isOfTemplate } from '../../policy/flows/template.ts';
import type { Policy } from '../../policy/model.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import type { HttpFacts } from '../../policy/request.ts';
import { clausesOf } from '../../policy/simulate/fields.ts';
import { Outlook } from '../../policy/simulate/outlook.ts';
import type { RecordedPath, RecordedRequest } from '../../policy/simulate/recorded.ts';
import { type Asked, asked, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_SIMULATE_RUNS'] ?? 500);
const SEED = Number(process.env['SALLYPORT_SIMULATE_SEED'] ?? Date.now() & 0x7fffffff);

const HIDABLE = [
  ...(['principal', 'sourceIp', 'remoteIp', 'destinationIp', 'port', 'sni', 'method', 'host'] as const),
  ...(['headers', 'path', 'labels', 'namespace'] as const),
];
type Hidable = (typeof HIDABLE)[number];

const TEMPLATES = [
  '/{*}',
  '/a/{*}',
  '/a/{**}',
  '/{**}',
  '/a/b/{*}',
  '/{*}/b',
  '/b/{*}',
  '/a/{*}/c',
  '/ab{*}',
];

interface Hidden {
  readonly fields: readonly Hidable[];
  readonly template: string;
}

const hidden: fc.Arbitrary<Hidden> = fc.record({
  fields: fc.subarray(HIDABLE, { maxLength: 3 }),
  template: fc.constantFrom('', '', ...TEMPLATES),
});

/** The record of a request, without what is hidden. */
function recorded(
  { connection, request }: Asked,
  http: HttpFacts,
  set: readonly Policy[],
  { fields }: Hidden,
): RecordedRequest {
  const seen = <T>(field: Hidable, value: T): T | undefined => (fields.includes(field) ? undefined : value);
  const names = set.flatMap(({ rules }) =>
    rules
      .flatMap(clausesOf)
      .flat()
      .map(({ key }) => key ?? ''),
  );
  const headers = names.map((name) => [name, http.headerValues(name) ?? []] as const);
  const remoteIp = connection.remoteIp === undefined ? request.remoteIp : connection.remoteIp;
  return {
    format: 'log',
    direction: 'inbound',
    principal: seen('principal', connection.principal),
    callerName: undefined,
    sourceIp: seen('sourceIp', connection.sourceIp ?? undefined),
    remoteIp: seen('remoteIp', remoteIp ?? undefined),
    destinationIp: seen('destinationIp', connection.destinationIp ?? undefined),
    port: seen('port', connection.destinationPort ?? undefined),
    sni: seen('sni', connection.sni),
    method: seen('method', http.method),
    path: undefined,
    host: seen('host', http.host),
    headers: new Map(fields.includes('headers') ? [] : headers),
    workload: {
      namespace: seen('namespace', WORKLOAD.namespace),
      name: undefined,
      labels: seen('labels', WORKLOAD.labels),
    },
    outcome: { verdict: 'allow', reason: '', rules: [], wouldBe: null, refused: false },
  };
}

function pathOf(http: HttpFacts, { fields, template }: Hidden): RecordedPath | undefined {
  if (fields.includes('path')) return undefined;
  const isTemplate = template !== '' && isOfTemplate(template, http.path);
  return { text: isTemplate ? template : http.path, isTemplate };
}

test(`what is decided is so whatever is hidden (seed ${SEED}, ${RUNS} runs)`, { timeout: 0 }, () => {
  let judged = 0;
  let decided = 0;
  fc.assert(
    fc.property(
      policies,
      optionsOf,
      fc.array(fc.tuple(asked, hidden), { maxLength: 12 }),
      (set, options, all) => {
        for (const [one, hide] of all) {
          const { http } = one.request;
          if (http === null || canonicalPath(http.path, 'reject').path !== http.path) continue;
          if (canonicalPath(http.path, 'reject').fault !== null) continue;
          // An address or port that the connection does not have is a hidden one here: records cannot tell.
          const outlook = new Outlook({ policies: set, options, nowMs: one.nowMs, pathMode: () => 'reject' });
          const { connection, request, nowMs } = one;
          const opinion = outlook.about(recorded(one, http, set, hide))(pathOf(http, hide));
          const reference = referenceEvaluate(set, WORKLOAD, options, connection, request, nowMs);
          judged++;
          if (opinion.verdict === 'unknown') {
            expect(opinion.missing).not.toEqual([]);
            continue;
          }
          decided++;
          expect(opinion.verdict).toBe(reference.verdict);
          const whole = hide.fields.length === 0 && hide.template === '' && opinion.missing.length === 0;
          const { sourceIp, remoteIp, destinationIp, destinationPort } = connection;
          const told = [sourceIp, remoteIp ?? request.remoteIp, destinationIp, destinationPort];
          if (whole && !told.includes(null)) expect(opinion.rules).toEqual(reference.rules);
        }
      },
    ),
    { seed: SEED, numRuns: RUNS },
  );
  expect(decided / judged).toBeGreaterThan(0.5);
});
