// `sallyport policy diff OLD NEW`: what a change of policies means, with a request for each rule that decides
// otherwise; or a proof that nothing does.

import { SallyportError } from '../../core/errors.ts';
import type { Change, Differences, OpenQuestion } from '../../policy/algebra/differences.ts';
import { differences } from '../../policy/algebra/differences.ts';
import type { Policy } from '../../policy/model.ts';
import { oneOf, parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { paint } from '../paint.ts';
import { counted } from '../text.ts';
import { diffMarkdown } from './diff-markdown.ts';
import { exampleText } from './example.ts';
import { soleTrustDomain } from './explain-selection.ts';
import { POLICY_OPTIONS, type PolicyInput, printFindings, readConfiguration, readPolicies } from './input.ts';

/** One line for `--help`. */
export const POLICY_DIFF_USAGE =
  'sallyport policy diff OLD NEW [--fail-on widen|narrow|any] [--format text|markdown|json] [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

const FAIL_ON = ['widen', 'narrow', 'any'] as const;
const FORMATS = ['text', 'markdown', 'json'] as const;

/** Exit 0, 1 when a question stays open or `--fail-on` says so, 2 for wrong usage and bad policies. */
export const policyDiff: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        config: POLICY_OPTIONS.config,
        'root-namespace': POLICY_OPTIONS['root-namespace'],
        'trust-domain': POLICY_OPTIONS['trust-domain'],
        'fail-on': { type: 'string' },
        format: { type: 'string', default: 'text' },
        json: { type: 'boolean', default: false },
      },
    },
    POLICY_DIFF_USAGE,
  );
  const [oldPath, newPath, ...more] = positionals;
  if (oldPath === undefined || newPath === undefined || more.length > 0)
    throw usage('name two files or folders: before and after', POLICY_DIFF_USAGE);
  const failOn = values['fail-on'] === undefined ? null : oneOf(FAIL_ON, values['fail-on'], '--fail-on');
  const format = values.json ? 'json' : oneOf(FORMATS, values.format, '--format');
  const config = await readConfiguration(values, io);
  const nowMs = Date.now();
  const read = (path: string, trustDomain: string): Promise<PolicyInput> =>
    readPolicies({ ...values, policy: [path] }, io, { config, trustDomain, nowMs });
  const first = await read(newPath, CLUSTER);
  const trustDomain = soleTrustDomain(first.parsed.policies) ?? CLUSTER;
  const [old, next] = [await read(oldPath, trustDomain), await read(newPath, trustDomain)];
  refuseErrors(io, [old, next]);
  const found = differences(old.parsed.policies, next.parsed.policies, next.options, nowMs);
  const shown = { found, sides: [old, next] as const };
  if (format === 'json') io.out(`${JSON.stringify(diffJson(shown))}\n`);
  else io.out(format === 'markdown' ? diffMarkdown(shown) : diffText(io, shown));
  const failing = found.changes.some(
    ({ kind }) => failOn === 'any' || (failOn !== null && kind.startsWith(failOn)),
  );
  return failing || found.undecided.length > 0 ? 1 : 0;
};

/** Istio's own default. */
const CLUSTER = 'cluster.local';

/** What was compared, and what came out. */
export interface ShownDiff {
  readonly found: Differences;
  readonly sides: readonly [PolicyInput, PolicyInput];
}

const SIGNS = { widening: '+', narrowing: '-' } as const;
const COLOURS = { widening: 'yellow', narrowing: 'green' } as const;

function diffText(io: Io, shown: ShownDiff): string {
  const { changes, undecided } = shown.found;
  const places = placesOf(shown);
  const head = ({ kind, ...by }: Change | OpenQuestion): string =>
    `${paint(io, COLOURS[kind], `${SIGNS[kind]} ${kind.padEnd(9)}`)}  ${becauseOf({ kind, ...by }, places)}\n`;
  const indent = ' '.repeat(13);
  const lines = [
    ...changes.flatMap((change) => [
      head(change),
      ...change.examples.map((example) => `${indent}${paint(io, 'dim', exampleText(example))}\n`),
    ]),
    ...undecided.map((open) => `${head(open)}${indent}${paint(io, 'red', 'undecided')}: ${open.why}\n`),
  ];
  return `${lines.join('')}${verdictLine(io, shown)}`;
}

/** `ns[shop]-policy[web]-rule[0] allows what was denied by default`, each rule with its place. */
export function becauseOf(
  { kind, allowedBy, deniedBy }: Pick<Change, 'kind' | 'allowedBy' | 'deniedBy'>,
  places: { readonly old: Places; readonly next: Places },
): string {
  const named = (rule: string | null, none: string, side: Places): string =>
    rule === null ? none : `${rule}${side.has(rule) ? ` (${side.get(rule)})` : ''}`;
  const [here, there] =
    kind === 'widening'
      ? [named(allowedBy, 'no ALLOW policy', places.next), named(deniedBy, 'the default', places.old)]
      : [named(deniedBy, 'the default', places.next), named(allowedBy, 'no ALLOW policy', places.old)];
  return kind === 'widening' ? `${here} allows what ${there} denied` : `${here} denies what ${there} allowed`;
}

/** `file:line` by rule. */
export type Places = ReadonlyMap<string, string>;

export function placesOf({ sides: [old, next] }: ShownDiff): { old: Places; next: Places } {
  const of = (policies: readonly Policy[]): Places =>
    new Map(
      policies.flatMap(({ rules }) => rules.map(({ id, at }) => [id, `${at.file}:${at.line ?? 1}`] as const)),
    );
  return { old: of(old.parsed.policies), next: of(next.parsed.policies) };
}

function verdictLine(io: Io, { found, sides }: ShownDiff): string {
  const [old, next] = sides.map(({ parsed }) => rulesOf(parsed.policies));
  const compared = `${counted(old ?? 0, 'rule')} against ${counted(next ?? 0, 'rule')}`;
  if (found.changes.length === 0 && found.undecided.length === 0)
    return `${paint(io, 'green', 'equivalent')}: every request is decided as before; ${compared}\n`;
  const counts = [
    counted(kinds(found, 'widening'), 'widening'),
    counted(kinds(found, 'narrowing'), 'narrowing'),
    ...(found.undecided.length === 0 ? [] : [`${counted(found.undecided.length, 'question')} undecided`]),
  ];
  return `${counts.join(', ')}; ${compared}\n`;
}

const kinds = ({ changes }: Differences, wanted: Change['kind']): number =>
  changes.filter(({ kind }) => kind === wanted).length;

const rulesOf = (policies: readonly Policy[]): number =>
  policies.reduce((sum, { rules }) => sum + rules.length, 0);

function diffJson({ found, sides }: ShownDiff): object {
  const [old, next] = sides.map(({ parsed }) => rulesOf(parsed.policies));
  return {
    equivalent: found.changes.length === 0 && found.undecided.length === 0,
    rules: { old, new: next },
    changes: found.changes,
    undecided: found.undecided,
  };
}

/** @throws ERR_POLICY_REFUSED: a comparison with what is refused as a whole says nothing. */
export function refuseErrors(io: Io, inputs: readonly PolicyInput[]): void {
  const errors = inputs.flatMap(({ parsed }) =>
    parsed.diagnostics.filter(({ severity }) => severity === 'error'),
  );
  if (errors.length === 0) return;
  printFindings(io, errors);
  throw new SallyportError('ERR_POLICY_REFUSED', `${counted(errors.length, 'error')} in the policies`, {
    hint: 'a proxy would refuse them: correct them first, `sallyport policy check` shows them all',
  });
}
