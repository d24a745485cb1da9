// Fields that no table on the way may keep (RFC 7541 sections 6.2.3 and 7.1.3), by their names: a head of
// HTTP/1.1 has no place for that mark, so it goes beside the head. There is nothing to carry in most cases.
import { AUTHORIZATION, bits, COOKIE, PROXY_AUTHORIZATION } from '../http1/known-headers.ts';
import type { Field } from './hpack/field.ts';

/** Names in small letters, those of pseudo-header fields among them; null = none. */
export type NeverIndexed = ReadonlySet<string> | null;

// RFC 7541 section 7.1.3: what is worth guessing byte by byte.
const SENSITIVE = bits(AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE);

/** True for fields that we never index, however they came; the kinds of pseudo-header fields are negative. */
export const isSensitive = (kind: number): boolean => kind > 0 && ((SENSITIVE >>> kind) & 1) !== 0;

/** `names`, to which that of `field` is added, which came as a never-indexed literal. */
export function withField(names: Set<string> | null, field: Field): Set<string> | null {
  const { kind, source, start, nameEnd } = field;
  if (isSensitive(kind)) return names;
  return (names ?? new Set()).add(source.toString('latin1', start, nameEnd));
}

/** The names of both. */
export function both(a: NeverIndexed, b: NeverIndexed): NeverIndexed {
  return a === null || b === null ? (a ?? b) : new Set([...a, ...b]);
}
