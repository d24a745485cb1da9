// Which policies an emergency meets: those of the folder that it is written into, and what else is named.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import type { RefusedPolicy } from '../../policy/parse-policy.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { counted } from '../text.ts';
import type { EmergencyValues } from './emergency.ts';
import { namedTrustDomains } from './explain-selection.ts';
import { type PolicyInput, printFindings, readConfiguration, readPolicies } from './input.ts';

/** Istio's own default; in a policy it stands for the own trust domain, whatever its name. */
export const CLUSTER = 'cluster.local';

/** Reads `--out`, `--policy` and the configuration's policies, each file once. */
export async function readPresent(values: EmergencyValues, io: Io): Promise<PolicyInput> {
  const config = await readConfiguration(values, io);
  const folder = values.out === undefined ? [] : [await folderOf(values.out, io)];
  const paths = apart([...folder, ...(values.policy ?? []), ...(config?.policy.files ?? [])], io.cwd);
  const nowMs = Date.now();
  const read = (trustDomain: string): Promise<PolicyInput> =>
    readPolicies({ ...values, policy: paths, config: undefined }, quiet(io), { config, trustDomain, nowMs });
  const first = await read(CLUSTER);
  const named = [...namedTrustDomains(first.parsed.policies)];
  const [only = CLUSTER] = named;
  if (named.length <= 1 || config !== null || values['trust-domain'] !== undefined)
    return named.length === 1 ? read(only) : first;
  io.err(
    `notice: the policies name ${named.length} trust domains, and the own one is taken to be \`${CLUSTER}\`; --trust-domain or --config names it\n`,
  );
  return first;
}

/** Without those that lie in another one: a policy that is read twice is a duplicate. */
function apart(paths: readonly string[], base: string): string[] {
  const unique = [...new Map(paths.map((path) => [resolve(base, path), path]))];
  return unique
    .filter(([path]) => !unique.some(([other]) => path !== other && path.startsWith(`${other}/`)))
    .map(([, path]) => path);
}

/** A folder without a policy is fine here: the first one may be the emergency. */
const quiet = (io: Io): Io => ({ ...io, err: () => undefined });

async function folderOf(out: string, io: Io): Promise<string> {
  const isFolder = await stat(resolve(io.cwd, out)).then(
    (found) => found.isDirectory(),
    () => false, // not there: said below
  );
  if (!isFolder)
    throw usage(`\`--out ${out}\` is no folder`, 'name the policy folder that the proxies watch');
  return out;
}

/** Whom an emergency is for: what of it a faulty policy may select too. */
export interface Target {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * With a faulty policy in its set a proxy keeps the last good set, and would never see the emergency.
 * @throws ERR_POLICY_REFUSED
 */
export function refuseFaulty(io: Io, { parsed, options }: PolicyInput, target: Target): void {
  const concerns = ({ namespace, selector, attached }: RefusedPolicy): boolean => {
    if (namespace === null) return true;
    if (attached || (namespace !== target.namespace && namespace !== options.rootNamespace)) return false;
    return Object.entries(selector ?? {}).every(
      ([key, value]) => !Object.hasOwn(target.labels, key) || target.labels[key] === value,
    );
  };
  const errors = parsed.refused
    .filter(concerns)
    .flatMap(({ diagnostics }) => diagnostics.filter(({ severity }) => severity === 'error'));
  if (errors.length === 0) return;
  printFindings(io, errors);
  throw new SallyportError('ERR_POLICY_REFUSED', `${counted(errors.length, 'error')} in the policies`, {
    hint: 'a proxy keeps its last good policies until they are corrected, and would not see the emergency',
  });
}
