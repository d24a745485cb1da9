// The rules of the benchmark: the same ones for sallyport and for Envoy.
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { authorizationPolicies, benchRules, envoyRbac } from '../../../bench/rules.ts';

const allowed = { principal: 'td/ns/bench/sa/caller', methods: ['GET'], path: '/items/*' };

describe('benchRules', () => {
  it.each([{ count: 1 }, { count: 100 }, { count: 1_000 }])(
    '$count rules, one allows the load',
    ({ count }) => {
      const rules = benchRules(count, allowed);
      expect(rules).toHaveLength(count);
      expect(rules.filter(({ path }) => path === allowed.path)).toEqual([allowed]);
      expect(rules[Math.floor(count / 2)]).toBe(allowed);
    },
  );

  it('shares the identity of the load among other rules', () => {
    const own = benchRules(1_000, allowed).filter(({ principal }) => principal === allowed.principal);
    expect(own.length).toBeGreaterThan(40);
  });
});

describe('the two renderings', () => {
  const rules = benchRules(250, allowed);

  it('AuthorizationPolicy: every rule once, in order, in files of ten policies of ten rules', () => {
    const files = authorizationPolicies(rules, 'bench');
    expect([...files.keys()]).toEqual(['bench-0.yaml', 'bench-1.yaml', 'bench-2.yaml']);
    const documents = [...files.values()].flatMap((text) => parseAllDocuments(text).map((d) => d.toJS()));
    expect(documents).toHaveLength(25);
    expect(new Set(documents.map(({ metadata }) => metadata.name)).size).toBe(25);
    const read = documents.flatMap(({ spec }) => spec.rules);
    expect(read).toEqual(
      rules.map(({ principal, methods, path }) => ({
        from: [{ source: { principals: [principal] } }],
        to: [{ operation: { methods, paths: [path] } }],
      })),
    );
  });

  it('Envoy: one policy a rule, ordered by name as Envoy orders them', () => {
    const { policies } = JSON.parse(JSON.stringify(envoyRbac(rules)));
    expect(Object.keys(policies)).toHaveLength(250);
    expect(Object.keys(policies)).toEqual(Object.keys(policies).sort());
    expect(JSON.stringify(policies['rule-000125'])).toContain('"prefix":"/items/"');
    expect(JSON.stringify(policies['rule-000125'])).toContain('spiffe://td/ns/bench/sa/caller');
    expect(JSON.stringify(policies['rule-000001'])).toContain('"exact":"/service-1/orders/latest"');
  });
});
