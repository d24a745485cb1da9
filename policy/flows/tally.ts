// What is summed over records, by the proxy that saw them. One hop is seen twice when both ends have a proxy:
// the two sides are kept apart and never added up.
import { PORTS_MAX } from './limits.ts';
import { type FlowRecord, type Outcome, outcomeOf } from './record.ts';

/** When something was seen, milliseconds since the epoch; `firstMs` > `lastMs` = never. */
export interface Seen {
  firstMs: number;
  lastMs: number;
}

/** What one side saw. */
export interface Side {
  allowed: number;
  wouldDeny: number;
  denied: number;
  bytes: number;
  readonly ports: number[];
  readonly forwardedSeen: Seen;
  readonly deniedSeen: Seen;
}

/** Both sides of a hop: `outbound` is the caller's proxy, `inbound` the workload's. */
export interface Sides {
  outbound: Side | null;
  inbound: Side | null;
}

/** Who saw a hop. One side alone: the other has no proxy, its records are not given, or nothing arrived. */
export type SeenBy = 'both' | 'caller' | 'workload';

const never = (): Seen => ({ firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY });

/** Sides that saw nothing. */
export const noSides = (): Sides => ({ outbound: null, inbound: null });

/** Counts a record on the side that saw it. */
export function addRecord(sides: Sides, record: FlowRecord, outcome: Outcome = outcomeOf(record)): void {
  const side = sides[record.direction] ?? {
    allowed: 0,
    wouldDeny: 0,
    denied: 0,
    bytes: 0,
    ports: [],
    forwardedSeen: never(),
    deniedSeen: never(),
  };
  sides[record.direction] = side;
  if (outcome === 'allowed') side.allowed += record.count;
  else if (outcome === 'denied') side.denied += record.count;
  else side.wouldDeny += record.count;
  side.bytes += record.bytes;
  const seen = outcome === 'denied' ? side.deniedSeen : side.forwardedSeen;
  widen(seen, { firstMs: record.firstSeenMs, lastMs: record.lastSeenMs });
  const { port } = record.destination;
  if (side.ports.length < PORTS_MAX && !side.ports.includes(port)) side.ports.push(port);
}

/** Requests that one side forwarded. */
export const forwardedBy = (side: Side | null): number => (side === null ? 0 : side.allowed + side.wouldDeny);

/** Requests that one side refused. */
export const deniedBy = (side: Side | null): number => side?.denied ?? 0;

/** All requests of one side. */
export const countOf = (side: Side | null): number => forwardedBy(side) + deniedBy(side);

/**
 * Requests over a hop: what the caller's own proxy refused never reaches the other side; of the rest, the
 * side that saw more counts.
 */
export function requestsOf({ outbound, inbound }: Sides): number {
  return deniedBy(outbound) + Math.max(forwardedBy(outbound), countOf(inbound));
}

/** Requests refused on either side: no request is refused on both. */
export const deniedOf = ({ outbound, inbound }: Sides): number => deniedBy(outbound) + deniedBy(inbound);

/** Requests that a policy would deny, on the side that says so more often: one request may be both sides'. */
export function wouldDenyOf({ outbound, inbound }: Sides): number {
  return Math.max(outbound?.wouldDeny ?? 0, inbound?.wouldDeny ?? 0);
}

/** Bytes over a hop, as the side that saw more tells. */
export const bytesOf = ({ outbound, inbound }: Sides): number =>
  Math.max(outbound?.bytes ?? 0, inbound?.bytes ?? 0);

export function seenBy({ outbound, inbound }: Sides): SeenBy {
  if (outbound === null) return 'workload';
  return inbound === null ? 'caller' : 'both';
}

/** First and last time on either side. */
export function spanOf({ outbound, inbound }: Sides): Seen {
  const span = never();
  for (const side of [outbound, inbound]) {
    if (side === null) continue;
    widen(span, side.forwardedSeen);
    widen(span, side.deniedSeen);
  }
  return span;
}

/** Requests that reached the workload, when, and whether its own proxy says so. */
export interface Reached extends Seen {
  readonly requests: number;
  readonly confirmed: boolean;
}

/**
 * What reached the workload, or null. Its own proxy knows; the caller's proxy is believed for what the other
 * did not see: records may be missing, and an incident is no time to guess in favour of the attacker.
 */
export function reachedOf({ outbound, inbound }: Sides): Reached | null {
  const arrived = forwardedBy(inbound);
  const unseen = Math.max(0, forwardedBy(outbound) - countOf(inbound));
  if (arrived + unseen === 0) return null;
  const seen = never();
  if (inbound !== null && arrived > 0) widen(seen, inbound.forwardedSeen);
  if (outbound !== null && unseen > 0) widen(seen, outbound.forwardedSeen);
  return { requests: arrived + unseen, confirmed: arrived > 0, ...seen };
}

/** When requests were refused, on either side. */
export function deniedSeenOf({ outbound, inbound }: Sides): Seen {
  const seen = never();
  for (const side of [outbound, inbound]) if (side !== null) widen(seen, side.deniedSeen);
  return seen;
}

function widen(seen: Seen, by: Seen): void {
  seen.firstMs = Math.min(seen.firstMs, by.firstMs);
  seen.lastMs = Math.max(seen.lastMs, by.lastMs);
}
