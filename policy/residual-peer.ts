// A connection as source conditions see it, and what a condition on it says.
import { parseIp } from '../core/ip.ts';
import { hashBlock } from './compile-anchors.ts';
import { addressWords, hasFiveSegments } from './compile-encode.ts';
import { sameText, valueMatches } from './evaluate-text.ts';
import type { ConnectionFacts } from './request.ts';
import type { Table } from './table.ts';
import {
  ACCOUNT,
  ALIAS,
  CIDR,
  CIDR_ANCHOR,
  CIDR_SHIFT,
  CIDR_V6,
  CIDR_WORDS,
  CONDITION_FIELD,
  CONDITION_HEAD,
  CONDITION_NOTS,
  CONDITION_VALUES,
  DESTINATION_IP,
  DOMAIN,
  FIELD_MASK,
  FLAG_TRUST_NOTS,
  FLAG_TRUST_VALUES,
  KIND_MASK,
  NAMESPACE,
  PORT,
  PRINCIPAL,
  probe,
  REMOTE_IP,
  SLOT_WORDS,
  SNI,
  SOURCE_IP,
  VALUE_WORDS,
} from './table-layout.ts';

/** An IP address: its text, and the numbers of the table's CIDR blocks that hold it, ascending. */
export interface PeerAddress {
  readonly text: string | null;
  readonly blocks: readonly number[];
}

/** What a connection fixes, in the forms that conditions compare. Null = absent: matches no value. */
export interface Peer {
  /** Without scheme: `td/ns/x/sa/y`. */
  readonly principal: string | null;
  /** The trust domain is the local one or an alias of it, and the principal has five segments. */
  readonly aliased: boolean;
  readonly namespace: string | null;
  /** `ns/sa`. */
  readonly account: string | null;
  readonly domain: string | null;
  /** The trust domain counts where its namespaces and accounts widen access. */
  readonly trusted: boolean;
  readonly source: PeerAddress;
  readonly remote: PeerAddress;
  readonly destination: PeerAddress;
  readonly port: string | null;
  readonly sni: string | null;
}

/** The peer of a connection. A remote IP that only requests know is absent here. */
export function peerOf(table: Table, facts: ConnectionFacts): Peer {
  const { principal: uri } = facts;
  const principal = uri === null ? null : uri.startsWith('spiffe://') ? uri.slice(9) : uri;
  // Five segments `td/ns/x/sa/y` carry a namespace; any other ID has none.
  const segments = principal === null ? [] : principal.split('/', 6);
  const [domain = null, ns, namespace = null, sa, account = null] = segments;
  const isKubernetes = segments.length === 5 && ns === 'ns' && sa === 'sa';
  const { aliases, trustDomains, localTrustDomain } = table.meta;
  return {
    principal,
    aliased: principal !== null && aliases.includes(domain ?? '') && hasFiveSegments(principal),
    namespace: isKubernetes ? namespace : null,
    account: isKubernetes ? `${namespace}/${account}` : null,
    domain,
    trusted: domain === localTrustDomain || trustDomains.includes('*') || trustDomains.includes(domain ?? ''),
    source: addressOf(table, facts.sourceIp),
    remote: addressOf(table, facts.remoteIp ?? null),
    destination: addressOf(table, facts.destinationIp),
    port: facts.destinationPort === null ? null : String(facts.destinationPort),
    sni: facts.sni,
  };
}

/** The CIDR blocks of the table that hold an address: one hash look-up for each prefix length in use. */
export function addressOf(table: Table, text: string | null): PeerAddress {
  const bytes = text === null || table.meta.prefixes.length === 0 ? null : parseIp(text);
  if (bytes === null) return { text, blocks: [] };
  const words = addressWords(bytes);
  const blocks: number[] = [];
  const mask = table.hash.length / SLOT_WORDS - 1;
  for (const prefix of table.meta.prefixes) {
    if ((bytes.length === 16) !== ((prefix & CIDR_V6) !== 0)) continue;
    const kept = words.map((word, i) => maskWord(word, (prefix & 0xff) - 32 * i)) as typeof words;
    const ref = probe(table.hash, mask, CIDR_ANCHOR, hashBlock(prefix, ...kept));
    for (const id of itemsOf(ref, table.lists)) if (isBlock(table.cidrs, id, prefix, kept)) blocks.push(id);
  }
  return { text, blocks: blocks.sort((a, b) => a - b) };
}

/** The items a ref stands for. */
export function itemsOf(ref: number, lists: Int32Array): Int32Array | readonly number[] {
  if (ref > 0) return [ref];
  return ref === 0 ? [] : lists.subarray(1 - ref, 1 - ref + lists[-ref]!);
}

/** What the peer has for a field: as text, and as an address when it is one. */
export function peerValue(peer: Peer, field: number): { text: string | null; blocks: readonly number[] } {
  switch (field) {
    case PRINCIPAL:
      return { text: peer.principal, blocks: [] };
    case NAMESPACE:
      return { text: peer.namespace, blocks: [] };
    case ACCOUNT:
      return { text: peer.account, blocks: [] };
    case DOMAIN:
      return { text: peer.domain, blocks: [] };
    case SOURCE_IP:
      return peer.source;
    case REMOTE_IP:
      return peer.remote;
    case DESTINATION_IP:
      return peer.destination;
    case PORT:
      return { text: peer.port, blocks: [] };
    case SNI:
      return { text: peer.sni, blocks: [] };
    default:
      return { text: null, blocks: [] };
  }
}

/** True when the peer satisfies the condition at `c` in `words`. */
export function peerHolds(words: Int32Array, c: number, blob: string, peer: Peer): boolean {
  return (
    (words[c + CONDITION_VALUES] === 0 || peerMatches(words, c, blob, peer, FLAG_TRUST_VALUES)) &&
    (words[c + CONDITION_NOTS] === 0 || !peerMatches(words, c, blob, peer, FLAG_TRUST_NOTS))
  );
}

/** True when one of the values (`FLAG_TRUST_VALUES`) or not-values (`FLAG_TRUST_NOTS`) matches and counts. */
export function peerMatches(words: Int32Array, c: number, blob: string, peer: Peer, side: number): boolean {
  const flags = words[c + CONDITION_FIELD]!;
  const { text, blocks } = peerValue(peer, flags & FIELD_MASK);
  if (text === null || ((flags & side) !== 0 && !peer.trusted)) return false;
  const values = words[c + CONDITION_VALUES]!;
  const isNot = side === FLAG_TRUST_NOTS;
  let at = c + CONDITION_HEAD + (isNot ? values * VALUE_WORDS : 0);
  for (let i = isNot ? words[c + CONDITION_NOTS]! : values; i > 0; i--, at += VALUE_WORDS) {
    if (peerValueMatches(words, at, blob, peer, { text, blocks })) return true;
  }
  return false;
}

function peerValueMatches(
  words: Int32Array,
  at: number,
  blob: string,
  peer: Peer,
  has: { text: string; blocks: readonly number[] },
): boolean {
  const kind = words[at]!;
  const offset = words[at + 1]!;
  const length = words[at + 2]!;
  if ((kind & KIND_MASK) === CIDR) return has.blocks.includes(kind >> CIDR_SHIFT);
  if ((kind & KIND_MASK) !== ALIAS) {
    return valueMatches(blob, kind, offset, length, has.text, 0, has.text.length);
  }
  if (!peer.aliased) return false;
  const path = blob.indexOf('/', offset);
  const slash = has.text.indexOf('/');
  const n = offset + length - path;
  return has.text.length - slash === n && sameText(blob, path, has.text, slash, n);
}

function maskWord(word: number, bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? word : word & (-1 << (32 - bits));
}

function isBlock(cidrs: Int32Array, id: number, prefix: number, words: readonly number[]): boolean {
  const at = (id - 1) * CIDR_WORDS + 1;
  return cidrs[at] === prefix && words.every((word, i) => cidrs[at + 1 + i] === word);
}
