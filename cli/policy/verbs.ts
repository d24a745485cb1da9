// The rows of the `policy` verbs on the command line.
import type { VerbEntry } from '../verbs.ts';

const JSON_OPTION = ['--json', 'print JSON'] as const;
const POLICY_OPTIONS = [
  ['--policy PATH', 'a policy file or folder; may be repeated'],
  ['--config FILE', 'take policies, workload and options from a configuration'],
  ['--root-namespace NS', 'whose policies select every workload; default istio-system'],
  ['--trust-domain TD', 'the own trust domain'],
] as const;

const RECORD_OPTIONS = [
  ['--flows FILE', 'recorded traffic; may be repeated, `-` is standard input, gzip is unpacked'],
  ['--format FORMAT', 'sallyport, envoy, istio or hubble; default auto: told apart line by line'],
  ['--workload NS/NAME:KEY=VALUE,…', 'labels of a workload, which records lack; may be repeated'],
  ['--since TIME', 'how long ago, e.g. `30d`, or an RFC 3339 time'],
  ['--until TIME', 'what was seen before'],
  ['--strict', 'exit 2 when a line cannot be read'],
] as const;

/** In the order of `--help`. */
export const POLICY_VERBS: readonly VerbEntry[] = [
  {
    name: 'policy check',
    summary: 'errors and findings of policies as file:line:column',
    options: [
      ['PATH', 'policy files and folders'],
      ['--strict', 'exit 1 on warnings too'],
      ['--ignore CODE', 'leave out one kind of finding; may be repeated'],
      ['--inventory FILE', 'known workloads: `kubectl get pods -A -o json`, or a list; may be repeated'],
      ['--flows FILE', 'flow records: names that nobody has are told; may be repeated'],
      ['--format sarif', 'for code hosts; text or json'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy check policies/',
      'sallyport policy check --config sallyport.yaml --strict',
      'sallyport policy check policies/ --format sarif > sallyport.sarif',
    ],
    load: async () => {
      const { POLICY_CHECK_USAGE, policyCheck } = await import('./check.ts');
      return { verb: policyCheck, usage: POLICY_CHECK_USAGE };
    },
  },
  {
    name: 'policy eval',
    summary: 'decide recorded requests, on the engine of the proxy',
    options: [
      ['--requests FILE', 'one request a line as JSON; `-` is standard input'],
      ...POLICY_OPTIONS,
      ['--json', 'accepted; the answer is JSON in any case'],
    ],
    examples: ['sallyport policy eval --policy policies/ --requests requests.jsonl'],
    load: async () => {
      const { POLICY_EVAL_USAGE, policyEval } = await import('./eval.ts');
      return { verb: policyEval, usage: POLICY_EVAL_USAGE };
    },
  },
  {
    name: 'policy explain',
    summary: 'why one request is allowed or denied',
    options: [
      ['METHOD HOST/PATH', 'the request, with --as for the caller'],
      ['--as NS/SA', 'the caller: `shop/web` or a SPIFFE ID'],
      ['--request FILE', 'the request as JSON instead'],
      ['--request-id ID', 'the request of that line of the decision log instead, with --log'],
      ['--log FILE', 'the decision log'],
      ['--namespace NS', 'of the workload'],
      ['--label KEY=VALUE', 'of the workload; may be repeated'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: ['sallyport policy explain --policy policies/ --as shop/web GET cart:8080/items/7'],
    load: async () => {
      const { POLICY_EXPLAIN_USAGE, policyExplain } = await import('./explain.ts');
      return { verb: policyExplain, usage: POLICY_EXPLAIN_USAGE };
    },
  },
  {
    name: 'policy diff',
    summary: 'what a change of policies allows and denies, proved',
    options: [
      ['OLD NEW', 'policy files or folders, before and after'],
      ['--fail-on widen', 'exit 1 when more is allowed; narrow: when less is; any: on every change'],
      ['--format markdown', 'for pull requests; text or json'],
      ...POLICY_OPTIONS.slice(1),
      JSON_OPTION,
    ],
    examples: ['sallyport policy diff old/ new/ --fail-on widen'],
    load: async () => {
      const { POLICY_DIFF_USAGE, policyDiff } = await import('./diff.ts');
      return { verb: policyDiff, usage: POLICY_DIFF_USAGE };
    },
  },
  {
    name: 'policy test',
    summary: 'run cases and prove invariants of policies, with coverage',
    options: [
      ['PATH', 'policy files and folders'],
      ['--cases FILE', 'files and folders with cases and invariants; more may follow'],
      ['--coverage MIN', 'list rules and elements that no case covers; exit 1 below MIN percent of either'],
      ['--junit FILE', 'write a JUnit report too'],
      ['--watch', 'run again whenever policies or cases change'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy test policies/ --cases tests/',
      'sallyport policy test policies/ --cases tests/cart.yaml --coverage 90 --junit report.xml',
    ],
    load: async () => {
      const { POLICY_TEST_USAGE, policyTest } = await import('./test.ts');
      return { verb: policyTest, usage: POLICY_TEST_USAGE };
    },
  },
  {
    name: 'policy new',
    summary: 'one line to a correct policy',
    options: [
      ['allow|deny CALLERS METHODS TARGET', 'e.g. `allow shop/web GET,POST cart:8080/items/{*}`'],
      ['allow-nothing', 'the policy that allows nothing'],
      ['--to NS [LABEL=VALUE]…', 'the workloads that it is for'],
      ['--starter NAME', 'default-deny, probes, metrics, dns, gateway or sandbox'],
      ['--namespace NS', 'of a starter and of allow-nothing'],
      ['--from CALLERS', 'of a starter: who calls; --port and --path too'],
      ['--name NAME', 'of the policy; made from the words otherwise'],
      ['--ttl 8h', 'it ends by itself then'],
      ['--dry-run', 'it decides nothing yet, and is recorded'],
      ['--broad', 'it is meant to be as broad as it is'],
      ['--out FILE', 'a new file; standard output otherwise'],
      ...POLICY_OPTIONS.slice(1),
      JSON_OPTION,
    ],
    examples: [
      "sallyport policy new allow shop/web GET,POST 'cart:8080/items/{*}' --to shop app=cart",
      'sallyport policy new --starter metrics --namespace shop app=cart --port 8080',
    ],
    load: async () => {
      const { POLICY_NEW_USAGE, policyNew } = await import('./new.ts');
      return { verb: policyNew, usage: POLICY_NEW_USAGE };
    },
  },
  {
    name: 'policy emergency',
    summary: 'isolate a workload or let somebody in, for some minutes',
    options: [
      ['isolate TARGET', 'deny everybody; TARGET is NS/APP (label app=APP) or NS LABEL=VALUE…'],
      ['--except CALLER,…', 'who may still call: NS/SA or a SPIFFE ID'],
      ['allow CALLERS --to TARGET', 'let them in; --port, --method and --path narrow it'],
      ['list', 'what is in force and what has expired'],
      ['revoke NAME', 'end one'],
      ['--ttl 30m', 'it ends by itself then; at most policy.emergencyMax'],
      ['--reason TEXT', 'why, for those who ask'],
      ['--author NAME', 'who did it'],
      ['--out DIR', 'the policy folder that the proxies watch'],
      ['--kubectl', 'a manifest, or the line to type, on standard output'],
      ['--broad', 'a whole namespace, or many callers, are meant'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy emergency isolate shop/cart --except shop/oncall --ttl 30m --reason "incident 7" --author ana --out policies/',
      'sallyport policy emergency allow ops/debug --to shop/cart --ttl 15m --reason "incident 7" --author ana --kubectl | kubectl apply -f -',
    ],
    load: async () => {
      const { POLICY_EMERGENCY_USAGE, policyEmergency } = await import('./emergency.ts');
      return { verb: policyEmergency, usage: POLICY_EMERGENCY_USAGE };
    },
  },
  {
    name: 'policy reach',
    summary: 'who reaches whom, directly and over others: the blast radius',
    options: [
      ['--inventory FILE', 'the workloads there are: a list of namespace, serviceAccount, labels, port'],
      ['--workload NS/NAME', 'all about one workload'],
      ['--baseline OLD', 'what changes against these policies'],
      ['--format mermaid', 'a graph; dot, text or json'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy reach --policy policies/ --inventory workloads.yaml',
      'sallyport policy reach --policy policies/ --workload shop/cart --baseline main/policies',
    ],
    load: async () => {
      const { POLICY_REACH_USAGE, policyReach } = await import('./reach.ts');
      return { verb: policyReach, usage: POLICY_REACH_USAGE };
    },
  },
  {
    name: 'policy export',
    summary: 'what layer 4 can enforce of policies, as a second fence',
    options: [
      ['--to networkpolicy|nftables', 'resources of Kubernetes, or a ruleset for one workload'],
      ['--inventory FILE', 'known workloads: `kubectl get pods -A -o json`, or a list; may be repeated'],
      ['--workload NS/NAME', 'for nftables: whose ruleset; NAME is its service account or app label'],
      ['--proxy-port PORT', 'where proxies listen; default of --config, else 8443; may be repeated'],
      ['--open-port PORT', 'for networkpolicy: open to everyone, e.g. 15021; may be repeated'],
      ['--namespace NS', 'for networkpolicy: gets the root namespace’s policies too; may be repeated'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy export --to networkpolicy --policy policies/ --inventory pods.json --open-port 15021',
      'sallyport policy export --to nftables --config sallyport.yaml --inventory hosts.yaml | nft -c -f -',
    ],
    load: async () => {
      const { POLICY_EXPORT_USAGE, policyExport } = await import('./export.ts');
      return { verb: policyExport, usage: POLICY_EXPORT_USAGE };
    },
  },
  {
    name: 'policy simulate',
    summary: 'what policies would change for recorded traffic',
    options: [
      ['--baseline PATH', 'policies to compare with; else what became of the requests'],
      ...RECORD_OPTIONS,
      ['--fail-on deny', 'exit 1 when requests are newly denied; allow: allowed; any: either, or unknown'],
      ['--limit N', 'rows of each table; default 20'],
      ...POLICY_OPTIONS,
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy simulate --policy new/ --flows flows.jsonl --fail-on deny',
      'sallyport policy simulate --policy new/ --baseline old/ --flows access.log.gz --format istio',
    ],
    load: async () => {
      const { POLICY_SIMULATE_USAGE, policySimulate } = await import('./simulate.ts');
      return { verb: policySimulate, usage: POLICY_SIMULATE_USAGE };
    },
  },
  {
    name: 'policy suggest',
    summary: 'least-privilege policies for recorded traffic',
    options: [
      ['--flows FILE', 'flow records or decision logs; may be repeated, `-` is standard input'],
      ['--admin ADDRESS', 'ask a running proxy, e.g. 127.0.0.1:15000; may be repeated'],
      ['--against PATH', 'policies in force: propose only what they deny; may be repeated'],
      ['--out DIR', 'one file for each policy; none is written over'],
      ['--min-count N', 'leave out what was seen less often; default 1'],
      ['--min-values N', 'different values before `{*}` stands for them; default 5'],
      ['--max-width N', 'names at one place of a path that are told apart; default 50'],
      ['--label KEY', "the label whose value is a workload's account; default app"],
      ['--labels NS/SA:KEY=VALUE', 'the labels of one workload; may be repeated'],
      ['--since TIME', 'what was seen from then on: `2h` ago, or an RFC 3339 time'],
      ['--until TIME', 'what was seen before'],
      ...POLICY_OPTIONS.slice(2),
      JSON_OPTION,
    ],
    examples: [
      'sallyport policy suggest --flows flows.jsonl > suggested.yaml',
      'sallyport policy suggest --flows flows.jsonl --against policies/',
    ],
    load: async () => {
      const { POLICY_SUGGEST_USAGE, policySuggest } = await import('./suggest.ts');
      return { verb: policySuggest, usage: POLICY_SUGGEST_USAGE };
    },
  },
];
