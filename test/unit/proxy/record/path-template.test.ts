// Path templates: which segments are values, how nodes fold, and that nothing grows without bound.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PathTemplates } from '../../../../proxy/record/path-template.ts';

describe('a fresh learner', () => {
  const rows = [
    ['/', '/'],
    ['/items', '/items'],
    ['/items/', '/items/'],
    ['/items/7', '/items/{*}'],
    ['/items/7/price', '/items/{*}/price'],
    ['/7', '/{*}'],
    ['/items/007', '/items/{*}'],
    ['/days/2026-09-01', '/days/{*}'],
    ['/at/12:30', '/at/{*}'],
    ['/o/0190c2d4-7e3a-7b11-8f6e-5f3b6a1c2d3e', '/o/{*}'],
    ['/o/0190C2D47E3A7B118F6E5F3B6A1C2D3E', '/o/{*}'],
    ['/o/507f1f77bcf86cd799439011', '/o/{*}'],
    ['/o/deadbee1', '/o/{*}'],
    ['/o/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/o/{*}'],
    ['/u/a%20b', '/u/{*}'],
    ['/u/ann@example.org', '/u/{*}'],
    ['/u/*', '/u/{*}'],
    ['/u/{*}', '/u/{*}'],
    [`/u/${'a'.repeat(65)}`, '/u/{*}'],
    ['/api/v1/orders', '/api/v1/orders'],
    ['/facade', '/facade'],
    ['/deadbeef', '/deadbeef'],
    ['/getUserAccountDetails', '/getUserAccountDetails'],
    ['/shop.v2.Cart/GetOAuth2Token', '/shop.v2.Cart/GetOAuth2Token'],
    ['/very-long-name-of-an-entry-point-with-dashes', '/very-long-name-of-an-entry-point-with-dashes'],
    ['/static/app.js', '/static/app.js'],
    ['/a-b', '/a-b'],
    ['*', '*'],
    ['', ''],
    ['no-slash', '{**}'],
  ] as const;
  test.each(rows)('%s -> %s', (input, expected) => {
    const templates = new PathTemplates();
    expect(templates.of(input)).toBe(expected);
    expect(templates.of(input), 'a second time').toBe(expected);
  });
});

describe('folding', () => {
  test('a node with too many names becomes {*}, also for the names it had', () => {
    const templates = new PathTemplates({ names: 3 });
    for (const name of ['ann', 'bob', 'cyd']) expect(templates.of(`/users/${name}`)).toBe(`/users/${name}`);
    expect(templates.of('/users/dee')).toBe('/users/{*}');
    expect(templates.of('/users/ann')).toBe('/users/{*}');
    expect(templates.of('/users/ann/cart')).toBe('/users/{*}/cart');
    expect(templates.of('/health')).toBe('/health');
  });

  test('the entry points of an application are folded much later', () => {
    const templates = new PathTemplates({ names: 3, rootNames: 5 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect(templates.of(`/${name}`)).toBe(`/${name}`);
    expect(templates.rootFolded).toBe(false);
    expect(templates.of('/f')).toBe('/{*}');
    expect(templates.rootFolded).toBe(true);
  });

  test('beyond the depth everything is {**}', () => {
    const templates = new PathTemplates({ depth: 2 });
    expect(templates.of('/a/b')).toBe('/a/b');
    expect(templates.of('/a/b/c')).toBe('/a/b/{**}');
    expect(templates.of('/a/b/c/d/e')).toBe('/a/b/{**}');
  });

  test('a full learner says {**} for what it does not know, and learns again after a reset', () => {
    const templates = new PathTemplates({ nodes: 2 });
    expect(templates.of('/a/b')).toBe('/a/b');
    expect(templates.full).toBe(true);
    expect(templates.of('/c')).toBe('/{**}');
    expect(templates.of('/a/c')).toBe('/a/{**}');
    expect(templates.of('/a/b')).toBe('/a/b');
    templates.reset();
    expect(templates.of('/c')).toBe('/c');
  });

  test('folding gives the nodes back', () => {
    const templates = new PathTemplates({ names: 3, nodes: 8 });
    for (const name of ['ann', 'bob', 'cyd']) templates.of(`/users/${name}/cart`);
    templates.of('/users/dee/cart');
    expect(templates.full).toBe(false);
  });
});

test('whatever comes, the templates stay few and match the path', () => {
  const segment = fc.stringMatching(/^[a-z0-9.~-]{0,12}$/);
  const path = fc.array(segment, { minLength: 1, maxLength: 20 }).map((list) => `/${list.join('/')}`);
  fc.assert(
    fc.property(fc.array(path, { maxLength: 300 }), (paths) => {
      const templates = new PathTemplates({ nodes: 100, names: 5, rootNames: 10 });
      const seen = new Set(paths.map((one) => templates.of(one)));
      expect(seen.size).toBeLessThan(400);
      for (const one of paths)
        expect(matches(templates.of(one), one), `${templates.of(one)} for ${one}`).toBe(true);
    }),
    { numRuns: 200 },
  );
});

/** The reading of policy-semantics, but for `{*}` and the empty segment of a trailing slash. */
function matches(template: string, path: string): boolean {
  const t = template.split('/');
  const p = path.split('/');
  for (let i = 0; i < t.length; i++) {
    if (t[i] === '{**}') return p.length >= i;
    if (i >= p.length || (t[i] !== '{*}' && t[i] !== p[i])) return false;
  }
  return t.length === p.length;
}
