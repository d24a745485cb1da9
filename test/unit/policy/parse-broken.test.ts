// Whose set a document refuses that is no valid YAML: a namespace's own when nothing is in doubt, else each.
import { describe, expect, test } from 'vitest';
import { parseText, policyText } from './policy-text.ts';

const HEAD = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n';
const META = `${HEAD}metadata:\n  name: p\n`;
const OPEN = 'spec: {rules: [\n';
const ROOT = policyText('action: DENY\nrules: [{}]', { name: 'root', namespace: 'istio-system' });

interface Row {
  readonly name: string;
  readonly text: string;
  /** The namespace of each refused document. */
  readonly expect: readonly (string | null)[];
}

function namespaces(rows: readonly Row[]): void {
  test.each(rows)('$name', ({ text, expect: expected }) => {
    const { refused, diagnostics } = parseText(text);
    expect(
      refused.map(({ namespace }) => namespace),
      JSON.stringify(diagnostics),
    ).toEqual(expected);
    for (const one of refused) expect(one).toMatchObject({ name: null, selector: null, attached: false });
    expect(diagnostics.some(({ code }) => /^ERR_POLICY_(YAML|DUPLICATE_KEY)$/.test(code))).toBe(true);
  });
}

describe('the namespace is known', () => {
  namespaces([
    { name: 'plain', text: `${META}  namespace: billing\n${OPEN}`, expect: ['billing'] },
    { name: 'plain, with a comment', text: `${META}  namespace: billing # us\n${OPEN}`, expect: ['billing'] },
    { name: 'single quotes', text: `${META}  namespace: 'billing'\n${OPEN}`, expect: ['billing'] },
    { name: 'double quotes', text: `${META}  namespace: "billing"\n${OPEN}`, expect: ['billing'] },
    { name: 'flow style', text: `${HEAD}metadata: {namespace: billing}\n${OPEN}`, expect: ['billing'] },
    {
      name: 'CRLF',
      text: `${META}  namespace: billing\n${OPEN}`.replaceAll('\n', '\r\n'),
      expect: ['billing'],
    },
    {
      name: 'the root namespace',
      text: `${META}  namespace: istio-system\n${OPEN}`,
      expect: ['istio-system'],
    },
    {
      name: 'JSON',
      text: '{"kind": "AuthorizationPolicy", "metadata": {"namespace": "billing"}, "spec": {,}}',
      expect: ['billing'],
    },
    {
      name: 'a tab as indentation after it',
      text: `${META}  namespace: billing\nspec:\n\taction: DENY\n`,
      expect: ['billing'],
    },
    {
      name: 'a duplicate key elsewhere after it',
      text: policyText('rules: [{}]\nrules: []', { namespace: 'billing' }),
      expect: ['billing'],
    },
    {
      name: 'rules about namespaces',
      text: `${META}  namespace: billing\nspec: {rules: [{from: [{source: {namespaces: [a]}}]}\n`,
      expect: ['billing'],
    },
    {
      name: 'after a good document',
      text: `${ROOT}---\n${META}  namespace: billing\n${OPEN}`,
      expect: ['billing'],
    },
    {
      name: 'each of two broken documents its own',
      text: `${META}  namespace: billing\n${OPEN}---\n${META}  namespace: shop\n${OPEN}`,
      expect: ['billing', 'shop'],
    },
  ]);

  test('the good document behind it is read', () => {
    const { policies } = parseText(`${META}  namespace: billing\n${OPEN}---\n${ROOT}`);
    expect(policies.map(({ namespace }) => namespace)).toEqual(['istio-system']);
  });
});

describe('the namespace is in doubt', () => {
  const NS = `${META}  namespace: billing\n`;
  namespaces([
    { name: 'no metadata', text: `${HEAD}${OPEN}`, expect: [null] },
    { name: 'no namespace', text: `${META}${OPEN}`, expect: [null] },
    { name: 'after the error', text: `${HEAD}a: b: c\nmetadata:\n  namespace: billing\n`, expect: [null] },
    { name: 'after a tab', text: `${HEAD}metadata:\n\tnamespace: billing\n`, expect: [null] },
    {
      name: 'after a duplicate key',
      text: `kind: A\nkind: B\nmetadata: {namespace: billing}\n`,
      expect: [null],
    },
    { name: 'after a bad directive', text: `%YAML 9\n---\n${NS}`, expect: [null] },
    { name: 'the error ends it', text: `${META}  namespace: "billing"x\n${OPEN}`, expect: [null] },
    { name: 'an open quote in it', text: `${META}  namespace: "billing\n`, expect: [null] },
    { name: 'namespace twice', text: `${NS}  namespace: shop\n${OPEN}`, expect: [null] },
    { name: 'namespace twice, once escaped', text: `${NS}  "n\\x61mespace": shop\n${OPEN}`, expect: [null] },
    { name: 'namespace again behind the error', text: `${NS}a: ]\n  namespace: shop\n`, expect: [null] },
    { name: 'metadata twice', text: `${NS}metadata: {name: q}\n${OPEN}`, expect: [null] },
    { name: 'metadata twice, once escaped', text: `${NS}"met\\x61data": {name: q}\n${OPEN}`, expect: [null] },
    { name: 'metadata escaped', text: `${NS.replace('metadata', '"met\\x61data"')}${OPEN}`, expect: [null] },
    { name: 'metadata again in a merge key', text: `${NS}<<: {metadata: {}}\n${OPEN}`, expect: [null] },
    { name: 'metadata again behind the error', text: `${NS}a: ]\nmetadata: {}\n`, expect: [null] },
    {
      name: 'metadata below another key',
      text: `${HEAD}x: {metadata: {namespace: billing}}\n${OPEN}`,
      expect: [null],
    },
    { name: 'metadata is a list', text: `${HEAD}metadata: [namespace: billing]\n${OPEN}`, expect: [null] },
    { name: 'an alias', text: `x: &n billing\n${META}  namespace: *n\n${OPEN}`, expect: [null] },
    { name: 'an alias of nothing', text: `${META}  namespace: *n\n${OPEN}`, expect: [null] },
    { name: 'an anchor', text: `${META}  namespace: &n billing\n${OPEN}`, expect: [null] },
    { name: 'a tag', text: `${META}  namespace: !!str billing\n${OPEN}`, expect: [null] },
    {
      name: 'metadata as an alias',
      text: `x: &m {namespace: billing}\n${HEAD}metadata: *m\n${OPEN}`,
      expect: [null],
    },
    { name: 'a block string', text: `${META}  namespace: |-\n    billing\n${OPEN}`, expect: [null] },
    {
      name: 'within a block string',
      text: `${HEAD}x: |\n  metadata:\n    namespace: billing\n${OPEN}`,
      expect: [null],
    },
    {
      name: 'within a quoted string',
      text: `${HEAD}x: "metadata: {namespace: billing}"\n${OPEN}`,
      expect: [null],
    },
    { name: 'a number', text: `${META}  namespace: 7\n${OPEN}`, expect: [null] },
    { name: 'null', text: `${META}  namespace:\n${OPEN}`, expect: [null] },
    { name: 'a list as namespace', text: `${META}  namespace: [billing]\n${OPEN}`, expect: [null] },
    { name: 'no namespace name', text: `${META}  namespace: Billing\n${OPEN}`, expect: [null] },
    { name: 'over two lines', text: `${META}  namespace: bill\n    ing\n${OPEN}`, expect: [null] },
    { name: '64 characters', text: `${META}  namespace: ${'a'.repeat(64)}\n${OPEN}`, expect: [null] },
    { name: 'no kind', text: `metadata: {namespace: billing}\n${OPEN}`, expect: [null] },
    { name: 'kind twice', text: `kind: List\n${NS}${OPEN}`, expect: [null] },
    {
      name: 'kind after the error',
      text: `metadata: {namespace: billing}\na: b: c\nkind: A\n`,
      expect: [null],
    },
    {
      name: 'a list',
      text: `apiVersion: v1\nkind: List\nmetadata: {namespace: billing}\nitems: [{\n`,
      expect: [null],
    },
    {
      name: 'a list of policies',
      text: `${HEAD.replace('Policy', 'PolicyList')}metadata: {namespace: billing}\nitems:\n- {\n`,
      expect: [null],
    },
    { name: 'a list that names another kind', text: `${NS}items:\n- [\n`, expect: [null] },
    {
      name: 'the item of a list',
      text: `apiVersion: v1\nkind: List\nitems:\n- ${NS.trim().replaceAll('\n', '\n  ')}\n  spec: [\n`,
      expect: [null],
    },
  ]);
});

describe('the error eats the documents behind it', () => {
  const NS = `${HEAD}metadata:\n  namespace: billing\n`;
  const QUOTELESS = ROOT.replaceAll('"', '');
  namespaces([
    { name: 'an open double quote', text: `${NS}  name: "p\n---\n${QUOTELESS}`, expect: [null] },
    { name: 'an open single quote', text: `${NS}  name: 'p\n---\n${QUOTELESS}`, expect: [null] },
    { name: 'behind an indented marker', text: `${NS}  name: "p\n ---\n${QUOTELESS}`, expect: [null] },
    { name: 'behind a marker with CRs alone', text: `${NS}  name: "p\r---\r${QUOTELESS}`, expect: [null] },
    { name: 'behind `...`', text: `${NS}  name: "p\n...\n${QUOTELESS}`, expect: [null] },
    { name: 'behind a misspelt marker', text: `${NS}  name: "p\n--\n${QUOTELESS}`, expect: [null] },
    { name: 'an open bracket behind no marker', text: `${NS}spec: [\n${QUOTELESS}`, expect: [null] },
    {
      name: 'the third of three',
      text: `${META}  namespace: billing\n${OPEN}---\n${NS}  name: "p\n---\n${QUOTELESS}`,
      expect: ['billing', null],
    },
  ]);
});
