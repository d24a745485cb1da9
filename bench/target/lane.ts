// One place for a connection: dials when there is none, one request at a time, and says how it ended.
import { Connection, type ConnectionEvents } from '../load/connection.ts';
import type { Endpoint } from './endpoint.ts';
import { connectionFault, type Fault, timeoutFault } from './faults.ts';

export interface LaneEvents {
  /** The request in flight was answered. */
  answered(lane: Lane, status: number): void;
  /** It failed. */
  failed(lane: Lane, fault: Fault): void;
}

export class Lane implements ConnectionEvents {
  /** Of the request in flight, monotonic milliseconds: when its clock started; owned by the caller. */
  clockMs = 0;
  /** Of the request in flight: it is part of the figures; owned by the caller. */
  counted = false;
  readonly #endpoint: Endpoint;
  readonly #events: LaneEvents;
  #connection: Connection | null = null;
  #busy = false;

  constructor(endpoint: Endpoint, events: LaneEvents) {
    this.#endpoint = endpoint;
    this.#events = events;
  }

  get connection(): Connection | null {
    return this.#connection;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Sends the request; false when a connection had to be dialled for it. */
  send(): boolean {
    const { target, context, request } = this.#endpoint;
    const open = this.#connection;
    this.#busy = true;
    this.#connection ??= new Connection(target, context, request, this);
    this.#connection.send();
    return open !== null;
  }

  response(connection: Connection, status: number, reusable: boolean): void {
    // Some servers say 408 before they close an idle connection; some answer before they have read it all.
    if (!this.#busy || !reusable || connection.socket.writableLength > 0) this.#drop();
    if (!this.#busy) return;
    this.#busy = false;
    this.#events.answered(this, status);
  }

  fault(error: Error, connection: Connection): void {
    this.#drop();
    if (!this.#busy) return; // no request was lost, and the next one dials
    this.#busy = false;
    const isTls = this.#endpoint.context !== null;
    this.#events.failed(this, connectionFault(error, isTls, connection.established));
  }

  /** Gives up the request in flight, and the connection with it: its answer could still come. */
  giveUp(timeoutMs: number): void {
    this.close();
    this.#events.failed(this, timeoutFault(timeoutMs, true));
  }

  close(): void {
    this.#drop();
    this.#busy = false;
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = null;
  }
}
