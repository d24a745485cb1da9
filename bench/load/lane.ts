// Where a request of the load is in flight: a connection of HTTP/1.1, or a place on one of HTTP/2.

export interface Lane {
  /** When the request in flight was sent or due, monotonic milliseconds; owned by the caller. */
  sentMs: number;
  /** Sends the next request. */
  send(): void;
}

export interface LaneEvents<L extends Lane> {
  /** The answer is complete; `status` of its final head, 0 when gRPC says that the call failed. */
  response(lane: L, status: number): void;
  /** A connection ended although it was not closed here. */
  fault(error: Error): void;
}
