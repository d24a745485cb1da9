// What is left of a table once the connection is known: the groups whose source it satisfies. Made once for
// all connections that conditions cannot tell apart, kept by the table.
import { type IndexArrays, IndexBuilder } from './index-build.ts';
import { indexEntries } from './index-entries.ts';
import type { ConnectionFacts, Decision } from './request.ts';
import { addressOf, itemsOf, type Peer, peerHolds, peerOf } from './residual-peer.ts';
import type { Table } from './table.ts';
import {
  ACCOUNT_ANCHOR,
  ALIAS_ANCHOR,
  CONDITION_WORDS,
  DESTINATION_IP,
  DOMAIN_ANCHOR,
  EVERY_ANCHOR,
  GROUP_ENTRIES,
  GROUP_EXPIRY,
  GROUP_FROMS,
  GROUP_HEAD,
  GROUP_ROOT,
  GROUP_WHENS,
  hashText,
  NAMESPACE_ANCHOR,
  PORT,
  PRINCIPAL_ANCHOR,
  probe,
  REMOTE_ANCHOR,
  REMOTE_IP,
  SLOT_WORDS,
  SNI,
  SOURCE_ANCHOR,
  SOURCE_IP,
} from './table-layout.ts';

// Entries verified one by one, and roots asked, for each request; what is beyond goes into an index of the
// residual.
const SCAN_MAX = 4;
const ROOTS_MAX = 8;
// Remote addresses remembered by one residual of a listener that learns them from X-Forwarded-For.
const REMOTES_MAX = 1024;

/** The rules that can still match on one class of connections. */
export interface Residual {
  readonly table: Table;
  /** Entries to verify for every request. */
  readonly scan: Int32Array;
  /** Root nodes in the table's index. */
  readonly roots: Int32Array;
  /** The residual's own index, with its only root, when many small groups match. */
  readonly own: { readonly index: IndexArrays; readonly root: number } | null;
  readonly ownEntries: number;
  /** The groups that matched, ascending. */
  readonly groups: readonly number[];
  /** Unix milliseconds from which a rule here may have expired and the residual must be asked for anew. */
  readonly validUntilMs: number;
  /**
   * Gives the residual for a request's remote IP when conditions test it and the connection does not know it.
   */
  readonly byRemote: ((remoteIp: string | null) => Residual) | null;
  /** The verdict without HTTP, once asked. */
  tcpDecision: Decision | null;
}

/**
 * The residual of a connection at `nowMs` (Unix milliseconds). Cheap when one of its class has been asked
 * for before.
 */
export function residualFor(table: Table, facts: ConnectionFacts, nowMs: number): Residual {
  let epoch = 0;
  while (epoch < table.expiries.length && table.expiries[epoch]! <= nowMs) epoch++;
  const uses = (field: number): boolean => (table.meta.uses & (1 << field)) !== 0;
  const blocks = (field: number, ip: string | null): string =>
    uses(field) ? addressOf(table, ip).blocks.join('.') : '';
  const remote = facts.remoteIp === undefined ? '?' : blocks(REMOTE_IP, facts.remoteIp);
  // JSON quotes what the peer chose, so that two classes never share a key.
  const key = JSON.stringify([
    epoch,
    facts.principal,
    blocks(SOURCE_IP, facts.sourceIp),
    remote,
    blocks(DESTINATION_IP, facts.destinationIp),
    uses(PORT) ? facts.destinationPort : 0,
    uses(SNI) ? facts.sni : 0,
  ]);
  const known = table.residuals.get(key);
  if (known !== undefined) return known;
  const perRequest = facts.remoteIp === undefined && uses(REMOTE_IP);
  const residual = build(table, facts, epoch, perRequest ? remotes(table, facts, nowMs) : null);
  table.residuals.set(key, residual);
  return residual;
}

/** Residuals of one connection class by the remote IP that each request tells. */
function remotes(table: Table, facts: ConnectionFacts, nowMs: number): (remoteIp: string | null) => Residual {
  const known = new Map<string | null, Residual>();
  return (remoteIp) => {
    let residual = known.get(remoteIp);
    if (residual === undefined) {
      if (known.size >= REMOTES_MAX) known.clear();
      residual = residualFor(table, { ...facts, remoteIp }, nowMs);
      known.set(remoteIp, residual);
    }
    return residual;
  };
}

function build(
  table: Table,
  facts: ConnectionFacts,
  epoch: number,
  byRemote: Residual['byRemote'],
): Residual {
  const peer = peerOf(table, facts);
  const groups =
    byRemote !== null ? [] : candidatesOf(table, peer).filter((at) => groupHolds(table, at, epoch, peer));
  return {
    table,
    ...placed(table, groups),
    groups,
    validUntilMs: table.expiries[epoch] ?? Number.POSITIVE_INFINITY,
    byRemote,
    tcpDecision: null,
  };
}

/** Every group that an anchor of the peer names, ascending. */
function candidatesOf(table: Table, peer: Peer): number[] {
  const found = new Set<number>();
  const mask = table.hash.length / SLOT_WORDS - 1;
  const ask = (kind: number, hash: number): void => {
    for (const at of itemsOf(probe(table.hash, mask, kind, hash), table.lists)) found.add(at);
  };
  const askText = (kind: number, text: string | null): void => {
    if (text !== null) ask(kind, hashText(text, 0, text.length));
  };
  ask(EVERY_ANCHOR, 0);
  askText(PRINCIPAL_ANCHOR, peer.principal);
  if (peer.aliased && peer.principal !== null) {
    const slash = peer.principal.indexOf('/');
    ask(ALIAS_ANCHOR, hashText(peer.principal, slash, peer.principal.length));
  }
  askText(ACCOUNT_ANCHOR, peer.account);
  askText(NAMESPACE_ANCHOR, peer.namespace);
  askText(DOMAIN_ANCHOR, peer.domain);
  for (const id of peer.source.blocks) ask(SOURCE_ANCHOR, id);
  for (const id of peer.remote.blocks) ask(REMOTE_ANCHOR, id);
  return [...found].sort((a, b) => a - b);
}

/** True when the group has not expired and the peer satisfies its conditions and one of its sources. */
function groupHolds(table: Table, at: number, epoch: number, peer: Peer): boolean {
  const { groups, blob } = table;
  const expiry = groups[at + GROUP_EXPIRY]!;
  if (expiry >= 0 && expiry < epoch) return false;
  let c = at + GROUP_HEAD;
  for (let i = groups[at + GROUP_WHENS]!; i > 0; i--) {
    if (!peerHolds(groups, c, blob, peer)) return false;
    c += groups[c + CONDITION_WORDS]!;
  }
  const froms = groups[at + GROUP_FROMS]!;
  if (froms < 0) return true;
  for (let i = froms; i > 0; i--) {
    let holds = true;
    const conditions = groups[c]!;
    c++;
    for (let k = conditions; k > 0; k--) {
      holds &&= peerHolds(groups, c, blob, peer);
      c += groups[c + CONDITION_WORDS]!;
    }
    if (holds) return true;
  }
  return false;
}

/**
 * Decides where the entries of the matching groups are looked for: scanned, in the table's index, or in an
 * own one.
 */
function placed(
  table: Table,
  matching: readonly number[],
): Pick<Residual, 'scan' | 'roots' | 'own' | 'ownEntries'> {
  const { groups, lists } = table;
  const entriesOf = (at: number) => itemsOf(groups[at + GROUP_ENTRIES]!, lists);
  const indexed = matching
    .filter((at) => groups[at + GROUP_ROOT] !== 0)
    .sort((a, b) => entriesOf(b).length - entriesOf(a).length);
  const merged = matching.filter((at) => groups[at + GROUP_ROOT] === 0).concat(indexed.splice(ROOTS_MAX));
  const entries = merged.flatMap((at) => Array.from(entriesOf(at))).sort((a, b) => a - b);
  const roots = Int32Array.from(indexed, (at) => groups[at + GROUP_ROOT]!);
  if (entries.length <= SCAN_MAX) return { scan: Int32Array.from(entries), roots, own: null, ownEntries: 0 };
  const builder = new IndexBuilder();
  const root = builder.root();
  indexEntries(builder, root, entries, table);
  const own = { index: builder.finish().arrays, root };
  return { scan: new Int32Array(0), roots, own, ownEntries: entries.length };
}
