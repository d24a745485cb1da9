// `sallyport policy explain`: one request, the verdict, the rules that matched, the nearest rules and what
// they missed.
import { REASONS } from '../../core/reasons.ts';
import type { Workload } from '../../policy/model.ts';
import type { JudgedRequest } from '../../policy/request-json.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { paint } from '../paint.ts';
import { findInLog, parseLabels, requestOfArguments, requestOfFile } from './explain-request.ts';
import { soleTrustDomain, unselected } from './explain-selection.ts';
import { POLICY_OPTIONS, type PolicyInput, printFindings, readConfiguration, readPolicies } from './input.ts';
import { type Answer, Judge } from './judge.ts';
import { judgedRequests, usualTrustDomain } from './requests.ts';

/** One line for `--help`. */
export const POLICY_EXPLAIN_USAGE =
  'sallyport policy explain --policy PATH…|--config FILE (--as NS/SA|SPIFFE-ID METHOD HOST[:PORT]/PATH | --request FILE | --request-id ID --log FILE) [--namespace NS] [--label KEY=VALUE]… [--json]';

/** Exit 0, for a deny too; 2 for wrong usage or input. */
export const policyExplain: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ...POLICY_OPTIONS,
        as: { type: 'string' },
        request: { type: 'string' },
        'request-id': { type: 'string' },
        log: { type: 'string' },
        namespace: { type: 'string' },
        label: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
      },
    },
    POLICY_EXPLAIN_USAGE,
  );
  if (!values.policy?.length && values.config === undefined)
    throw usage('neither `--policy` nor `--config` is named', POLICY_EXPLAIN_USAGE);
  const config = await readConfiguration(values, io);
  const { request, log } = values;
  const id = values['request-id'];
  const ways = [request, id, positionals.length > 0 ? 'arguments' : undefined];
  if (ways.filter((way) => way !== undefined).length !== 1)
    throw usage('name one request: METHOD TARGET, --request or --request-id', POLICY_EXPLAIN_USAGE);
  if ((id === undefined) !== (log === undefined))
    throw usage('`--request-id` and `--log` go together', POLICY_EXPLAIN_USAGE);
  const labels = parseLabels(values.label ?? [], POLICY_EXPLAIN_USAGE);
  // `--as NS/SA` leaves the trust domain open: the policies mostly name just one.
  const policiesDomain = async (): Promise<string> => {
    const { parsed } = await readPolicies(values, io, { config, trustDomain: CLUSTER, nowMs: Date.now() });
    return soleTrustDomain(parsed.policies) ?? CLUSTER;
  };
  const line =
    request !== undefined
      ? await requestOfFile(request, io)
      : id !== undefined && log !== undefined
        ? await findInLog({ id, log, labels }, io)
        : requestOfArguments(positionals, {
            as: values.as,
            namespace: values.namespace,
            labels,
            trustDomain: values['trust-domain'] ?? config?.identity.trustDomain ?? (await policiesDomain()),
            usage: POLICY_EXPLAIN_USAGE,
          });
  const trustDomain = usualTrustDomain([line]) ?? CLUSTER;
  const input = await readPolicies(values, io, { config, trustDomain, nowMs: Date.now() });
  const judge = new Judge(input);
  for (const judged of judgedRequests([line], input)) {
    const workload = judge.workloadOf(judged);
    const answer = judge.judge(judged, workload);
    io.out(values.json ? `${JSON.stringify(answer)}\n` : render(io, answer, { judged, workload, input }));
  }
  printFindings(io, judge.warnings);
  return 0;
};

interface Shown {
  readonly judged: JudgedRequest;
  readonly workload: Workload;
  readonly input: PolicyInput;
}

/** Istio's own default. */
const CLUSTER = 'cluster.local';
const LABEL_WIDTH = 9;

function render(io: Io, answer: Answer, { judged, workload, input }: Shown): string {
  const { verdict, reason } = answer;
  const line = (label: string, text: string): string => `${label.padEnd(LABEL_WIDTH)}${text}\n`;
  const places = new Map(
    input.parsed.policies.flatMap((policy) =>
      policy.rules.map((rule) => [rule.id, `${rule.at.file}:${rule.at.line}`] as const),
    ),
  );
  const named = (rule: string): string => `${rule}  ${paint(io, 'dim', places.get(rule) ?? '')}`.trimEnd();
  const { http } = judged.request;
  const what =
    http === null
      ? `TCP port ${judged.connection.destinationPort}`
      : `${http.method} ${http.host}${http.path}`;
  const out = [
    line(
      'verdict',
      `${paint(io, verdict === 'allow' ? 'green' : 'red', verdict)}  ${reason}: ${REASONS[reason].hint}`,
    ),
    line('caller', judged.connection.principal ?? 'plaintext peer, no identity'),
    line('request', what),
    line('workload', `${workload.namespace} ${JSON.stringify(workload.labels)}`),
    ...answer.rules.map((rule, i) => line(i === 0 ? 'rules' : '', named(rule))),
    ...(answer.audit ?? []).map((rule, i) => line(i === 0 ? 'audit' : '', named(rule))),
  ];
  if (answer.dryRun !== null)
    out.push(line('dry run', `would be ${answer.dryRun.verdict} (${answer.dryRun.reason})`));
  out.push(...renderNear(io, answer, named));
  if (answer.rules.length === 0)
    out.push(...unselected(input.parsed.policies, workload).map((text) => line('left out', text)));
  return out.join('');
}

/** Nearest rules, each with the field that failed; columns aligned over all of them. */
function renderNear(io: Io, { near }: Answer, named: (rule: string) => string): string[] {
  const width = Math.max(0, ...near.map(({ field }) => field.length));
  return near.flatMap(({ rule, field, want, got }, i) => [
    `${(i === 0 ? 'nearest' : '').padEnd(LABEL_WIDTH)}${named(rule)}\n`,
    `${''.padEnd(LABEL_WIDTH)}  ${field.padEnd(width)}  want ${paint(io, 'green', want.join(' | '))}  got ${paint(io, 'red', got ?? 'nothing')}\n`,
  ]);
}
