// Suggested policies as YAML, with what they were learned from as comments. Whatever stands in a policy was
// checked to be a name, a SPIFFE ID, a method or a path; whatever stands in a comment is printable.
import type { SuggestedOperation, SuggestedRule } from '../../policy/suggest/rules.ts';
import type { SuggestedPolicy } from '../../policy/suggest/suggestion.ts';
import { counted, printable, shortTime } from '../text.ts';

/** One YAML document for each policy. `notes`: comments over each, by policy. */
export function policiesYaml(
  policies: readonly SuggestedPolicy[],
  { valuesMin, notes }: { valuesMin: number; notes?: (policy: SuggestedPolicy) => readonly string[] },
): string[] {
  return policies.map((policy) => policyYaml(policy, valuesMin, notes?.(policy) ?? []));
}

/** Comment lines; the texts may be raw. */
export function commentLines(lines: readonly string[]): string {
  return lines.map((line) => `# ${printable(line)}`.trimEnd()).join('\n');
}

function policyYaml(policy: SuggestedPolicy, valuesMin: number, notes: readonly string[]): string {
  const { namespace, name, workload, selector, selectorGiven, rules, evidence } = policy;
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  const head = [
    `${namespace}/${workload}: ${counted(evidence.requests, 'request')}, ${spanText(evidence)}`,
    ...(selectorGiven
      ? []
      : [`records name the account, not labels: check that its pods have ${labels.join(',')}`]),
    ...notes,
  ];
  return [
    commentLines(head),
    'apiVersion: security.istio.io/v1',
    'kind: AuthorizationPolicy',
    'metadata:',
    `  name: ${quoted(name)}`,
    `  namespace: ${quoted(namespace)}`,
    'spec:',
    '  selector:',
    '    matchLabels:',
    ...Object.entries(selector).map(([key, value]) => `      ${quoted(key)}: ${quoted(value)}`),
    '  action: ALLOW',
    '  rules:',
    ...rules.flatMap((rule) => ruleYaml(rule, valuesMin)),
    '',
  ].join('\n');
}

function ruleYaml(rule: SuggestedRule, valuesMin: number): string[] {
  const { principals, operations, evidence, confidence } = rule;
  const callers = counted(principals.length, 'caller');
  return [
    `    # ${counted(evidence.requests, 'request')}, ${callers}, ${spanText(evidence)}, confidence ${confidence}`,
    '    - from:',
    '        - source:',
    ...listYaml('principals', principals, 12),
    '      to:',
    ...operations.flatMap((operation) => operationYaml(operation, rule, valuesMin)),
  ];
}

function operationYaml(
  { methods, paths, notPaths, ports }: SuggestedOperation,
  { templates }: SuggestedRule,
  valuesMin: number,
): string[] {
  const why = (path: string): string | null => {
    const origin = templates.get(path);
    if (origin === undefined) return null;
    return origin === 'recorded' ? 'as the proxy recorded it' : `${valuesMin} values or more of each caller`;
  };
  return [
    '        - operation:',
    ...listYaml('methods', methods, 12),
    ...listYaml('paths', paths, 12, why),
    ...(notPaths.length === 0 ? [] : listYaml('notPaths', notPaths, 12)),
    ...listYaml('ports', ports, 12),
  ];
}

const INLINE_COLUMNS_MAX = 100;

/** In one line where it fits and nothing is to be said about a value. */
function listYaml(
  key: string,
  values: readonly string[],
  indent: number,
  why: (value: string) => string | null = () => null,
): string[] {
  const space = ' '.repeat(indent);
  const inline = `${space}${key}: [${values.map(quoted).join(', ')}]`;
  if (inline.length <= INLINE_COLUMNS_MAX && values.every((value) => why(value) === null)) return [inline];
  const items = values.map((value) => {
    const note = why(value);
    return `${space}  - ${quoted(value)}${note === null ? '' : ` # ${note}`}`;
  });
  return [`${space}${key}:`, ...items];
}

/** From when to when. */
export function spanText({ firstMs, lastMs }: { firstMs: number; lastMs: number }): string {
  return `${shortTime(firstMs)} to ${shortTime(lastMs)}`;
}

/** JSON strings are YAML strings, and none is taken for a number or a truth. */
const quoted = (text: string): string => JSON.stringify(text);
