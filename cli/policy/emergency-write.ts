// `sallyport policy emergency isolate` and `allow`: shows what the policy changes, then writes it.
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseDuration } from '../../core/config/values.ts';
import { SallyportError } from '../../core/errors.ts';
import { admission, type EmergencyTerms, isolation } from '../../policy/emergency/draft.ts';
import { type EmergencyEffect, effectOf } from '../../policy/emergency/effect.ts';
import type { Policy } from '../../policy/model.ts';
import { parseCallers } from '../../policy/new/callers.ts';
import { type PolicyDraft, policyYaml } from '../../policy/new/draft.ts';
import { type Scope, scopeText } from '../../policy/new/new-policy.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { jsonText, shellWord } from '../text.ts';
import { type EmergencyValues, POLICY_EMERGENCY_USAGE } from './emergency.ts';
import { effectText } from './emergency-effect.ts';
import { putPolicy } from './emergency-folder.ts';
import { CLUSTER, readPresent, refuseFaulty } from './emergency-input.ts';
import { parseLabels } from './explain-request.ts';
import type { PolicyInput } from './input.ts';

/** Exit 0, 1 when an ALLOW would do nothing or is broad, 2 for wrong usage and bad policies. */
export async function emergencyWrite(
  action: 'isolate' | 'allow',
  words: readonly string[],
  values: EmergencyValues,
  io: Io,
): Promise<number> {
  if ((values.out === undefined) === !values.kubectl)
    throw usage('say where it goes: --out DIR, or --kubectl for standard output', POLICY_EMERGENCY_USAGE);
  const asked = action === 'isolate' ? words : [values.to ?? '', ...words.slice(1)];
  const callers = action === 'allow' ? (words[0] ?? '') : '';
  if (action === 'allow' && (callers === '' || values.to === undefined))
    throw usage('`allow` takes CALLERS and --to TARGET', POLICY_EMERGENCY_USAGE);
  const to = targetOf(asked);
  const ttlMs = ttlOf(values);
  const input = await readPresent(values, io);
  const terms = { ...termsOf(values, input), ttlMs, trustDomain: values['trust-domain'] ?? CLUSTER };
  const draft =
    action === 'isolate'
      ? isolation(
          to,
          (values.except ?? []).flatMap((list) => list.split(',')),
          terms,
        )
      : admission(to, callers, operationOf(values), terms);
  const broad = broadness(to, callers, input, terms.trustDomain);
  if (broad.length > 0 && !values.broad) {
    for (const why of broad) io.err(`over-broad: ${why}\n`);
    io.err('nothing was written; narrow it, or add --broad when it is meant\n');
    return 1;
  }
  refuseFaulty(io, input, to);
  const text = policyYaml(draft);
  const effect = effectOf(checked(text, draft, input), input.parsed.policies, input.options, input.nowMs);
  return give({ action, draft, text, to, effect, input, values, io });
}

interface Given {
  readonly action: 'isolate' | 'allow';
  readonly draft: PolicyDraft;
  readonly text: string;
  readonly to: Scope;
  readonly effect: EmergencyEffect;
  readonly input: PolicyInput;
  readonly values: EmergencyValues;
  readonly io: Io;
}

/** Shows the effect, and writes where that is of use. */
async function give({ action, draft, text, to, effect, input, values, io }: Given): Promise<number> {
  const { name, namespace, annotations } = draft;
  const opens = effect.found.changes.some(({ kind }) => kind === 'widening');
  const useless = action === 'allow' && !opens && effect.found.undecided.length === 0;
  const file = useless || values.out === undefined ? null : join(values.out, `${name}.yaml`);
  if (values.out !== undefined && file !== null) await putPolicy(resolve(io.cwd, values.out), name, text);
  const ends = annotations['sallyport.dev/expires-at'] ?? '';
  if (values.json) {
    io.out(
      jsonText({
        name,
        namespace,
        file,
        written: !useless,
        expiresAt: ends,
        effect,
        text: useless ? null : text,
      }),
    );
    return useless ? 1 : 0;
  }
  // A manifest is for kubectl: what people read goes beside it.
  const tell = values.kubectl ? io.err : io.out;
  tell(effectText(io, effect, input.parsed.policies));
  if (useless) {
    const why =
      effect.beaten.length > 0
        ? 'a DENY wins over it, and it would let nobody in'
        : 'it lets in nobody who is not let in already';
    io.err(`nothing was written: ${why}\n`);
    return 1;
  }
  if (effect.nothing) tell(nothingText(to, input.parsed.policies));
  if (effect.beaten.length > 0) tell('a DENY wins over parts of it: they stay denied\n');
  if (values.kubectl) io.out(text);
  tell(
    `${file ?? `${namespace}/${name}`}: ${action === 'isolate' ? 'isolates' : 'opens'} ${scopeText(to)} until ${ends}\n`,
  );
  tell(`to end it before: sallyport policy emergency revoke ${revokeWords(draft, values)}\n`);
  return 0;
}

/** An isolation that takes nothing from anybody is written, but the target may be wrong. */
const nothingText = ({ labels, namespace }: Scope, present: readonly Policy[]): string =>
  present.some((policy) => policy.namespace === namespace)
    ? `it changes no verdict: nothing allows anything to them; are ${JSON.stringify(labels)} their labels?\n`
    : `it changes no verdict of the policies that were read: none is of namespace ${namespace}\n`;

function revokeWords({ name, namespace }: PolicyDraft, values: EmergencyValues): string {
  if (values.out === undefined) return `${namespace}/${name} --kubectl`;
  return `${name} --out ${shellWord(values.out) ?? 'DIR'}`;
}

/** `shop/cart` is `app=cart` of shop; `shop app=cart tier=web` says the labels. @throws ERR_USAGE */
function targetOf([target = '', ...labels]: readonly string[]): Scope {
  const [namespace = '', app, ...more] = target.split('/');
  const hint = 'write NAMESPACE/APP for the label app=APP, or NAMESPACE LABEL=VALUE…';
  if (namespace === '' || app === '' || more.length > 0) throw usage(`\`${target}\` is no target`, hint);
  if (app !== undefined && labels.length > 0)
    throw usage('name the target by APP or by labels, not both', hint);
  return { namespace, labels: app === undefined ? (parseLabels(labels, hint) ?? {}) : { app } };
}

function termsOf(values: EmergencyValues, { nowMs, options }: PolicyInput): Omit<EmergencyTerms, 'ttlMs'> {
  const { reason, author } = values;
  if (reason === undefined || author === undefined)
    throw usage(
      `\`--${reason === undefined ? 'reason' : 'author'}\` is missing`,
      'every emergency says why and by whom',
    );
  return { reason, author, nowMs, ttlMsMax: options.emergencyMaxMs, unique: randomBytes(4).toString('hex') };
}

function ttlOf({ ttl }: EmergencyValues): number {
  if (ttl === undefined)
    throw usage('`--ttl` is missing', 'every emergency ends by itself, e.g. `--ttl 30m`');
  const parsed = parseDuration(ttl);
  if ('fault' in parsed) throw usage(`\`--ttl ${ttl}\` ${parsed.fault}`, parsed.hint);
  if (parsed.value < 1000) throw usage(`\`--ttl ${ttl}\` is over before it is read`, 'at least 1s');
  return parsed.value;
}

function operationOf({ port, method, path }: EmergencyValues) {
  return {
    ...(port === undefined ? {} : { ports: [port] }),
    ...(method === undefined ? {} : { methods: method.flatMap((list) => list.split(',')) }),
    ...(path === undefined ? {} : { paths: path }),
  };
}

function broadness(to: Scope, callers: string, { options }: PolicyInput, trustDomain: string): string[] {
  const where =
    to.namespace === options.rootNamespace
      ? ['workloads of every namespace']
      : Object.keys(to.labels).length === 0
        ? [`every workload of namespace ${to.namespace}`]
        : [];
  return [...where, ...(callers === '' ? [] : parseCallers(callers, trustDomain).broad)];
}

/** The policy as a proxy will read it. @throws ERR_POLICY_EMERGENCY */
function checked(text: string, { name }: PolicyDraft, { options, nowMs }: PolicyInput): Policy {
  const { policies, diagnostics } = parsePolicies([{ file: `${name}.yaml`, text }], options, nowMs);
  const [policy] = policies;
  if (policy !== undefined && !diagnostics.some(({ severity }) => severity === 'error')) return policy;
  throw new SallyportError('ERR_POLICY_EMERGENCY', 'the policy would be refused, and was not written', {
    diagnostics,
  });
}
