// `sallyport policy simulate`: what policies would change for recorded traffic, on the engine of the proxy.
import { Names } from '../../policy/flows/names.ts';
import { Changes } from '../../policy/simulate/changes.ts';
import { usedFields } from '../../policy/simulate/fields.ts';
import { Outlook } from '../../policy/simulate/outlook.ts';
import { PathTemplates } from '../../proxy/record/path-template.ts';
import { parseOptions, usage } from '../args.ts';
import { limitOf } from '../flows/limit.ts';
import type { Verb } from '../io.ts';
import { refuseErrors } from './diff.ts';
import { POLICY_OPTIONS, type PolicyInput, readConfiguration, readPolicies } from './input.ts';
import {
  localTrustDomain,
  nothingRead,
  openRecords,
  RECORD_OPTIONS,
  readRecords,
  workloadsOf,
} from './record-input.ts';
import { simulationJson, simulationText } from './simulate-show.ts';

/** One line for `--help`. */
export const POLICY_SIMULATE_USAGE =
  'sallyport policy simulate [--policy NEW] [--baseline OLD] --flows FILE… [--fail-on deny|allow|any] [--format sallyport|envoy|istio|hubble|auto] [--workload NS/NAME:KEY=VALUE,…] [--since TIME] [--until TIME] [--limit N] [--strict] [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

const FAIL_ON = ['deny', 'allow', 'any'] as const;

/** Exit 0; 1 when `--fail-on` says so or nothing was read; 2 for wrong usage, `--strict` and bad lines. */
export const policySimulate: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ...POLICY_OPTIONS,
        ...RECORD_OPTIONS,
        baseline: { type: 'string', multiple: true },
        'fail-on': { type: 'string' },
        limit: { type: 'string' },
      },
    },
    POLICY_SIMULATE_USAGE,
  );
  const limit = limitOf(values);
  const failOn = failOnOf(values['fail-on']);
  const config = await readConfiguration(values, io);
  const workloads = workloadsOf(values, null);
  const records = await openRecords(values, positionals, { io, line: POLICY_SIMULATE_USAGE });
  const nowMs = Date.now();
  const paths = { new: values.policy ?? config?.policy.files ?? [], old: values.baseline ?? [] };
  if (paths.new.length === 0 && paths.old.length > 0)
    throw usage('`--baseline` needs `--policy`: what is to be compared with it', POLICY_SIMULATE_USAGE);
  const trustDomain = localTrustDomain(values, records, [], io);
  const read = async (policy: readonly string[]): Promise<PolicyInput | null> =>
    policy.length === 0 ? null : readPolicies({ ...values, policy }, io, { config, trustDomain, nowMs });
  const [after, before] = [await read(paths.new), await read(paths.old)];
  refuseErrors(
    io,
    [after, before].filter((input) => input !== null),
  );
  const templates = new PathTemplates();
  const changes = new Changes({
    after: outlookOf(after),
    before: outlookOf(before),
    names: new Names(after?.options.localTrustDomain ?? trustDomain),
    templateOf: (path) => templates.of(path),
  });
  const policies = [after, before].flatMap((input) => input?.parsed.policies ?? []);
  const reader = await readRecords(values, records, {
    io,
    line: POLICY_SIMULATE_USAGE,
    uses: usedFields(policies),
    take: (request) => changes.take(request),
    workloads: after === null ? workloads : workloadsOf(values, after.workload),
  });
  const shown = { changes, reader, records, limit, judged: after !== null, compared: before !== null };
  if (values.json) io.out(simulationJson(shown));
  if (values.strict && reader.counts.badLines > 0) return 2;
  if (reader.counts.records === 0) return nothingRead(io, reader);
  if (!values.json) io.out(simulationText(io, shown));
  return fails(changes, failOn) ? 1 : 0;
};

function outlookOf(input: PolicyInput | null): Outlook | null {
  if (input === null) return null;
  const { parsed, options, nowMs, pathMode } = input;
  return new Outlook({ policies: parsed.policies, options, nowMs, pathMode });
}

type FailOn = (typeof FAIL_ON)[number];

function failOnOf(text: string | undefined): FailOn | null {
  if (text === undefined) return null;
  const known = FAIL_ON.find((one) => one === text);
  if (known === undefined)
    throw usage(`\`--fail-on ${text}\` is unknown`, `write one of ${FAIL_ON.join(', ')}`);
  return known;
}

/** `any`: what is not known may be a change too. */
function fails({ totals }: Changes, failOn: FailOn | null): boolean {
  const { denied, allowed, unknown } = totals;
  switch (failOn) {
    case null:
      return false;
    case 'deny':
      return denied.requests > 0;
    case 'allow':
      return allowed.requests > 0;
    case 'any':
      return denied.requests + allowed.requests + unknown.requests > 0;
  }
}
