// Runs cases and invariants: cases on the proxy's own engine, invariants by proof.
import { SallyportError } from '../../core/errors.ts';
import type { ExampleRequest } from '../../policy/algebra/example.ts';
import { type Proof, prove } from '../../policy/algebra/invariants.ts';
import { type Coverage, CoverageMeter } from '../../policy/cases/coverage.ts';
import type { CasesFile, NamedInvariant, PolicyCase } from '../../policy/cases/model.ts';
import { requestOfCase, type WrittenRequest, writtenRequest } from '../../policy/cases/request.ts';
import type { Workload } from '../../policy/model.ts';
import { type JudgedRequest, readRequestJson } from '../../policy/request-json.ts';
import { type ExplainFrom, explainLine } from './explain-line.ts';
import type { PolicyInput } from './input.ts';
import { type Answer, Judge } from './judge.ts';
import { isRecord } from './requests.ts';

/** One case with what came of it. */
export interface CaseResult {
  readonly of: PolicyCase;
  readonly answer: Answer;
  /** `expected deny, got allow`; empty: it passed. */
  readonly problems: readonly string[];
  /** A command to paste; null when it passed, or nothing can be pasted safely. */
  readonly explain: string | null;
}

/** One invariant: the first part that does not hold, else that all do. */
export interface InvariantResult {
  readonly of: NamedInvariant;
  readonly proof: Proof;
  readonly explain: string | null;
}

/** One file of the report. */
export interface FileResult {
  readonly file: string;
  readonly cases: readonly CaseResult[];
  readonly invariants: readonly InvariantResult[];
}

/** Everything that one run found. */
export interface TestReport {
  readonly files: readonly FileResult[];
  readonly coverage: Coverage | null;
  readonly input: PolicyInput;
}

/** Judges all cases and proves all invariants. @throws ERR_REQUEST_…, ERR_CASES_INVALID */
export function runTests(
  files: readonly CasesFile[],
  from: ExplainFrom,
  options: { readonly coverage: boolean },
): TestReport {
  const { input } = from;
  const judge = new Judge(input);
  const meter = options.coverage
    ? new CoverageMeter(input.parsed.policies, input.options, input.nowMs)
    : null;
  const proofs = provedAll(files, input);
  const results = files.map(({ file, cases, invariants }): FileResult => {
    return {
      file,
      cases: cases.map((one) => runCase(one, { judge, meter, from })),
      invariants: invariants.map((one) => invariantResult(one, proofs, { judge, from })),
    };
  });
  return { files: results, coverage: meter?.result() ?? null, input };
}

/** True when nothing failed; coverage has its own bound. */
export const allPassed = ({ files }: TestReport): boolean =>
  files.every(
    ({ cases, invariants }) =>
      cases.every(({ problems }) => problems.length === 0) &&
      invariants.every(({ proof }) => proof.verdict === 'holds'),
  );

interface Running {
  readonly judge: Judge;
  readonly from: ExplainFrom;
}

function runCase(
  one: PolicyCase,
  { judge, meter, from }: Running & { readonly meter: CoverageMeter | null },
): CaseResult {
  const { input } = from;
  const value = requestOfCase(one, input.options.localTrustDomain);
  const read = readRequestJson(value, input.pathMode(portOf(value)));
  if ('faults' in read) throw new Error('the faults of a request were told when it was read');
  const workload = workloadOf(judge, read.judged, one);
  const answer = judge.judge(read.judged, workload);
  meter?.add(one, { judged: read.judged, workload, answer });
  const problems = problemsOf(one, answer);
  const request =
    'json' in one.request ? one.request : writtenRequest(one.request.facts, input.options.localTrustDomain);
  return { of: one, answer, problems, explain: problems.length === 0 ? null : explainLine(from, request) };
}

function problemsOf({ expected }: PolicyCase, { verdict, reason, rules, audit, dryRun }: Answer): string[] {
  const said = [...rules, ...(audit ?? []), ...(dryRun?.rules ?? [])];
  return [
    ...(expected.expect === verdict ? [] : [`expected ${expected.expect}, got ${verdict}`]),
    ...(expected.rule === undefined || said.includes(expected.rule)
      ? []
      : [`expected the rule ${expected.rule}, got ${rules.length === 0 ? 'none' : rules.join(', ')}`]),
    ...(expected.reason === undefined || expected.reason === reason
      ? []
      : [`expected the reason ${expected.reason}, got ${reason}`]),
  ];
}

/** @throws ERR_CASES_INVALID at the place of the case */
function workloadOf(judge: Judge, judged: JudgedRequest, { at, name }: PolicyCase): Workload {
  try {
    return judge.workloadOf(judged);
  } catch (error) {
    if (!(error instanceof SallyportError) || error.code !== 'ERR_REQUEST_DESTINATION') throw error;
    const hint = error.message.includes('no destination')
      ? 'add `to: {namespace: …}`, here or in `defaults`'
      : error.hint;
    throw new SallyportError('ERR_CASES_INVALID', 'the cases have errors, and nothing was tested', {
      diagnostics: [
        {
          severity: 'error',
          code: error.code,
          message: `\`${name}\`: ${error.message}`,
          ...(hint === undefined ? {} : { hint }),
          at,
        },
      ],
    });
  }
}

function portOf(value: unknown): number | null {
  const destination = isRecord(value) ? value['destination'] : null;
  const port = isRecord(destination) ? destination['port'] : null;
  return typeof port === 'number' ? port : null;
}

/** Every part of every invariant, proved in one space. */
function provedAll(files: readonly CasesFile[], { parsed, options, nowMs }: PolicyInput): Map<object, Proof> {
  const parts = files.flatMap(({ invariants }) => invariants.flatMap((one) => one.parts));
  const proofs = parts.length === 0 ? [] : prove(parts, parsed.policies, options, nowMs);
  return new Map(parts.map((part, index) => [part, proofs[index] ?? { verdict: 'holds' }]));
}

function invariantResult(
  one: NamedInvariant,
  proofs: ReadonlyMap<object, Proof>,
  running: Running,
): InvariantResult {
  const all = one.parts.flatMap((part) => proofs.get(part) ?? []);
  const proof = all.find(({ verdict }) => verdict === 'refuted') ??
    all.find(({ verdict }) => verdict === 'undecided') ?? { verdict: 'holds' };
  const explain = proof.verdict === 'refuted' ? explainExample(proof.example, running) : null;
  return { of: one, proof, explain };
}

/** A shorter request, when the engine answers it just as the whole one. */
function explainExample(example: ExampleRequest, { judge, from }: Running): string | null {
  const { http, destination } = example;
  if (http === null) return from.input.workload === null ? explainLine(from, example) : null;
  const short: WrittenRequest = {
    ...example,
    ...{ sourceIp: null, remoteIp: null, sni: null },
    destination: { ...destination, ip: null },
    http: { ...http, host: http.host.includes(':') ? http.host : `${http.host}:${destination.port}` },
  };
  // With a configuration, `explain` knows its workload only.
  if (from.input.workload !== null) return null;
  const answerTo = (request: WrittenRequest): string | null => {
    const read = readRequestJson(request, 'reject');
    if ('faults' in read) return null;
    const { verdict, rules } = judge.judge(read.judged, judge.workloadOf(read.judged));
    return `${verdict} ${rules}`;
  };
  const [whole, less] = [answerTo(example), answerTo(short)];
  return explainLine(from, whole !== null && whole === less ? short : example);
}
