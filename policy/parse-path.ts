// Path values of a policy: exact, prefix, suffix, presence and templates with `{*}` and `{**}`.
// A path that no canonical request path could equal is an error, since a DENY on it would be a hole.
import { canonicalPath } from '../core/path.ts';
import type { Fault } from './document-reader.ts';
import type { Matcher } from './model.ts';
import { parseWildcard } from './parse-wildcard.ts';

/** Parses one value of `paths` or `notPaths`. */
export function parsePathValue(text: string): Matcher | Fault {
  if (text.includes('?') || text.includes('#'))
    return {
      code: 'ERR_POLICY_PATH',
      message: `path \`${text}\` has a query or fragment, which a path never has here`,
      hint: 'paths are compared without query and fragment; remove it',
    };
  if (text.includes('{') || text.includes('}')) return parseTemplate(text);
  const matcher = parseWildcard(text, { propose: proposeTemplate(text) });
  if (!('kind' in matcher) || matcher.kind === 'presence') return matcher;
  if (matcher.kind === 'suffix') return suffixFault(matcher.value) ?? matcher;
  if (matcher.kind !== 'exact' && matcher.kind !== 'prefix') return matcher;
  if (!matcher.value.startsWith('/')) return noSlash(text);
  // A prefix is judged with a character after it: `/a/.*` is a fine prefix of `/a/.git`, `/a/..` alone is not
  // a path.
  const fault = canonicalFault(text, matcher.value, matcher.kind === 'prefix' ? 'x' : '');
  return fault ?? matcher;
}

/**
 * Parses a template: literal segments, `{*}` = one non-empty segment, `{**}` = the rest.
 * An operator is a whole segment; `{**}` is the last operator and literal segments may follow it.
 */
function parseTemplate(text: string): Matcher | Fault {
  const bad = (why: string, hint: string): Fault => ({
    code: 'ERR_POLICY_TEMPLATE',
    message: `path template \`${text}\` ${why}`,
    hint,
  });
  if (!text.startsWith('/')) return noSlash(text);
  let restSeen = false;
  for (const segment of text.slice(1).split('/')) {
    if (segment === '{*}' || segment === '{**}') {
      if (restSeen)
        return bad('has an operator after `{**}`', '`{**}` must be the last operator; literals may follow');
      restSeen = segment === '{**}';
      continue;
    }
    if (segment.includes('{*}') || segment.includes('{**}'))
      return bad(
        `mixes an operator with text in the segment \`${segment}\``,
        'an operator is a whole segment',
      );
    if (segment.includes('{') || segment.includes('}'))
      return bad(`has \`${segment}\``, 'the operators are `{*}` and `{**}`; names are not supported');
    if (segment.includes('*'))
      return bad('mixes `*` with operators', 'write `{*}` for one segment, `{**}` for the rest');
    for (const c of segment)
      if (!isTemplateLiteral(c))
        return bad(`has the character \`${c}\``, "literals of a template are [A-Za-z0-9-._~%!$&'()+,;:@=]");
  }
  const sample = text.replaceAll('{**}', 'x').replaceAll('{*}', 'x');
  return canonicalFault(text, sample, '') ?? { kind: 'template', value: text };
}

function canonicalFault(written: string, literal: string, continuation: string): Fault | null {
  const result = canonicalPath(literal + continuation, 'reject');
  if (result.fault !== null)
    return {
      code: 'ERR_POLICY_PATH',
      message: `path \`${written}\` never reaches a policy: a request for it ends as \`${result.fault}\``,
      hint: 'percent-encode raw bytes; `//`, `%2F`, `%5C`, `\\` and bad escapes have no canonical form',
    };
  if (!result.changed) return null;
  const canonical = continuation === '' ? result.path : result.path.slice(0, -continuation.length);
  const same = written.includes('{') ? '' : `; the canonical form is \`${canonical}\``;
  return {
    code: 'ERR_POLICY_PATH',
    message: `path \`${written}\` is not canonical${same}`,
    hint: 'requests are judged in canonical form, so this value would never match',
  };
}

function suffixFault(literal: string): Fault | null {
  const fault = canonicalFault(`*${literal}`, `/x${literal}`, '');
  if (fault === null) return null;
  // The sample's own start is ours, not the author's: do not show it.
  return fault.message.includes('canonical form is')
    ? { ...fault, message: `path \`*${literal}\` is not canonical` }
    : fault;
}

function noSlash(text: string): Fault {
  return {
    code: 'ERR_POLICY_PATH',
    message: `path \`${text}\` does not start with \`/\``,
    hint: `did you mean \`/${text}\`? A suffix is written \`*${text}\``,
  };
}

function proposeTemplate(text: string): string {
  const segments = text.split('/').map((s) => (s === '**' ? '{**}' : s.includes('*') ? '{*}' : s));
  return `write \`${segments.join('/')}\`: \`{*}\` is one segment, \`{**}\` the rest`;
}

function isTemplateLiteral(c: string): boolean {
  return /^[A-Za-z0-9\-._~%!$&'()+,;:@=]$/.test(c);
}
