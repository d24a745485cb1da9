// `sallyport policy new`: one line to a policy that `policy check --strict` has nothing to say about.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDuration } from '../../core/config/values.ts';
import { type Diagnostic, errorCode, SallyportError } from '../../core/errors.ts';
import { lintPolicies } from '../../policy/lint/lint.ts';
import { type PolicyDraft, policyYaml } from '../../policy/new/draft.ts';
import { allowNothing, type DraftedPolicy, newPolicy, type Scope } from '../../policy/new/new-policy.ts';
import { secondsText, starterPolicy } from '../../policy/new/starters.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { jsonText } from '../text.ts';
import { parseLabels } from './explain-request.ts';
import { DEFAULT_OPTIONS, POLICY_OPTIONS, printFindings, readConfiguration } from './input.ts';
import { policyOptionsOf } from './options.ts';

/** One line for `--help`. */
export const POLICY_NEW_USAGE =
  'sallyport policy new (allow|deny CALLERS METHODS TARGET --to NS [LABEL=VALUE]… | allow-nothing --namespace NS | --starter NAME --namespace NS [LABEL=VALUE]…) [--name NAME] [--ttl 8h] [--dry-run] [--broad] [--out FILE] [--trust-domain TD] [--config FILE] [--json]';

const OPTIONS = {
  config: POLICY_OPTIONS.config,
  'root-namespace': POLICY_OPTIONS['root-namespace'],
  'trust-domain': POLICY_OPTIONS['trust-domain'],
  to: { type: 'string' },
  namespace: { type: 'string' },
  starter: { type: 'string' },
  from: { type: 'string' },
  port: { type: 'string' },
  path: { type: 'string', multiple: true },
  name: { type: 'string' },
  ttl: { type: 'string' },
  out: { type: 'string' },
  broad: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<
  typeof parseOptions<{ args: string[]; allowPositionals: true; options: typeof OPTIONS }>
>['values'];

/** Exit 0, 1 for a policy that is broad without `--broad`, 2 for wrong usage. */
export const policyNew: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: OPTIONS },
    POLICY_NEW_USAGE,
  );
  const config = await readConfiguration(values, io);
  const options = {
    ...(config === null
      ? { ...DEFAULT_OPTIONS, localTrustDomain: values['trust-domain'] ?? CLUSTER }
      : policyOptionsOf(config)),
    ...(values['root-namespace'] === undefined ? {} : { rootNamespace: values['root-namespace'] }),
  };
  const nowMs = Date.now();
  const trustDomain = values['trust-domain'] ?? config?.identity.trustDomain ?? CLUSTER;
  const { draft, broad } = draftOf(positionals, values, {
    trustDomain,
    rootNamespace: options.rootNamespace,
    nowMs,
  });
  const text = policyYaml(draft);
  const { policies, diagnostics } = parsePolicies([{ file: 'the new policy', text }], options, nowMs);
  refuse(diagnostics);
  const warnings = lintPolicies(policies, options, nowMs).filter(({ severity }) => severity === 'warning');
  if ((broad.length > 0 || warnings.length > 0) && !values.broad) return tooBroad(io, broad, warnings);
  if (values.out !== undefined) await writeNew(resolve(io.cwd, values.out), text);
  if (values.json)
    io.out(jsonText({ namespace: draft.namespace, name: draft.name, broad, file: values.out ?? null, text }));
  else io.out(values.out === undefined ? text : `${values.out}: ${draft.namespace}/${draft.name}\n`);
  return 0;
};

/** Istio's own default; in a policy it stands for the own trust domain, whatever its name. */
const CLUSTER = 'cluster.local';

interface Surroundings {
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly nowMs: number;
}

function draftOf(positionals: readonly string[], values: Values, around: Surroundings): DraftedPolicy {
  const [kind, ...words] = positionals;
  if (values.starter !== undefined) return ofStarter(values.starter, positionals, values, around);
  if (kind === 'allow-nothing') {
    const draft = allowNothing(scopeOf(values.namespace ?? values.to, words), values.name ?? null);
    return { draft: withAnnotations(draft, values, around.nowMs), broad: [] };
  }
  if (kind !== 'allow' && kind !== 'deny')
    throw usage('name what is to be written: allow, deny, allow-nothing, or --starter', POLICY_NEW_USAGE);
  const [callers, methods, target, ...labels] = words;
  if (callers === undefined || methods === undefined || target === undefined)
    throw usage(`\`${kind}\` takes CALLERS METHODS TARGET`, EXAMPLE);
  const { trustDomain, rootNamespace, nowMs } = around;
  const drafted = newPolicy({
    ...{ callers, methods, target, trustDomain, rootNamespace, annotations: {} },
    action: kind === 'allow' ? 'ALLOW' : 'DENY',
    to: scopeOf(values.to ?? values.namespace, labels),
    name: values.name ?? null,
  });
  return { ...drafted, draft: withAnnotations(drafted.draft, values, nowMs) };
}

const EXAMPLE = "for example: policy new allow shop/web GET,POST 'cart:8080/items/{*}' --to shop app=cart";

function ofStarter(
  starter: string,
  words: readonly string[],
  values: Values,
  { trustDomain, nowMs }: Surroundings,
): DraftedPolicy {
  const { namespace, labels } = scopeOf(values.namespace ?? values.to, words);
  const { draft, broad } = starterPolicy(starter, {
    ...{ namespace, labels, trustDomain, nowMs },
    from: values.from ?? null,
    port: values.port ?? null,
    paths: values.path ?? [],
    ttlMs: values.ttl === undefined ? null : ttlOf(values.ttl),
  });
  const named = values.name === undefined ? draft : { ...draft, name: values.name };
  return { draft: withAnnotations(named, { 'dry-run': values['dry-run'] }, nowMs), broad };
}

function scopeOf(namespace: string | undefined, labels: readonly string[]): Scope {
  if (namespace === undefined)
    throw usage('the namespace of the workloads is missing', 'add `--to NAMESPACE LABEL=VALUE`');
  return { namespace, labels: parseLabels(labels, 'labels are LABEL=VALUE, e.g. `app=cart`') ?? {} };
}

function withAnnotations(
  draft: PolicyDraft,
  values: Pick<Values, 'ttl' | 'dry-run'>,
  nowMs: number,
): PolicyDraft {
  const annotations = {
    ...draft.annotations,
    ...(values.ttl === undefined
      ? {}
      : { 'sallyport.dev/expires-at': secondsText(nowMs + ttlOf(values.ttl)) }),
    ...(values['dry-run'] ? { 'istio.io/dry-run': 'true' } : {}),
  };
  return { ...draft, annotations };
}

/** @throws ERR_USAGE */
function ttlOf(text: string): number {
  const parsed = parseDuration(text);
  if ('fault' in parsed) throw usage(`\`--ttl ${text}\` ${parsed.fault}`, parsed.hint);
  if (parsed.value === 0) throw usage('`--ttl` is zero', 'write for example 8h');
  return parsed.value;
}

function refuse(diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.some(({ severity }) => severity === 'error')) return;
  throw new SallyportError('ERR_POLICY_NEW', 'the policy would be refused, and was not written', {
    diagnostics,
  });
}

function tooBroad(io: Io, broad: readonly string[], warnings: readonly Diagnostic[]): number {
  for (const why of broad) io.err(`over-broad: ${why}\n`);
  printFindings(io, warnings);
  io.err('nothing was written; narrow it, or add --broad when it is meant\n');
  return 1;
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (cause) {
    const code = errorCode(cause);
    throw new SallyportError(
      'ERR_POLICY_FILE',
      code === 'EEXIST' ? `\`${path}\` is there already` : `\`${path}\` cannot be written: ${code}`,
      { hint: code === 'EEXIST' ? 'name another file' : 'check the folder and its permissions', cause },
    );
  }
}
