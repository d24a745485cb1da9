// The four string forms of a policy value: exact `abc`, prefix `abc*`, suffix `*abc`, presence `*`.
import type { Fault } from './document-reader.ts';
import type { Matcher } from './model.ts';

/** Classifies a value. One `*`, at one end only; anything else is a fault, with `propose` as its hint. */
export function parseWildcard(text: string, options: { propose?: string } = {}): Matcher | Fault {
  if (text === '*') return { kind: 'presence' };
  const star = text.indexOf('*');
  if (star < 0) return { kind: 'exact', value: text };
  const single = star === text.lastIndexOf('*');
  if (single && star === 0) return { kind: 'suffix', value: text.slice(1) };
  if (single && star === text.length - 1) return { kind: 'prefix', value: text.slice(0, -1) };
  return {
    code: 'ERR_POLICY_WILDCARD',
    message: `\`${text}\` would be a literal that never matches: one \`*\` is allowed, at one end`,
    hint: options.propose ?? 'write `abc*`, `*abc` or `*`; list several values for several forms',
  };
}
