// A policy to be written: its parts, and its text as YAML that a person would write, comments included.
// Every value is quoted or known to be plain, so that YAML 1.1 (Kubernetes) and 1.2 read the same.

/** Whom a rule is about; AND of its fields. */
export interface SourceDraft {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly ipBlocks?: readonly string[];
}

/** What a rule is about; AND of its fields. */
export interface OperationDraft {
  readonly hosts?: readonly string[];
  readonly ports?: readonly string[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/** One rule: OR of sources, AND, OR of operations. Without either it matches anything. */
export interface RuleDraft {
  readonly from: readonly SourceDraft[];
  readonly to: readonly OperationDraft[];
}

/** An AuthorizationPolicy to be written. */
export interface PolicyDraft {
  /** Lines above the policy, without `#`. */
  readonly comments: readonly string[];
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly action: 'ALLOW' | 'DENY';
  /** Labels of the workloads; none = all of the namespace. */
  readonly selector: Readonly<Record<string, string>>;
  readonly rules: readonly RuleDraft[];
}

/** The policy as one YAML document. */
export function policyYaml(draft: PolicyDraft): string {
  const { comments, name, namespace, labels = {}, annotations } = draft;
  return [
    ...comments.map(commentLine),
    'apiVersion: security.istio.io/v1',
    'kind: AuthorizationPolicy',
    'metadata:',
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    ...mapping('labels', labels, 2),
    ...mapping('annotations', annotations, 2),
    ...specLines(draft),
    '',
  ].join('\n');
}

/** Several documents in one text. */
export const policiesYaml = (drafts: readonly PolicyDraft[]): string => drafts.map(policyYaml).join('---\n');

function specLines({ action, selector, rules }: PolicyDraft): string[] {
  const labelled = Object.keys(selector).length > 0;
  if (rules.length === 0 && !labelled && action === 'ALLOW') return ['spec: {}'];
  return [
    'spec:',
    ...(labelled ? ['  selector:', ...mapping('matchLabels', selector, 4)] : []),
    `  action: ${action}`,
    ...(rules.length === 0 ? [] : ['  rules:', ...rules.flatMap(ruleLines)]),
  ];
}

function ruleLines({ from, to }: RuleDraft): string[] {
  if (from.length === 0 && to.length === 0) return ['    - {}'];
  const lines = [
    ...part(
      'from',
      from.map((source) => clause('source', { ...source })),
    ),
    ...part(
      'to',
      to.map((operation) => clause('operation', { ...operation })),
    ),
  ];
  return lines.map((line, index) => `${index === 0 ? '    - ' : '      '}${line}`);
}

const part = (key: string, clauses: readonly (readonly string[])[]): string[] =>
  clauses.length === 0 ? [] : [`${key}:`, ...clauses.flat()];

function clause(key: string, fields: Readonly<Record<string, readonly string[] | undefined>>): string[] {
  const lines = Object.entries(fields).flatMap(([field, values]) =>
    values === undefined ? [] : [`      ${field}: [${values.map(quoted).join(', ')}]`],
  );
  return [`  - ${key}:`, ...lines];
}

function mapping(key: string, entries: Readonly<Record<string, string>>, indent: number): string[] {
  const lines = Object.entries(entries);
  if (lines.length === 0) return [];
  const gap = ' '.repeat(indent);
  return [`${gap}${key}:`, ...lines.map(([name, value]) => `${gap}  ${scalar(name)}: ${scalar(value)}`)];
}

const ESCAPED_FROM = 0x7f;
const SPACE = 0x20;

/** A double-quoted YAML string in ASCII: JSON's form, with code points in place of surrogates. */
export function quoted(text: string): string {
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < ESCAPED_FROM) out += JSON.stringify(character).slice(1, -1);
    else if (code > 0xffff) out += `\\U${code.toString(16).padStart(8, '0')}`;
    else out += `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return `"${out}"`;
}

// Words that YAML 1.1 reads as something else than a string.
const RESERVED = new Set(['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null']);

/** A name as it is where every YAML reads it as a string, else quoted. */
export const scalar = (text: string): string =>
  /^[a-z][a-z0-9./-]*$/i.test(text) && !RESERVED.has(text.toLowerCase()) ? text : quoted(text);

/** One comment line. What could end it or move a cursor is a `?`. */
export function commentLine(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    out += code >= SPACE && code < ESCAPED_FROM ? text.charAt(i) : '?';
  }
  return `# ${out}`.trimEnd();
}
