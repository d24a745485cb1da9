// `sallyport policy emergency revoke NAME`: takes one emergency policy out of the folder, or says how kubectl
// does.
import { resolve } from 'node:path';
import { didYouMean, SallyportError } from '../../core/errors.ts';
import { emergencies } from '../../policy/emergency/active.ts';
import { effectOfRemoval } from '../../policy/emergency/effect.ts';
import type { Policy } from '../../policy/model.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { jsonText, shellWord } from '../text.ts';
import type { EmergencyValues } from './emergency.ts';
import { effectText } from './emergency-effect.ts';
import { removePolicy } from './emergency-folder.ts';
import { readPresent } from './emergency-input.ts';
import type { PolicyInput } from './input.ts';

/** Exit 0, 2 when there is no such emergency. */
export async function emergencyRevoke(
  words: readonly string[],
  values: EmergencyValues,
  io: Io,
): Promise<number> {
  const [name, ...more] = words;
  if (name === undefined || more.length > 0)
    throw usage('name one emergency', '`sallyport policy emergency list` shows their names');
  if (values.kubectl) return kubectlLine(name, io);
  if (values.out === undefined)
    throw usage('say where it is: --out DIR, or --kubectl', 'the folder it was written to');
  const input = await readPresent(values, io);
  const policy = emergencyNamed(name, input);
  const effect = effectOfRemoval(policy, input.parsed.policies, input.options, input.nowMs);
  await removePolicy(resolve(io.cwd, policy.at.file));
  if (values.json)
    io.out(jsonText({ name: policy.name, namespace: policy.namespace, file: policy.at.file, effect }));
  else {
    io.out(effectText(io, effect, input.parsed.policies));
    io.out(`${policy.at.file}: removed\n`);
  }
  return 0;
}

function kubectlLine(name: string, io: Io): number {
  const [namespace, policy, ...more] = name.split('/');
  const words = [namespace, policy].map((word) => (word === undefined ? null : shellWord(word)));
  if (more.length > 0 || words.includes(null))
    throw usage(`\`${name}\` is not NAMESPACE/NAME`, 'kubectl needs the namespace too');
  io.out(`kubectl delete authorizationpolicy -n ${words.join(' ')}\n`);
  return 0;
}

/** The emergency policy `NAME` or `NAMESPACE/NAME`, alone in its file. @throws ERR_POLICY_EMERGENCY */
function emergencyNamed(name: string, { parsed, files, nowMs }: PolicyInput): Policy {
  const isIt = (one: { readonly namespace: string; readonly name: string }): boolean =>
    one.name === name || `${one.namespace}/${one.name}` === name;
  const found = parsed.policies.filter(isIt);
  const [policy] = found;
  const known = emergencies(parsed.policies, nowMs).map((entry) => entry.name);
  if (policy === undefined || !known.includes(policy.name)) {
    const near = didYouMean(name, known);
    const what = policy === undefined ? 'there is no emergency policy' : 'no emergency is the policy';
    throw refused(
      `${what} \`${name}\``,
      near === undefined ? `there are: ${known.join(', ') || 'none'}` : `did you mean \`${near}\`?`,
    );
  }
  if (found.length > 1) throw refused(`\`${name}\` is in several namespaces`, 'write NAMESPACE/NAME');
  const { file } = policy.at;
  const others = [...parsed.policies, ...parsed.refused.flatMap(({ diagnostics }) => diagnostics)].filter(
    (one) => one !== policy && one.at?.file === file,
  );
  // Documents of other kinds would be lost with the file as well.
  const documents = (files.find((one) => one.file === file)?.text ?? '').split(/^---/m).length;
  if (others.length > 0 || documents > 1)
    throw refused(`\`${file}\` holds more than this policy`, 'take it out of the file by hand');
  return policy;
}

const refused = (message: string, hint: string): SallyportError =>
  new SallyportError('ERR_POLICY_EMERGENCY', message, { hint });
