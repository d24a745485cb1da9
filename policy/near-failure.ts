// Puts a failed condition into words: the field's name, what the policy wants, what the request has.
import { anyMatches } from './evaluate-request.ts';
import { negativeName } from './model.ts';
import type { HttpFacts, NearRule } from './request.ts';
import { type Peer, peerMatches, peerValue } from './residual-peer.ts';
import type { Table } from './table.ts';
import {
  CONDITION_FIELD,
  CONDITION_HEAD,
  CONDITION_KEY,
  CONDITION_NAME,
  CONDITION_NOTS,
  CONDITION_VALUES,
  FIELD_MASK,
  FLAG_TRUST_VALUES,
  HEADER,
  HOST,
  hostNameEnd,
  KIND_MASK,
  METHOD,
  PATH,
  PREFIX,
  PRESENCE,
  SUFFIX,
  VALUE_WORDS,
} from './table-layout.ts';

const WANT_MAX = 8;
// A path or header of the caller's making goes into logs: its beginning tells enough.
const GOT_CHARACTERS_MAX = 256;

/** A condition that failed: in `code` or `groups` of a table. */
export interface Failure {
  readonly words: Int32Array;
  readonly at: number;
}

/** The first failure in the order of a rule, `from`, `to`, `when`, in words. */
export function failureAt(
  table: Table,
  peer: Peer,
  http: HttpFacts | null,
  failures: readonly Failure[],
): Omit<NearRule, 'rule'> {
  const [first] = failures
    .map((failure) => ({ ...failure, name: table.meta.names[failure.words[failure.at + CONDITION_NAME]!]! }))
    // `from…` < `to…` < `when…`
    .sort((a, b) => a.name.charCodeAt(0) - b.name.charCodeAt(0));
  if (first === undefined) throw new Error('no failure to describe');
  const { words, at, name } = first;
  const values = words[at + CONDITION_VALUES]!;
  const nots = words[at + CONDITION_NOTS]!;
  const field = words[at + CONDITION_FIELD]! & FIELD_MASK;
  const { got, positive } = field <= HEADER ? requestGot(table, http, first) : peerGot(table, peer, first);
  const from = at + CONDITION_HEAD;
  return {
    // A condition without positive values carries its negative name already.
    field: positive || values === 0 ? name : negativeName(name),
    want: positive
      ? written(table.blob, words, from, values)
      : written(table.blob, words, from + values * VALUE_WORDS, nots),
    got: got === null ? null : got.slice(0, GOT_CHARACTERS_MAX),
  };
}

interface Got {
  readonly got: string | null;
  /** The values were not matched; else a not-value was. */
  readonly positive: boolean;
}

function peerGot(table: Table, peer: Peer, { words, at }: Failure): Got {
  const flags = words[at + CONDITION_FIELD]!;
  const { text } = peerValue(peer, flags & FIELD_MASK);
  const positive =
    words[at + CONDITION_VALUES]! > 0 && !peerMatches(words, at, table.blob, peer, FLAG_TRUST_VALUES);
  const foreign = positive && (flags & FLAG_TRUST_VALUES) !== 0 && !peer.trusted;
  return { got: text !== null && foreign ? `${text} of trust domain ${peer.domain}` : text, positive };
}

function requestGot(table: Table, http: HttpFacts | null, { words, at }: Failure): Got {
  const values = words[at + CONDITION_VALUES]!;
  const first = at + CONDITION_HEAD;
  const matches = (text: string, from: number, n: number): boolean => {
    const isHost = (words[at + CONDITION_FIELD]! & FIELD_MASK) === HOST;
    const nameEnd = isHost ? hostNameEnd(text) : text.length;
    return anyMatches(words, from, n, table.blob, text, 0, text.length, nameEnd);
  };
  const unmatched = (text: string): boolean => values > 0 && !matches(text, first, values);
  const excluded = (text: string): boolean =>
    matches(text, first + values * VALUE_WORDS, words[at + CONDITION_NOTS]!);
  const has = textsOf(table, http, words, at);
  const got = has.find((text) => unmatched(text) || excluded(text)) ?? null;
  return { got, positive: values > 0 && (got === null || unmatched(got)) };
}

function textsOf(table: Table, http: HttpFacts | null, words: Int32Array, at: number): readonly string[] {
  if (http === null) return [];
  switch (words[at + CONDITION_FIELD]! & FIELD_MASK) {
    case METHOD:
      return [http.method];
    case PATH:
      return [http.path];
    case HOST:
      return [http.host];
    default:
      return http.headerValues(table.meta.headers[words[at + CONDITION_KEY]!]!) ?? [];
  }
}

/** The first values as the policy writes them. */
function written(blob: string, words: Int32Array, from: number, n: number): string[] {
  return Array.from({ length: Math.min(n, WANT_MAX) }, (_, i) => {
    const at = from + i * VALUE_WORDS;
    const text = blob.slice(words[at + 1]!, words[at + 1]! + words[at + 2]!);
    switch (words[at]! & KIND_MASK) {
      case PREFIX:
        return `${text}*`;
      case SUFFIX:
        return `*${text}`;
      case PRESENCE:
        return '*';
      default:
        return text;
    }
  });
}
