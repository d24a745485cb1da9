// `sallyport policy eval`: one decision for each request line, on the proxy's own engine. All or nothing: a
// request or policy that cannot be read ends with exit 2 before the first answer.
import { SallyportError } from '../../core/errors.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import {
  POLICY_OPTIONS,
  type PolicyArguments,
  printFindings,
  readConfiguration,
  readPolicies,
} from './input.ts';
import { Judge } from './judge.ts';
import {
  faultAt,
  judgedRequests,
  parseRequestLines,
  type RequestLine,
  readRequestText,
  refuse,
  usualTrustDomain,
} from './requests.ts';

/** One line for `--help`. */
export const POLICY_EVAL_USAGE =
  'sallyport policy eval --policy PATH… [--config FILE] --requests FILE.jsonl|- [--root-namespace NS] [--trust-domain TD]';

/** Exit 0 when every request was judged, whatever the verdict; 2 otherwise. */
export const policyEval: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      // The answer is JSON anyway; the option exists since every verb has it.
      options: { ...POLICY_OPTIONS, requests: { type: 'string' }, json: { type: 'boolean' } },
    },
    POLICY_EVAL_USAGE,
  );
  const policy = [...(values.policy ?? []), ...positionals];
  if (policy.length === 0 && values.config === undefined)
    throw usage('neither `--policy` nor `--config` is named', POLICY_EVAL_USAGE);
  if (values.requests === undefined) throw usage('`--requests` is missing', POLICY_EVAL_USAGE);
  const lines = parseRequestLines(await readRequestText(values.requests, io), values.requests);
  const config = await readConfiguration(values, io);
  const input = await readPolicies({ ...values, policy }, io, {
    config,
    trustDomain: trustDomainFor(values, lines, io),
    nowMs: Date.now(),
  });
  const judge = new Judge(input);
  const requests = judgedRequests(lines, input);
  const workloads = requests.map((request, index) => {
    try {
      return judge.workloadOf(request);
    } catch (error) {
      const line = lines[index];
      if (!(error instanceof SallyportError) || line === undefined) throw error;
      return faultAt(line, error.message, error.hint);
    }
  });
  refuse(workloads.filter((workload) => 'severity' in workload));
  for (const workload of workloads) if (!('severity' in workload)) judge.prepare(workload);
  for (const [index, request] of requests.entries()) {
    const workload = workloads[index];
    if (workload === undefined || 'severity' in workload) continue;
    io.out(`${JSON.stringify(judge.judge(request, workload))}\n`);
  }
  printFindings(io, judge.warnings);
  return 0;
};

/** Without a configuration the local trust domain is a guess, and said so. */
function trustDomainFor(args: PolicyArguments, lines: readonly RequestLine[], io: Io): string {
  const guess = usualTrustDomain(lines) ?? 'cluster.local';
  if (args['trust-domain'] === undefined && args.config === undefined)
    io.err(
      `notice: the local trust domain is taken to be \`${guess}\`; --trust-domain or --config names it\n`,
    );
  return guess;
}
