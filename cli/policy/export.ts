// `sallyport policy export --to networkpolicy|nftables`: what layer 4 can enforce of the policies, as a
// second fence.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../../core/config/config.ts';
import { errorCode, SallyportError } from '../../core/errors.ts';
import { type InventoryWorkload, readInventory } from '../../policy/export/inventory.ts';
import { networkPolicies } from '../../policy/export/network-policy.ts';
import { networkPolicyYaml } from '../../policy/export/network-policy-yaml.ts';
import { nftablesRules, nftablesText } from '../../policy/export/nftables.ts';
import { project } from '../../policy/export/projection.ts';
import type { Policy } from '../../policy/model.ts';
import { selects } from '../../policy/select.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { jsonText } from '../text.ts';
import { refuseErrors } from './diff.ts';
import { soleTrustDomain } from './explain-selection.ts';
import { POLICY_OPTIONS, type PolicyInput, readConfiguration, readPolicies } from './input.ts';

/** One line for `--help`. */
export const POLICY_EXPORT_USAGE =
  'sallyport policy export --to networkpolicy|nftables --policy PATH… [--inventory FILE]… [--workload NS/NAME] [--proxy-port PORT]… [--open-port PORT]… [--namespace NS]… [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

const OPTIONS = {
  ...POLICY_OPTIONS,
  to: { type: 'string' },
  inventory: { type: 'string', multiple: true },
  workload: { type: 'string' },
  'proxy-port': { type: 'string', multiple: true },
  'open-port': { type: 'string', multiple: true },
  namespace: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<
  typeof parseOptions<{ args: string[]; allowPositionals: true; options: typeof OPTIONS }>
>['values'];

/** Exit 0; 2 for wrong usage, bad policies and a bad inventory. */
export const policyExport: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: OPTIONS },
    POLICY_EXPORT_USAGE,
  );
  const { to } = values;
  if (to !== 'networkpolicy' && to !== 'nftables')
    throw usage(
      to === undefined ? '`--to` is missing' : `\`--to ${to}\` is not known`,
      'known: networkpolicy, nftables',
    );
  const policy = [...(values.policy ?? []), ...positionals];
  if (policy.length === 0 && values.config === undefined)
    throw usage('no policy is named', POLICY_EXPORT_USAGE);
  const config = await readConfiguration(values, io);
  const nowMs = Date.now();
  const read = (trustDomain: string): Promise<PolicyInput> =>
    readPolicies({ ...values, policy }, io, { config, trustDomain, nowMs });
  const first = await read(CLUSTER);
  const input = await read(soleTrustDomain(first.parsed.policies) ?? CLUSTER);
  refuseErrors(io, [input]);
  const inventory = await inventoryOf(values.inventory ?? [], io);
  const asked = { values, input, inventory, config };
  io.out(to === 'networkpolicy' ? networkPolicyOutput(asked) : nftablesOutput(asked));
  return 0;
};

/** Istio's own default. */
const CLUSTER = 'cluster.local';
/** Where a sidecar listens unless it is told otherwise. */
const PROXY_PORT = 8443;

interface Asked {
  readonly values: Values;
  readonly input: PolicyInput;
  readonly inventory: readonly InventoryWorkload[];
  readonly config: Config | null;
}

const ASSUMED = [
  'Written by sallyport policy export: a second fence at layer 4, never narrower than the policies.',
  'Methods, paths, hosts, headers and ports of the application are not seen here: the proxy judges them.',
];

function networkPolicyOutput({ values, input, inventory, config }: Asked): string {
  const { parsed, options, nowMs } = input;
  const projection = project(parsed.policies, options, nowMs);
  const exported = networkPolicies(projection, options, {
    inventory,
    proxyPorts: portsOf(values, config),
    openPorts: numbers('--open-port', values['open-port'] ?? []),
    namespaces: values.namespace ?? [],
  });
  const head = [
    ...ASSUMED,
    'Taken for granted: IDs of the own trust domain are held by pods of their namespace, and the inventory',
    'lists all pods of each service account that it lists. A selected pod has no other open ports: --open-port.',
    ...projection.left,
  ];
  if (!values.json) return networkPolicyYaml(exported, head);
  return jsonText({ left: projection.left, policies: exported });
}

function nftablesOutput({ values, input, inventory, config }: Asked): string {
  const { parsed, options, nowMs } = input;
  const { name, selected } = workloadPolicies({ values, input, inventory, config });
  const projection = project(selected(parsed.policies), options, nowMs);
  const rules = nftablesRules(projection, inventory);
  const ports = portsOf(values, config);
  // Without an ALLOW policy such a workload is open at layer 7: a fence would be narrower.
  const open = options.defaultVerdict === 'allow-when-unselected' && projection.policies.length === 0;
  const all = open ? [{ rule: 'no ALLOW policy selects the workload', from: null, notes: [] }] : rules;
  const head = [
    ...ASSUMED,
    `For ${name}. Taken for granted: the inventory lists every address of what it lists.`,
    ...projection.left,
  ];
  if (!values.json) return nftablesText(all, ports, head);
  return jsonText({ left: projection.left, ports, rules: all });
}

interface SelectedPolicies {
  readonly name: string;
  selected(policies: readonly Policy[]): Policy[];
}

/** The policies that select the workload, or may: what is not known of it decides nothing. */
function workloadPolicies({ values, input, inventory }: Asked): SelectedPolicies {
  const { rootNamespace } = input.options;
  const inScope = (policy: Policy, namespace: string): boolean =>
    policy.namespace === namespace || policy.namespace === rootNamespace;
  if (values.workload === undefined) {
    const { workload } = input;
    if (workload === null)
      throw usage('name the workload: --workload NS/NAME or --config FILE', POLICY_EXPORT_USAGE);
    return {
      name: `${workload.namespace} ${JSON.stringify(workload.labels)}`,
      selected: (policies) =>
        policies.filter((one) => inScope(one, workload.namespace) && selects(one.selector, workload)),
    };
  }
  const [namespace, app, ...more] = values.workload.split('/');
  if (namespace === undefined || namespace === '' || app === undefined || app === '' || more.length > 0)
    throw usage(`\`--workload ${values.workload}\` is not NAMESPACE/NAME`, POLICY_EXPORT_USAGE);
  const known = inventory.filter((one) => one.namespace === namespace && one.serviceAccount === app);
  if (known.length > 0)
    return {
      name: `service account ${namespace}/${app}`,
      selected: (policies) =>
        policies.filter((one) => inScope(one, namespace) && known.some((pod) => selects(one.selector, pod))),
    };
  const may = ({ selector }: Policy): boolean => selector?.['app'] === undefined || selector['app'] === app;
  return {
    name: `${namespace} app=${app}, whatever its other labels`,
    selected: (policies) => policies.filter((one) => inScope(one, namespace) && may(one)),
  };
}

/** `--proxy-port`, or where the configuration's inbound listeners are. */
function portsOf(values: Values, config: Config | null): readonly number[] {
  if (values['proxy-port'] !== undefined) return numbers('--proxy-port', values['proxy-port']);
  const listening = (config?.listeners ?? []).filter(({ direction }) => direction === 'inbound');
  return listening.length === 0 ? [PROXY_PORT] : [...new Set(listening.map(({ address }) => address.port))];
}

function numbers(option: string, texts: readonly string[]): readonly number[] {
  return [...new Set(texts)].map((text) => {
    const port = Number(text);
    if (/^[1-9][0-9]{0,4}$/.test(text) && port <= 65_535) return port;
    throw usage(`\`${option} ${text}\` is no port`, 'a port is 1 to 65535');
  });
}

async function inventoryOf(files: readonly string[], io: Io): Promise<InventoryWorkload[]> {
  const all: InventoryWorkload[] = [];
  for (const file of files) {
    try {
      for (const one of readInventory({ file, text: await readFile(resolve(io.cwd, file), 'utf8') }))
        all.push(one);
    } catch (cause) {
      if (cause instanceof SallyportError) throw cause;
      throw new SallyportError('ERR_INVENTORY', `\`${file}\` cannot be read: ${errorCode(cause)}`, { cause });
    }
  }
  return all;
}
