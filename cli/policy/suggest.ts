// `sallyport policy suggest`: least-privilege policies for the traffic that was recorded.
import { strict as assert } from 'node:assert';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode, SallyportError } from '../../core/errors.ts';
import { parseTrustDomain } from '../../core/spiffe-id.ts';
import { lintPolicies } from '../../policy/lint.ts';
import type { PolicyOptions } from '../../policy/model.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { type Entry, entriesOf } from '../../policy/suggest/entries.ts';
import { Observed } from '../../policy/suggest/observed.ts';
import { type SuggestedPolicy, suggestionOf } from '../../policy/suggest/suggestion.ts';
import { parseOptions } from '../args.ts';
import { notice, readFlows } from '../flows/input.ts';
import type { Io, Verb } from '../io.ts';
import { counted } from '../text.ts';
import { labelsOf, learningOptions, SUGGEST_OPTIONS } from './suggest-options.ts';
import { type Suggestion, suggestionJson, suggestionNotes } from './suggest-report.ts';
import { commentLines, policiesYaml } from './suggest-yaml.ts';

/** One line for `--help`. */
export const POLICY_SUGGEST_USAGE =
  'sallyport policy suggest --flows FILE…|--admin ADDRESS [--out DIR] [--min-count N] [--min-values N] [--max-width N] [--label KEY] [--labels NS/SA:KEY=VALUE,…] [--since TIME] [--until TIME] [--trust-domain TD] [--root-namespace NS] [--json]';

/** Exit 0; 1 when there is nothing to suggest; 2 for wrong usage. */
export const policySuggest: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: SUGGEST_OPTIONS },
    POLICY_SUGGEST_USAGE,
  );
  const { minCount, valuesMin, widthMax } = learningOptions(values);
  const labels = labelsOf(values);
  const observed = new Observed({ valuesMin, widthMax });
  await readFlows(values, positionals, { io, sink: observed, line: POLICY_SUGGEST_USAGE });
  if (observed.inputs.records > 0 && observed.inputs.logged > 0)
    notice(io, 'flow records and decision logs were read: a request that is in both counts twice');
  const given = values['trust-domain'];
  const trustDomain =
    given === undefined ? (observed.usualTrustDomain() ?? CLUSTER) : parseTrustDomain(given);
  const entries: readonly Entry[] = entriesOf(observed, { minCount, trustDomain });
  const rootNamespace = values['root-namespace'];
  const { leftOut } = observed;
  const policies = suggestionOf(entries, leftOut, {
    ...{ rootNamespace, labels },
    label: values.label,
    suffix: '',
  });
  const suggestion: Suggestion = { observed, policies, valuesMin, widthMax, minCount, trustDomain };
  const documents = policiesYaml(policies, { valuesMin });
  assertSound(documents.join('---\n'), { trustDomain, rootNamespace }, policies);
  if (values.out !== undefined) await writeFiles(io, values.out, policies, documents);
  if (values.json) io.out(suggestionJson(suggestion));
  else {
    const notes = `${commentLines(suggestionNotes(suggestion))}\n`;
    io.out(values.out === undefined ? [notes, ...documents].join('---\n') : notes);
  }
  return policies.length === 0 ? 1 : 0;
};

/** Istio's own default. */
const CLUSTER = 'cluster.local';

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

/** One file for each policy; none is written over. @throws ERR_SUGGEST_OUT */
async function writeFiles(
  io: Io,
  folder: string,
  policies: readonly SuggestedPolicy[],
  documents: readonly string[],
): Promise<void> {
  const path = resolve(io.cwd, folder);
  try {
    await mkdir(path, { recursive: true });
    // A namespace has no dot: two policies never share a file.
    for (const [i, { namespace, name }] of policies.entries())
      await writeFile(join(path, `${namespace}.${name}.yaml`), documents[i] ?? '', { flag: 'wx' });
  } catch (cause) {
    const code = errorCode(cause);
    const what = code === 'EEXIST' ? 'holds such a policy already' : `cannot be written: ${code}`;
    throw new SallyportError('ERR_SUGGEST_OUT', `\`${folder}\` ${what}`, {
      hint: 'name a new folder, look at what is in it, and move it over yourself',
      cause,
    });
  }
  io.err(`${counted(policies.length, 'policy file')} written\n`);
}
