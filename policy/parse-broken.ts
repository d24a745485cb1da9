// Whose is a document that is no valid YAML? Its namespace, when what stands before the first error leaves
// no doubt: one team's typo then refuses that team's set alone. In doubt it is nobody's, and counts against
// every source.

import { isKubernetesName } from './parse-policy.ts';
import { type Document, isMap, isScalar, Scalar } from './yaml.ts';

/**
 * The `metadata.namespace` of a document with syntax errors, or null in doubt. `text` is everything from its
 * contents to the start of the next document, also what the parser gave up on.
 */
export function namespaceOfBroken(document: Document.Parsed, text: string): string | null {
  if (mayHoldMore(text)) return null;
  let end = Number.POSITIVE_INFINITY; // of what is certain: many errors, so no Math.min(...)
  for (const { pos } of [...document.errors, ...document.warnings]) end = Math.min(end, pos[0]);
  const kind = textBefore(end, onlyValue(document.contents, 'kind'));
  // A list holds resources of other namespaces, whatever its own metadata say.
  if (kind === null || kind.endsWith('List') || onlyValue(document.contents, 'items') !== undefined)
    return null;
  const namespace = textBefore(end, onlyValue(onlyValue(document.contents, 'metadata'), 'namespace'));
  return namespace !== null && isKubernetesName(namespace, 'namespace') ? namespace : null;
}

/**
 * True when the text could be more than one resource: an open quote or bracket eats the `---` after it and
 * the resources behind, and those may be anyone's. Any line that looks like a marker counts, and so does a
 * second mention of the keys.
 */
function mayHoldMore(text: string): boolean {
  if (/^[^\S\r\n]*(?:---|\.\.\.)/m.test(text)) return true;
  return text.split('metadata', 3).length !== 2 || text.split(/\bnamespace["']?[^\S\r\n]*:/, 3).length !== 2;
}

/** The value of a key that stands once in a mapping; undefined otherwise. */
function onlyValue(node: unknown, name: string): unknown {
  if (!isMap(node)) return undefined;
  const pairs = node.items.filter(({ key }) => isScalar(key) && key.value === name);
  return pairs.length === 1 ? pairs[0]?.value : undefined;
}

const WRITTEN_OUT: readonly (string | undefined)[] = [Scalar.PLAIN, Scalar.QUOTE_DOUBLE, Scalar.QUOTE_SINGLE];

/** A plain or quoted string without anchor or tag that ends before `end`, or null. */
function textBefore(end: number, node: unknown): string | null {
  if (!isScalar(node) || typeof node.value !== 'string' || !WRITTEN_OUT.includes(node.type)) return null;
  if (node.anchor !== undefined || node.tag !== undefined) return null;
  return (node.range?.[1] ?? end) < end ? node.value : null;
}
