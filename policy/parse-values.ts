// A list of values of one field, read through the field's parser.

import type { DocumentReader } from './document-reader.ts';
import { SERVICE_ACCOUNTS_MAX } from './limits.ts';
import type { Field, Matcher } from './model.ts';
import { VALUE_PARSERS } from './parse-value.ts';
import type { Node } from './yaml.ts';

/** What a rule needs to know of its policy. */
export interface RuleContext {
  readonly namespace: string;
  /** Trust domains that stand for each other: the local one, `cluster.local` and the aliases. */
  readonly sameTrustDomains: readonly string[];
  readonly id: string;
  /** Where the rule is in its document, for messages: `spec.rules[0]`. */
  readonly what: string;
}

/** Reads a list of values of one field. */
export function parseValues(
  reader: DocumentReader,
  node: Node,
  what: string,
  context: RuleContext,
  field: Exclude<Field, 'requestPrincipals'>,
): Matcher[] {
  const max =
    field === 'serviceAccounts' || field === 'source.serviceAccount' ? SERVICE_ACCOUNTS_MAX : undefined;
  const out: Matcher[] = [];
  for (const [index, item] of reader.items(node, what, max === undefined ? {} : { max }).entries()) {
    const text = reader.string(item, `${what}[${index}]`);
    if (text === undefined) continue;
    const matcher = VALUE_PARSERS[field](text, context.namespace);
    if (!('kind' in matcher)) reader.error(item, matcher);
    else if (field !== 'principals' && field !== 'source.principal') out.push(matcher);
    else out.push(...principalForms(matcher, context.sameTrustDomains));
  }
  return out;
}

/** JWT fields exist in the language and not yet in the engine: refused, never ignored. */
export function refuseJwt(reader: DocumentReader, node: Node, what: string): void {
  reader.error(node, {
    code: 'ERR_POLICY_NOT_BUILT',
    message: `\`${what}\` needs a verified JWT, and JWT validation is not built yet`,
    hint: 'remove the condition; a rule without it is wider, so think before you do',
  });
}

/**
 * A five-segment prefix such as `cluster.local/ns/shop/sa/*` of the local trust domain becomes one prefix for
 * each name
 * of it, as Istio expands it. Exact IDs stay as written: the evaluators know that the names stand for each
 * other.
 */
function principalForms(matcher: Matcher, sameTrustDomains: readonly string[]): Matcher[] {
  if (matcher.kind !== 'prefix') return [matcher];
  const [trustDomain = '', ...rest] = matcher.value.split('/');
  if (rest.length !== 4 || !sameTrustDomains.includes(trustDomain)) return [matcher];
  return sameTrustDomains.map((name) => ({ kind: 'prefix', value: [name, ...rest].join('/') }));
}
