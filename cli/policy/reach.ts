// `sallyport policy reach`: the blast radius. Who reaches whom, directly and over others, and what is in
// reach when a workload is taken over.
import { didYouMean } from '../../core/errors.ts';
import type { PolicyFile } from '../../policy/parse.ts';
import { Closure } from '../../policy/reach/closure.ts';
import { reachGraph } from '../../policy/reach/edges.ts';
import { parseInventory } from '../../policy/reach/inventory.ts';
import type { ReachGraph, ReachNode } from '../../policy/reach/model.ts';
import { inventoryNodes, namedNodes } from '../../policy/reach/nodes.ts';
import { readPolicyFiles } from '../../policy/read-files.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { refuseErrors } from './diff.ts';
import { soleTrustDomain } from './explain-selection.ts';
import {
  POLICY_OPTIONS,
  type PolicyArguments,
  type PolicyInput,
  readConfiguration,
  readPolicies,
} from './input.ts';
import { reachDot, reachMermaid } from './reach-graph.ts';
import { reachJson } from './reach-json.ts';
import { reachText } from './reach-text.ts';

/** One line for `--help`. */
export const POLICY_REACH_USAGE =
  'sallyport policy reach --policy PATH… [--inventory FILE] [--workload NS/NAME] [--baseline OLD] [--format text|json|dot|mermaid] [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

const FORMATS = ['text', 'json', 'dot', 'mermaid'] as const;

/** What there is to show. */
export interface ShownReach {
  readonly graph: ReachGraph;
  readonly closure: Closure;
  /** What `--workload` names; empty: all. */
  readonly focus: readonly ReachNode[];
  /** The same question to the policies of `--baseline`. */
  readonly before: { readonly graph: ReachGraph; readonly closure: Closure } | null;
}

/** Exit 0; 2 for wrong usage or input. */
export const policyReach: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ...POLICY_OPTIONS,
        inventory: { type: 'string' },
        workload: { type: 'string' },
        baseline: { type: 'string' },
        format: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    },
    POLICY_REACH_USAGE,
  );
  const policy = [...(values.policy ?? []), ...positionals];
  if (policy.length === 0 && values.config === undefined) throw usage('no path is named', POLICY_REACH_USAGE);
  const format = formatOf(values);
  const { now, old } = await readBoth({ ...values, policy }, values.baseline, io);
  const inventory = values.inventory === undefined ? null : await readInventory(values.inventory, io);
  const nodes = nodesOf(now, old, inventory);
  const graph = graphOf(nodes, now);
  const shown: ShownReach = {
    graph,
    closure: new Closure(graph),
    focus: values.workload === undefined ? [] : named(nodes, values.workload),
    before: old === null ? null : withClosure(graphOf(nodes, old)),
  };
  if (inventory === null && format === 'text')
    io.err(`notice: ${nodes.length - REST} callers and workloads, ${INSTEAD}
`);
  if (format === 'json') io.out(reachJson(shown));
  else if (format === 'dot') io.out(reachDot(shown));
  else io.out(format === 'mermaid' ? reachMermaid(shown) : reachText(io, shown));
  return 0;
};

const INSTEAD = 'as the policies name them; --inventory FILE says which there are';

/** Nodes that stand for everybody else. */
const REST = 2;

function formatOf({
  format,
  json,
}: {
  readonly format?: string | undefined;
  readonly json: boolean;
}): string {
  if (format === undefined) return json ? 'json' : 'text';
  if (!FORMATS.some((one) => one === format))
    throw usage(`\`--format ${format}\` is unknown`, `write one of ${FORMATS.join(', ')}`);
  if (json && format !== 'json') throw usage('`--json` and `--format` disagree', POLICY_REACH_USAGE);
  return format;
}

/** Istio's own default. */
const CLUSTER = 'cluster.local';

/** Both sides are read with the trust domain of the new one. */
async function readBoth(
  args: PolicyArguments,
  baseline: string | undefined,
  io: Io,
): Promise<{ now: PolicyInput; old: PolicyInput | null }> {
  const config = await readConfiguration(args, io);
  const nowMs = Date.now();
  const quiet = { ...io, err: () => undefined };
  const first = await readPolicies(args, quiet, { config, trustDomain: CLUSTER, nowMs });
  const from = { config, trustDomain: soleTrustDomain(first.parsed.policies) ?? CLUSTER, nowMs };
  const now = await readPolicies(args, io, from);
  const old = baseline === undefined ? null : await readPolicies({ ...args, policy: [baseline] }, io, from);
  refuseErrors(io, old === null ? [now] : [now, old]);
  return { now, old };
}

async function readInventory(path: string, io: Io): Promise<PolicyFile> {
  const { files } = await readPolicyFiles([path], io.cwd);
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw usage('`--inventory` is one file', POLICY_REACH_USAGE);
  return file;
}

function nodesOf(now: PolicyInput, old: PolicyInput | null, inventory: PolicyFile | null): ReachNode[] {
  if (inventory !== null) return inventoryNodes(parseInventory(inventory), now.options);
  return namedNodes([...now.parsed.policies, ...(old?.parsed.policies ?? [])], now.options);
}

const graphOf = (nodes: readonly ReachNode[], { parsed, options, nowMs }: PolicyInput): ReachGraph =>
  reachGraph(nodes, { policies: parsed.policies, options, nowMs });

const withClosure = (graph: ReachGraph): { graph: ReachGraph; closure: Closure } => ({
  graph,
  closure: new Closure(graph),
});

/** By its name as shown, or by namespace and account. */
function named(nodes: readonly ReachNode[], name: string): ReachNode[] {
  const found = nodes.filter(
    (node) =>
      node.name === name ||
      (node.workload !== null && `${node.workload.namespace}/${node.workload.serviceAccount}` === name),
  );
  if (found.length > 0) return found;
  const names = nodes.map((node) => node.name);
  const near = didYouMean(name, names);
  throw usage(
    `workload \`${name}\` is not known`,
    near === undefined ? 'without --workload all are listed' : `did you mean \`${near}\`?`,
  );
}
