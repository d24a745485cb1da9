// `sallyport policy test PATH… --cases FILE…`: named cases on the proxy's own engine, invariants by proof,
// and which rules the cases have shown at work.
import { resolve } from 'node:path';
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { watchPaths } from '../../core/file-watch.ts';
import type { CasesFile } from '../../policy/cases/model.ts';
import { parseCases } from '../../policy/cases/parse.ts';
import { requestOfCase } from '../../policy/cases/request.ts';
import type { PolicyOptions } from '../../policy/model.ts';
import type { PolicyFile } from '../../policy/parse.ts';
import { readPolicyFiles } from '../../policy/read-files.ts';
import { parseOptions, usage } from '../args.ts';
import { describeError } from '../dispatch.ts';
import type { Io, Verb } from '../io.ts';
import { printable } from '../text.ts';
import { refuseErrors } from './diff.ts';
import { soleTrustDomain } from './explain-selection.ts';
import {
  POLICY_OPTIONS,
  type PolicyArguments,
  type PolicyInput,
  printFindings,
  readConfiguration,
  readPolicies,
} from './input.ts';
import { usualTrustDomain } from './requests.ts';
import { coverageReached } from './test-coverage.ts';
import { writeJunit } from './test-junit.ts';
import { allPassed, runTests } from './test-run.ts';
import { reportJson, reportText } from './test-text.ts';

/** One line for `--help`. */
export const POLICY_TEST_USAGE =
  'sallyport policy test PATH… --cases FILE… [--config FILE] [--junit FILE] [--coverage [MIN]] [--watch] [--root-namespace NS] [--trust-domain TD] [--json]';

/** What one run needs to know. */
interface TestRun {
  readonly args: PolicyArguments & { readonly policy: readonly string[] };
  readonly cases: readonly string[];
  readonly junit: string | undefined;
  /** Percent of rules and of elements; null: coverage is not asked. */
  readonly coverage: number | null;
  readonly json: boolean;
}

/** Exit 0 when everything held, 1 when not or covered too little, 2 for wrong usage or input. */
export const policyTest: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: spelledOut(args),
      allowPositionals: true,
      options: {
        ...POLICY_OPTIONS,
        cases: { type: 'string', multiple: true },
        junit: { type: 'string' },
        coverage: { type: 'string' },
        watch: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    POLICY_TEST_USAGE,
  );
  const policy = [...positionals, ...(values.policy ?? [])];
  const cases = values.cases ?? [];
  if (policy.length === 0 && values.config === undefined) throw usage('no path is named', POLICY_TEST_USAGE);
  if (cases.length === 0) throw usage('`--cases` is missing', POLICY_TEST_USAGE);
  const run: TestRun = {
    args: { ...values, policy },
    cases,
    junit: values.junit,
    coverage: values.coverage === undefined ? null : percent(values.coverage),
    json: values.json,
  };
  return values.watch ? watched(run, io) : runOnce(run, io);
};

/** `--cases a b` as `--cases=a --cases=b`, and `--coverage` without a number as one of 0. */
function spelledOut(args: readonly string[]): string[] {
  const out: string[] = [];
  let naming = false;
  for (const [index, arg] of args.entries()) {
    const isMin = args[index - 1] === '--coverage' && /^\d+(\.\d+)?%?$/.test(arg);
    if (isMin) out[out.length - 1] = `--coverage=${arg}`;
    else if (arg === '--coverage') out.push('--coverage=0');
    else if (naming && !arg.startsWith('-')) out.push(`--cases=${arg}`);
    else if (arg !== '--cases') out.push(arg);
    if (!isMin) naming = arg === '--cases' || (naming && !arg.startsWith('-'));
  }
  return out;
}

function percent(text: string): number {
  const value = Number(text.replace('%', ''));
  if (value >= 0 && value <= 100) return value;
  throw usage(`\`--coverage ${text}\` is no percentage`, 'a number from 0 to 100');
}

async function runOnce(run: TestRun, io: Io): Promise<number> {
  const { input, files } = await load(run, io);
  const from = { args: run.args, input };
  const report = runTests(files, from, { coverage: run.coverage !== null });
  io.out(run.json ? reportJson(report) : reportText(io, report));
  const enough = coverageReached(report, run.coverage ?? 0);
  if (!enough && !run.json) io.err(`less than ${run.coverage} % is covered\n`);
  if (run.junit !== undefined) await writeJunit(resolve(io.cwd, run.junit), report);
  return allPassed(report) && enough ? 0 : 1;
}

const CLEAR_SCREEN = '\u001b[2J\u001b[H';

/** Again on every change, until SIGINT or SIGTERM; then the exit code of the last run. */
async function watched(run: TestRun, io: Io): Promise<number> {
  const paths = [
    ...run.args.policy,
    ...run.cases,
    ...(run.args.config === undefined ? [] : [run.args.config]),
  ];
  let running = Promise.resolve(0);
  const again = (): void => {
    running = running.then(async () => {
      if (io.isTty) io.out(CLEAR_SCREEN);
      try {
        return await runOnce(run, io);
      } catch (error) {
        io.err(describeError(error));
        return 2;
      } finally {
        if (!run.json) io.out('\nwaiting for changes\n');
      }
    });
  };
  const { promise, resolve: stop } = Promise.withResolvers<void>();
  // The watch does not keep the process alive.
  const alive = setInterval(() => undefined, 3_600_000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop());
  const watch = watchPaths(
    paths.map((path) => resolve(io.cwd, path)),
    again,
  );
  again();
  await promise;
  watch.close();
  clearInterval(alive);
  return running;
}

/** Policies and cases, read together: each says something that the other needs. */
async function load(run: TestRun, io: Io): Promise<{ input: PolicyInput; files: readonly CasesFile[] }> {
  const { args, cases } = run;
  const config = await readConfiguration(args, io);
  const texts = await readPolicyFiles(cases, io.cwd);
  printFindings(io, texts.notices);
  if (texts.files.length === 0) throw usage('there is no file with cases', POLICY_TEST_USAGE);
  const nowMs = Date.now();
  const quiet = { ...io, err: () => undefined };
  const first = await readPolicies(args, quiet, { config, trustDomain: CLUSTER, nowMs });
  const trustDomain = soleTrustDomain(first.parsed.policies) ?? namedIn(texts.files, first) ?? CLUSTER;
  const input = await readPolicies(args, io, { config, trustDomain, nowMs });
  refuseErrors(io, [input]);
  const parsed = parseAll(texts.files, input);
  refuseCases(parsed.flatMap(({ faults }) => faults));
  return { input, files: parsed.map(({ read }) => read) };
}

/** Istio's own default. */
const CLUSTER = 'cluster.local';

/** The trust domain of the SPIFFE IDs that the cases write out. */
function namedIn(files: readonly PolicyFile[], input: PolicyInput): string | null {
  const cases = parseAll(files, input).flatMap(({ read }) => read.cases);
  const named = cases.filter(({ request }) => 'json' in request || request.facts.as?.startsWith('spiffe://'));
  return usualTrustDomain(
    named.map((one) => ({ file: '', line: 0, value: requestOfCase(one, CLUSTER), text: '' })),
  );
}

function parseAll(files: readonly PolicyFile[], { parsed, options }: PolicyInput) {
  const ruleIds = new Set(parsed.policies.flatMap(({ rules }) => rules.map(({ id }) => id)));
  const context: { options: PolicyOptions; ruleIds: ReadonlySet<string> } = { options, ruleIds };
  return files.map((file) => parseCases(file, context));
}

/** @throws ERR_CASES_INVALID with every fault of every file */
function refuseCases(faults: readonly Diagnostic[]): void {
  if (faults.length === 0) return;
  throw new SallyportError('ERR_CASES_INVALID', 'the cases have errors, and nothing was tested', {
    diagnostics: faults.map(shown),
  });
}

/** Cases may come from anywhere: what they hold must not move a cursor. */
const shown = ({ message, hint, text, ...rest }: Diagnostic): Diagnostic => ({
  ...rest,
  message: printable(message),
  ...(hint === undefined ? {} : { hint: printable(hint) }),
  ...(text === undefined ? {} : { text: printable(text) }),
});
