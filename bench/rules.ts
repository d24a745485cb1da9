// The same N rules for sallyport (AuthorizationPolicy) and for Envoy (RBAC filter), so that both decide the
// same thing.
import { stringify } from 'yaml';

/** One rule: this caller may use these methods on this path. */
export interface BenchRule {
  /** SPIFFE ID without its scheme. */
  readonly principal: string;
  readonly methods: readonly string[];
  /** Exact, or a prefix when it ends in `*`. */
  readonly path: string;
}

const CALLERS = 20;
const RULES_PER_POLICY = 10;
const POLICIES_PER_FILE = 10;

/**
 * `count` rules. The one that allows the load is in the middle: the average place for a proxy that scans
 * them. Twenty callers share the rules, the load's identity is one of them.
 */
export function benchRules(count: number, allowed: BenchRule): BenchRule[] {
  const prefix = allowed.principal.slice(0, allowed.principal.lastIndexOf('/') + 1);
  return Array.from({ length: count }, (_, i) => {
    if (i === Math.floor(count / 2)) return allowed;
    const caller = i % CALLERS;
    return {
      principal: caller === 0 ? allowed.principal : `${prefix}caller-${caller}`,
      methods: i % 3 === 0 ? ['GET', 'POST'] : ['GET'],
      path: i % 2 === 0 ? `/service-${i}/orders/*` : `/service-${i}/orders/latest`,
    };
  });
}

/** Multi-document YAML files of AuthorizationPolicy resources, ten rules a policy, by file name. */
export function authorizationPolicies(rules: readonly BenchRule[], namespace: string): Map<string, string> {
  const files = new Map<string, string>();
  const policies = chunks(rules, RULES_PER_POLICY).map((group, i) =>
    stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `bench-${i}`, namespace },
      spec: {
        action: 'ALLOW',
        rules: group.map((rule) => ({
          from: [{ source: { principals: [rule.principal] } }],
          to: [{ operation: { methods: rule.methods, paths: [rule.path] } }],
        })),
      },
    }),
  );
  chunks(policies, POLICIES_PER_FILE).forEach((group, i) => {
    files.set(`bench-${i}.yaml`, group.join('---\n'));
  });
  return files;
}

/**
 * The `rules` of Envoy's RBAC filter: one policy a rule, in the same order; `any` caller where no certificate
 * tells them apart.
 */
export function envoyRbac(rules: readonly BenchRule[], callers: 'named' | 'any' = 'named'): object {
  const policies = rules.map((rule, i) => [
    // Envoy keeps policies in a map ordered by name.
    `rule-${String(i).padStart(6, '0')}`,
    {
      permissions: [
        {
          and_rules: {
            rules: [
              {
                or_rules: {
                  rules: rule.methods.map((method) => ({
                    header: { name: ':method', string_match: { exact: method } },
                  })),
                },
              },
              { url_path: { path: pathMatcher(rule.path) } },
            ],
          },
        },
      ],
      principals: [
        callers === 'any'
          ? { any: true }
          : { authenticated: { principal_name: { exact: `spiffe://${rule.principal}` } } },
      ],
    },
  ]);
  return { action: 'ALLOW', policies: Object.fromEntries(policies) };
}

function pathMatcher(path: string): object {
  return path.endsWith('*') ? { prefix: path.slice(0, -1) } : { exact: path };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let i = 0; i < items.length; i += size) groups.push(items.slice(i, i + size));
  return groups;
}
