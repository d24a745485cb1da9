// Accepted sockets that are not callers yet: so many handshakes at a time, the others wait their turn. Both
// are bounded, and shared so that strangers cannot keep callers out.
import type net from 'node:net';
import type { ConnectionClient } from './client.ts';

/** An accepted socket, with its addresses. */
export interface Arrival {
  readonly socket: net.Socket;
  readonly sourceIp: string;
  readonly destinationIp: string;
  /** Who opened it; a trusted peer may name another than itself. */
  client: ConnectionClient;
  /** Bytes of its PROXY header, which are the trusted peer's and not the client's. */
  headerBytes?: number;
}

/** By whose number of places it is judged what is fair: the client, as far as it is known. */
const clientOf = (arrival: Arrival): string =>
  arrival.headerBytes === undefined ? arrival.sourceIp : `${arrival.client.source.ip} by ${arrival.sourceIp}`;

interface Pending {
  readonly arrival: Arrival;
  readonly sinceMs: number;
  /** When it got its place; null while it waits. */
  placedMs: number | null;
}

// A handshake takes a few round trips; one that is older may have to give its place to those who wait.
const OLD_MS = 1_000;

/** All times are coarse monotonic milliseconds. INVARIANT: somebody waits only while every place is taken. */
export class PendingArrivals {
  /** In the order of arrival. */
  private readonly members = new Map<net.Socket, Pending>();
  private readonly placesMax: number;
  private readonly waitingMax: number;
  private placed = 0;

  constructor(max: { readonly places: number; readonly waiting: number }) {
    this.placesMax = max.places;
    this.waitingMax = max.waiting;
  }

  get size(): number {
    return this.members.size;
  }

  get waiting(): number {
    return this.members.size - this.placed;
  }

  /** Takes a place; false when there is none, and the arrival has to wait. */
  place(arrival: Arrival, nowMs: number): boolean {
    if (this.placed >= this.placesMax) return false;
    this.placed++;
    this.members.set(arrival.socket, { arrival, sinceMs: nowMs, placedMs: nowMs });
    return true;
  }

  /**
   * Lets an arrival wait. When too many do, one of them has to leave, and is told: the last of the address
   * that has most here, if that is more than the newcomer's, else the newcomer itself.
   */
  wait(arrival: Arrival, nowMs: number): Arrival | null {
    this.members.set(arrival.socket, { arrival, sinceMs: nowMs, placedMs: null });
    if (this.waiting <= this.waitingMax) return null;
    const counts = this.countByAddress(() => true);
    const most = Math.max(...counts.values());
    if (most <= (counts.get(arrival.sourceIp) ?? 0)) return arrival;
    let last = arrival;
    for (const { arrival: other, placedMs } of this.members.values())
      if (placedMs === null && counts.get(other.sourceIp) === most) last = other;
    return last;
  }

  /** Gives a free place to who waits and whose address has fewest; null when nobody can start. */
  next(nowMs: number): Arrival | null {
    if (this.waiting === 0 || this.placed >= this.placesMax) return null;
    const counts = this.countByAddress(({ placedMs }) => placedMs !== null);
    let [chosen, fewest]: [Pending | null, number] = [null, Number.POSITIVE_INFINITY];
    for (const member of this.members.values()) {
      const held = counts.get(member.arrival.sourceIp) ?? 0;
      if (member.placedMs !== null || held >= fewest) continue;
      [chosen, fewest] = [member, held];
      if (held === 0) break;
    }
    if (chosen === null) return null;
    chosen.placedMs = nowMs;
    this.placed++;
    return chosen.arrival;
  }

  /** Forgets an arrival; false when it was forgotten before. */
  delete({ socket }: Arrival): boolean {
    const member = this.members.get(socket);
    if (member === undefined) return false;
    if (member.placedMs !== null) this.placed--;
    return this.members.delete(socket);
  }

  /**
   * Those who got their place at `sinceMs` or before, then those who wait since then: places that come free
   * meanwhile save them.
   */
  *since(sinceMs: number): Iterable<{ readonly arrival: Arrival; readonly placed: boolean }> {
    for (const { arrival, placedMs } of this.members.values())
      if (placedMs !== null && placedMs <= sinceMs) yield { arrival, placed: true };
    for (const { arrival, sinceMs: arrivedMs, placedMs } of this.members.values())
      if (placedMs === null && arrivedMs <= sinceMs) yield { arrival, placed: false };
  }

  /**
   * Those who have had their place for long while others wait, and said nothing in it; or whose address has
   * more places than that of one who waits would have. Many slow callers of one busy machine keep theirs.
   * SAFETY: without it, 64 silent connections every five seconds would keep every caller out.
   */
  *old(nowMs: number): Iterable<Arrival> {
    if (this.waiting === 0) return;
    const counts = this.countByAddress(({ placedMs }) => placedMs !== null);
    let fewest = Number.POSITIVE_INFINITY;
    for (const { arrival, placedMs } of this.members.values())
      if (placedMs === null) fewest = Math.min(fewest, counts.get(clientOf(arrival)) ?? 0);
    for (const { arrival, placedMs } of this.members.values()) {
      if (placedMs === null || nowMs - placedMs < OLD_MS || this.waiting === 0) continue;
      const greedy = (counts.get(clientOf(arrival)) ?? 0) > fewest + 1;
      if (greedy || arrival.socket.bytesRead <= (arrival.headerBytes ?? 0)) yield arrival;
    }
  }

  private countByAddress(of: (member: Pending) => boolean): Map<string, number> {
    const counts = new Map<string, number>();
    for (const member of this.members.values()) {
      const client = clientOf(member.arrival);
      if (of(member)) counts.set(client, (counts.get(client) ?? 0) + 1);
    }
    return counts;
  }
}
