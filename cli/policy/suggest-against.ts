// `policy suggest --against`: which recorded calls the policies in force deny, judged on the proxy's own
// engine, and which of their rules nothing needed.
import type { NearRule } from '../../policy/request.ts';
import type { JudgedRequest } from '../../policy/request-json.ts';
import { type Entry, leave } from '../../policy/suggest/entries.ts';
import type { LeftOutTable } from '../../policy/suggest/left-out.ts';
import { type Labels, selectorOf } from '../../policy/suggest/suggestion.ts';
import { type NeededCall, type Unobserved, unobservedOf } from '../../policy/suggest/unobserved.ts';
import type { PolicyInput } from './input.ts';
import { type Answer, Judge } from './judge.ts';

/** What the policies in force say about recorded calls. */
export interface Delta {
  /** Calls that are denied because no rule allows them. */
  readonly missing: readonly Entry[];
  /** Calls that are allowed already. */
  readonly allowed: number;
  /** The nearest rule of each workload's missing calls. */
  readonly near: ReadonlyMap<string, readonly NearRule[]>;
  readonly unobserved: readonly Unobserved[];
}

/** Nearest rules told of one workload. */
const NEAR_MAX = 5;

/** Judges every entry; counts those that no further rule would help as left out. */
export function deltaOf(
  entries: readonly Entry[],
  leftOut: LeftOutTable,
  input: PolicyInput,
  naming: { readonly label: string; readonly labels: ReadonlyMap<string, Labels> },
): Delta {
  const judge = new Judge(input);
  const missing: Entry[] = [];
  const near = new Map<string, NearRule[]>();
  const needed = new Map<string, NeededCall[]>();
  let allowed = 0;
  for (const entry of entries) {
    const { namespace, workload } = entry.pair;
    const labels = selectorOf(namespace, workload, naming) ?? {};
    const answers = probesOf(entry).map((path) => ({
      path,
      answer: judge.judge(requestOf(entry, path), { namespace, serviceAccount: workload, labels }),
    }));
    for (const { path, answer } of answers)
      if (answer.verdict === 'allow')
        for (const rule of answer.rules) note(needed, rule, callOf(entry, path));
    const denied = answers.find(({ answer }) => answer.verdict === 'deny')?.answer;
    if (denied === undefined) allowed++;
    else if (denied.reason !== 'default-deny') leave(leftOut, 'deny-rule', entry);
    else if (denied.near.some(isUnrecorded)) leave(leftOut, 'unrecorded', entry);
    else {
      missing.push(entry);
      noteNear(near, `${namespace}/${workload}`, denied);
    }
  }
  const { parsed, options } = input;
  const unobserved = unobservedOf(parsed.policies, needed, options.localTrustDomain);
  return { missing, allowed, near, unobserved };
}

const ANY = '{*}';
/** Stands for values that were not seen: a template means those too. */
const UNSEEN = '7-not-seen-yet';

/** Paths to ask for: some that were seen, and one that was not where the entry is a template. */
function probesOf({ path, samples }: Entry): readonly string[] {
  return path.includes(ANY) ? [...samples, path.replaceAll(ANY, UNSEEN)] : [path];
}

function requestOf({ pair, method }: Entry, path: string): JudgedRequest {
  return {
    connection: {
      principal: pair.caller,
      sourceIp: null,
      remoteIp: null,
      destinationIp: null,
      destinationPort: pair.port,
      sni: null,
    },
    request: { http: { method, path, host: '', headerValues: () => undefined }, remoteIp: null },
    fault: null,
    destination: { namespace: pair.namespace, labels: null },
  };
}

function callOf({ pair, method }: Entry, path: string): NeededCall {
  return { principal: pair.caller.slice('spiffe://'.length), method, path, port: pair.port };
}

function note<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function noteNear(near: Map<string, NearRule[]>, workload: string, { near: rules }: Answer): void {
  const known = near.get(workload) ?? [];
  near.set(workload, known);
  const [nearest] = rules;
  if (nearest === undefined || known.length >= NEAR_MAX) return;
  if (!known.some((one) => JSON.stringify(one) === JSON.stringify(nearest))) known.push(nearest);
}

const RECORDED = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'methods', 'paths', 'ports'];

/** True when a rule fails by something that records do not tell: it may allow the call as it is. */
function isUnrecorded({ field }: NearRule): boolean {
  const name = field.slice(field.lastIndexOf('.') + 1);
  const positive = name.startsWith('not') ? `${name.charAt(3).toLowerCase()}${name.slice(4)}` : name;
  return !RECORDED.includes(positive);
}
