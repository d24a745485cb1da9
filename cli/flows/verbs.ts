// The rows of the `flows` verbs on the command line.
import type { VerbEntry } from '../verbs.ts';

const JSON_OPTION = ['--json', 'print JSON'] as const;
const FLOWS_OPTIONS = [
  ['--flows FILE', 'flow records as `flows.file` has them; may be repeated, `-` is standard input'],
  ['--admin ADDRESS', 'ask a running proxy, e.g. 127.0.0.1:15000; may be repeated'],
  ['--since TIME', 'what was seen from then on: `2h` ago, or an RFC 3339 time'],
  ['--until TIME', 'what was seen before'],
  ['--trust-domain TD', 'the own trust domain; default: as the records suggest'],
] as const;

/** In the order of `--help`. */
export const FLOWS_VERBS: readonly VerbEntry[] = [
  {
    name: 'flows map',
    summary: 'the observed graph: who called whom, allowed and denied',
    options: [['--format text', 'text, mermaid, dot or json'], ...FLOWS_OPTIONS, JSON_OPTION],
    examples: [
      'sallyport flows map --flows flows.jsonl --since 2h',
      'sallyport flows map --admin 127.0.0.1:15000 --format dot | dot -Tsvg > map.svg',
    ],
    load: async () => {
      const { FLOWS_MAP_USAGE, flowsMap } = await import('./map.ts');
      return { verb: flowsMap, usage: FLOWS_MAP_USAGE };
    },
  },
  {
    name: 'flows top',
    summary: 'what comes most often',
    options: [
      ['--by caller', 'caller, workload, path, rule or denied'],
      ['--limit N', 'rows to print; default 20, with --json all'],
      ...FLOWS_OPTIONS,
      JSON_OPTION,
    ],
    examples: ['sallyport flows top --flows flows.jsonl --by path'],
    load: async () => {
      const { FLOWS_TOP_USAGE, flowsTop } = await import('./top.ts');
      return { verb: flowsTop, usage: FLOWS_TOP_USAGE };
    },
  },
  {
    name: 'flows denied',
    summary: 'repeated denials, likely scanners and retries, and what to run next',
    options: [['--limit N', 'groups to print; default 20, with --json all'], ...FLOWS_OPTIONS, JSON_OPTION],
    examples: [
      'sallyport flows denied --flows flows.jsonl',
      'sallyport flows denied --flows flows.jsonl decisions.log',
    ],
    load: async () => {
      const { FLOWS_DENIED_USAGE, flowsDenied } = await import('./denied.ts');
      return { verb: flowsDenied, usage: FLOWS_DENIED_USAGE };
    },
  },
  {
    name: 'flows trace',
    summary: 'what a workload reached since a time, and what it was denied',
    options: [
      ['WORKLOAD', 'the caller: a SPIFFE ID, `shop/web` or `web`'],
      ['--direct', 'not through others'],
      ...FLOWS_OPTIONS,
      JSON_OPTION,
    ],
    examples: ['sallyport flows trace shop/web --since 2h --flows flows.jsonl'],
    load: async () => {
      const { FLOWS_TRACE_USAGE, flowsTrace } = await import('./trace.ts');
      return { verb: flowsTrace, usage: FLOWS_TRACE_USAGE };
    },
  },
  {
    name: 'flows anomalies',
    summary: 'callers, methods and paths that a baseline has not',
    options: [
      ['--baseline FILE', 'records of a time that was as it should be; may be repeated'],
      ['--limit N', 'rows to print; default 20, with --json all'],
      ...FLOWS_OPTIONS,
      JSON_OPTION,
    ],
    examples: ['sallyport flows anomalies --baseline last-week.jsonl --flows today.jsonl'],
    load: async () => {
      const { FLOWS_ANOMALIES_USAGE, flowsAnomalies } = await import('./anomalies.ts');
      return { verb: flowsAnomalies, usage: FLOWS_ANOMALIES_USAGE };
    },
  },
];
