// Accepted sockets that are not callers yet: bounded, and shared so that strangers cannot keep callers out.
import type net from 'node:net';

/** An accepted socket, with its addresses. */
export interface Arrival {
  readonly socket: net.Socket;
  readonly sourceIp: string;
  readonly destinationIp: string;
}

interface Pending {
  readonly arrival: Arrival;
  readonly sinceMs: number;
}

// A handshake takes a few round trips; one that is older gives its place to a newcomer when places are short.
const OLD_MS = 1_000;

export class PendingArrivals {
  /** In the order of arrival. */
  private readonly members = new Map<net.Socket, Pending>();

  get size(): number {
    return this.members.size;
  }

  /** `nowMs`: coarse monotonic milliseconds. */
  add(arrival: Arrival, nowMs: number): void {
    this.members.set(arrival.socket, { arrival, sinceMs: nowMs });
  }

  /** Forgets an arrival; false when it was forgotten before. */
  delete({ socket }: Arrival): boolean {
    return this.members.delete(socket);
  }

  /** Those that wait since `sinceMs` or longer. */
  *waitingSince(sinceMs: number): Iterable<Arrival> {
    for (const member of this.members.values()) {
      if (member.sinceMs > sinceMs) return;
      yield member.arrival;
    }
  }

  /**
   * Who gives its place to a newcomer from `sourceIp`: the first of the address that has most places, when
   * that one has more than the newcomer's, else the first that is old. Null: the newcomer is refused.
   * SAFETY: without it, 64 silent connections every five seconds would keep every caller out.
   */
  giveWay(sourceIp: string, nowMs: number): Arrival | null {
    const places = new Map<string, number>();
    for (const { arrival } of this.members.values())
      places.set(arrival.sourceIp, (places.get(arrival.sourceIp) ?? 0) + 1);
    const most = Math.max(0, ...places.values());
    const greedy = most > (places.get(sourceIp) ?? 0) + 1;
    for (const { arrival, sinceMs } of this.members.values()) {
      if (greedy ? places.get(arrival.sourceIp) === most : nowMs - sinceMs >= OLD_MS) return arrival;
      if (!greedy) return null; // the first is the oldest
    }
    return null;
  }
}
