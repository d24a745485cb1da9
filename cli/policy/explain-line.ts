// A `sallyport policy explain` to paste: the request by its few arguments where they say all of it, else as
// JSON.
import { saysPort, type WrittenRequest } from '../../policy/cases/request.ts';
import { jsonText, shellWord } from '../text.ts';
import { soleTrustDomain } from './explain-selection.ts';
import type { PolicyArguments, PolicyInput } from './input.ts';

/** What the line has to repeat of the command line that it comes from. */
export interface ExplainFrom {
  readonly args: PolicyArguments;
  readonly input: PolicyInput;
}

/** Null when a word of it could not be pasted safely. */
export function explainLine(
  from: ExplainFrom,
  request: WrittenRequest | { readonly json: unknown },
): string | null {
  const asked = 'json' in request ? null : argumentsOf(request, from);
  if (asked !== null) return joined(['sallyport', 'policy', 'explain', ...optionsOf(from), ...asked]);
  const json = 'json' in request ? request.json : request;
  const command = joined([
    'sallyport',
    'policy',
    'explain',
    ...optionsOf(from),
    ...domainOf(from),
    '--request',
    '-',
  ]);
  const text = shellWord(jsonText(json).trimEnd());
  return command === null || text === null ? null : `printf '%s' ${text} | ${command}`;
}

function optionsOf({ args }: ExplainFrom): string[] {
  const root = args['root-namespace'];
  return [
    ...(args.policy ?? []).flatMap((path) => ['--policy', path]),
    ...(args.config === undefined ? [] : ['--config', args.config]),
    ...(root === undefined ? [] : ['--root-namespace', root]),
  ];
}

const domainOf = ({ args, input }: ExplainFrom): string[] =>
  args.config !== undefined && args['trust-domain'] === undefined
    ? []
    : ['--trust-domain', input.options.localTrustDomain];

/** Null when the request has more than arguments can say. */
function argumentsOf(request: WrittenRequest, from: ExplainFrom): string[] | null {
  const { principal, sourceIp, remoteIp, destination, sni, http } = request;
  const { ip, port, namespace, labels } = destination;
  if (http === null || http.headers.length > 0 || [sourceIp, remoteIp, ip, sni].some((one) => one !== null))
    return null;
  if (!saysPort(http.host, port) || !http.path.startsWith('/') || http.host.includes('/')) return null;
  const { localTrustDomain } = from.input.options;
  const own = `spiffe://${localTrustDomain}/ns/`;
  const [name, kind, account, ...more] = principal?.startsWith(own)
    ? principal.slice(own.length).split('/')
    : [];
  const short = kind === 'sa' && account !== undefined && more.length === 0;
  const as = short ? `${name}/${account}` : principal;
  const guessed =
    (short || principal === null) &&
    from.args['trust-domain'] === undefined &&
    soleTrustDomain(from.input.parsed.policies) === localTrustDomain;
  return [
    ...(guessed ? [] : domainOf(from)),
    ...(as === null ? [] : ['--as', as]),
    http.method,
    http.host + http.path,
    ...(namespace === null ? [] : ['--namespace', namespace]),
    ...Object.entries(labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
  ];
}

/** Options are ours; a value that could be taken for one, or moves a cursor, makes the line unsafe. */
function joined(words: readonly string[]): string | null {
  const out: string[] = [];
  for (const [index, word] of words.entries()) {
    const isOption = word.startsWith('--') && OPTIONS.includes(word);
    const isValue = OPTIONS.includes(words[index - 1] ?? '');
    const safe = (isOption && !isValue) || word === '-' ? word : shellWord(word);
    if (safe === null) return null;
    out.push(safe);
  }
  return out.join(' ');
}

const OPTIONS = [
  ...['--policy', '--config', '--root-namespace', '--trust-domain', '--as', '--namespace', '--label'],
  '--request',
];
