// `sallyport policy suggest`: least-privilege policies for the traffic that was recorded, or what has to be
// added to those in force.
import { strict as assert } from 'node:assert';
import { parseTrustDomain } from '../../core/spiffe-id.ts';
import { lintPolicies } from '../../policy/lint/lint.ts';
import type { PolicyOptions } from '../../policy/model.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { entriesOf } from '../../policy/suggest/entries.ts';
import { Observed } from '../../policy/suggest/observed.ts';
import { type SuggestedPolicy, suggestionOf } from '../../policy/suggest/suggestion.ts';
import { parseOptions, usage } from '../args.ts';
import { notice, readFlows } from '../flows/input.ts';
import type { Verb } from '../io.ts';
import { refuseErrors } from './diff.ts';
import { readPolicies } from './input.ts';
import { deltaOf } from './suggest-against.ts';
import { againstText, policyNotes, suffixFor } from './suggest-against-text.ts';
import { writePolicies } from './suggest-files.ts';
import { labelsOf, learningOptions, SUGGEST_OPTIONS } from './suggest-options.ts';
import { type Suggestion, suggestionJson, suggestionNotes } from './suggest-report.ts';
import { commentLines, policiesYaml } from './suggest-yaml.ts';

/** One line for `--help`. */
export const POLICY_SUGGEST_USAGE =
  'sallyport policy suggest --flows FILE…|--admin ADDRESS [--against PATH…] [--out DIR] [--min-count N] [--min-values N] [--max-width N] [--label KEY] [--labels NS/SA:KEY=VALUE,…] [--since TIME] [--until TIME] [--trust-domain TD] [--root-namespace NS] [--json]';

/** Exit 0; 1 when no record says anything; 2 for wrong usage. */
export const policySuggest: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: SUGGEST_OPTIONS },
    POLICY_SUGGEST_USAGE,
  );
  const learning = learningOptions(values);
  const { minCount, valuesMin } = learning;
  const naming = { label: values.label, labels: labelsOf(values) };
  const observed = new Observed(learning);
  await readFlows(values, positionals, { io, sink: observed, line: POLICY_SUGGEST_USAGE });
  if (observed.inputs.records > 0 && observed.inputs.logged > 0)
    notice(io, 'flow records and decision logs were read: a request that is in both counts twice');
  const given = values['trust-domain'];
  const trustDomain =
    given === undefined ? (observed.usualTrustDomain() ?? CLUSTER) : parseTrustDomain(given);
  const entries = entriesOf(observed, { minCount, trustDomain });
  const { leftOut } = observed;
  const rootNamespace = values['root-namespace'];
  const input =
    values.against === undefined
      ? null
      : await readPolicies({ policy: values.against, 'root-namespace': rootNamespace }, io, {
          ...{ config: null, trustDomain },
          nowMs: Date.now(),
        });
  if (input !== null) refuseErrors(io, [input]);
  const delta = input === null ? null : deltaOf(entries, leftOut, input, naming);
  const policies = suggestionOf(delta?.missing ?? entries, leftOut, {
    ...{ rootNamespace, ...naming },
    suffix: input === null ? '' : suffixFor(input.parsed.policies),
  });
  refuseSharedLabels(policies);
  const suggestion: Suggestion = { observed, policies, ...learning, trustDomain, delta };
  const notes = policyNotes(input?.parsed.policies ?? [], delta);
  const documents = policiesYaml(policies, { valuesMin, notes });
  assertSound(documents.join('---\n'), { trustDomain, rootNamespace }, policies);
  if (values.out !== undefined) await writePolicies(io, values.out, policies, documents);
  if (values.json) io.out(suggestionJson(suggestion));
  else {
    const head = `${commentLines([...suggestionNotes(suggestion), ...againstText(delta)])}\n`;
    io.out(values.out === undefined ? [head, ...documents].join('---\n') : head);
  }
  return entries.length === 0 ? 1 : 0;
};

/** Istio's own default. */
const CLUSTER = 'cluster.local';

/** @throws ERR_USAGE: the callers of one workload would be let in to the other. */
function refuseSharedLabels(policies: readonly SuggestedPolicy[]): void {
  const owners = new Map<string, string>();
  for (const { namespace, workload, selector } of policies) {
    const key = JSON.stringify([namespace, Object.entries(selector).sort()]);
    const owner = owners.get(key) ?? workload;
    owners.set(key, owner);
    if (owner !== workload)
      throw usage(
        `\`${namespace}/${owner}\` and \`${namespace}/${workload}\` would be selected by the same labels`,
        'name labels that tell them apart by `--labels`',
      );
  }
}

/** INVARIANT: what is printed loads, without a finding; otherwise nothing is printed. */
function assertSound(
  text: string,
  { trustDomain, rootNamespace }: { trustDomain: string; rootNamespace: string },
  policies: readonly SuggestedPolicy[],
): void {
  const options: PolicyOptions = {
    ...{ rootNamespace, localTrustDomain: trustDomain, defaultVerdict: 'deny' },
    ...{ trustDomains: [], trustDomainAliases: [], emergencyMaxMs: 0, acceptsPlaintext: true, tcpPorts: [] },
  };
  const parsed = parsePolicies([{ file: 'suggested', text }], options, 0);
  assert.deepEqual(parsed.diagnostics, []);
  assert.deepEqual(
    lintPolicies(parsed.policies, options, 0).filter(({ severity }) => severity !== 'notice'),
    [],
  );
  assert.equal(parsed.policies.length, policies.length);
}
