// Names in policies that no flow showed, where another one that was seen is only a slip of the finger away.
import type { Diagnostic, Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/errors.ts';
import type { Matcher, Policy, PolicyOptions, Rule } from '../model.ts';
import { conditionsOf } from './conditions.ts';
import { finding } from './finding.ts';
import { thingOf } from './implies.ts';
import type { SeenNames } from './seen-names.ts';
import { SimilarNames } from './similar-names.ts';

/** One finding for each rule and misspelt name. */
export function unseenNames(
  policies: readonly Policy[],
  seen: SeenNames,
  { rootNamespace }: Pick<PolicyOptions, 'rootNamespace'>,
): Diagnostic[] {
  // An absent name proves nothing when some were not kept.
  if (seen.full) return [];
  const names = new Names(seen);
  return policies.flatMap((policy) => {
    const { namespace, name, at } = policy;
    const near = namespace === rootNamespace ? null : names.namespaceLike(namespace);
    const own = near === null ? [] : [misspelt(at, `namespace \`${namespace}\` of policy \`${name}\``, near)];
    return [...own, ...policy.rules.flatMap((rule) => ofRule(rule, names))];
  });
}

function ofRule(rule: Rule, names: Names): Diagnostic[] {
  const out = new Map<string, Diagnostic>();
  for (const condition of conditionsOf(rule)) {
    const thing = thingOf(condition);
    for (const matcher of [...condition.values, ...condition.notValues]) {
      const near = nearOf(thing, matcher, names);
      if (near === null || !('value' in matcher)) continue;
      const what = `\`${matcher.value}\` in ${condition.name} of ${rule.id}`;
      out.set(what, misspelt(rule.at, what, near));
    }
  }
  return [...out.values()];
}

function nearOf(thing: string, matcher: Matcher, names: Names): string | null {
  if (matcher.kind !== 'exact') return null;
  switch (thing) {
    case 'principals':
      return names.principalLike(matcher.value);
    case 'namespaces':
      return names.namespaceLike(matcher.value);
    case 'serviceAccounts':
      return names.accountLike(matcher.value);
    case 'trustDomains':
      return names.trustDomainLike(matcher.value);
    default:
      return null;
  }
}

const misspelt = (at: Position, what: string, near: string): Diagnostic =>
  finding('LINT_POLICY_UNSEEN_NAME', at, `${what} was never seen in the flows`, {
    hint: `did you mean \`${near}\`?`,
  });

/** Names that were seen and are like others; each question is answered once. */
class Names {
  readonly #seen: SeenNames;
  readonly #trustDomains: SimilarNames;
  readonly #namespaces: SimilarNames;
  readonly #accounts: SimilarNames;

  constructor(seen: SeenNames) {
    this.#seen = seen;
    this.#trustDomains = new SimilarNames(seen.trustDomains);
    this.#namespaces = new SimilarNames(seen.namespaces);
    this.#accounts = new SimilarNames(seen.accounts);
  }

  trustDomainLike(name: string): string | null {
    return this.#trustDomains.like(name);
  }

  namespaceLike(name: string): string | null {
    return this.#namespaces.like(name);
  }

  accountLike(name: string): string | null {
    return this.#seen.accounts.has(name) ? null : this.#accounts.like(name);
  }

  /** `td/ns/a/sa/b` with the one part corrected that is misspelt. */
  principalLike(value: string): string | null {
    const [trustDomain = '', ns, namespace = '', sa, account = '', ...more] = value.split('/');
    const written = (td: string, own: string): string => {
      const [inner = '', name = ''] = own.split('/');
      return `${td}/ns/${inner}/sa/${name}`;
    };
    if (ns === undefined) return null;
    // `ns` and `sa` themselves are misspelt easily.
    if (more.length === 0 && (ns !== 'ns' || sa !== 'sa') && account !== '') {
      const own = `${namespace}/${account}`;
      const slip = didYouMean(`${ns}/${sa ?? ''}`, ['ns/sa']) !== undefined;
      return slip && this.#seen.accounts.has(own) ? written(trustDomain, own) : null;
    }
    if (more.length > 0 || ns !== 'ns' || sa !== 'sa') return null;
    const domain = trustDomain === 'cluster.local' ? null : this.#trustDomains.like(trustDomain);
    const own = this.accountLike(`${namespace}/${account}`);
    if (domain === null && own === null) return null;
    return written(domain ?? trustDomain, own ?? `${namespace}/${account}`);
  }
}
