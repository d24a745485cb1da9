// The end of a connection of HTTP/2 whose streams are all answered: our side closes, and the caller's is read
// on until it closes its own. A caller that reads sends WINDOW_UPDATE: if nobody takes that, it gets a reset,
// which takes what it has not read yet (RFC 9112 section 9.6 says it for HTTP/1.1).
import type net from 'node:net';
import type { Deadline } from '../http1/deadline.ts';

/** How long a caller that reads may be silent, once the last byte has left. */
const SILENT_MS = 5_000;
/** Frames that ask for windows, for gigabytes. */
const DISCARD_BYTES_MAX = 65_536;

export class OrderlyClose {
  private begun = false;
  private discarded = 0;
  private readonly socket: net.Socket;
  private readonly due: Deadline;

  constructor(socket: net.Socket, due: Deadline) {
    this.socket = socket;
    this.due = due;
  }

  /** `flushMs`: how long the last bytes may take to leave. */
  begin(flushMs: number): void {
    this.begun = true;
    this.due.arm(flushMs, 'idle-timeout');
    this.socket.end(() => this.due.arm(SILENT_MS, 'idle-timeout'));
  }

  /** The caller sent `bytes`, which are thrown away. */
  discard(bytes: number): void {
    if (!this.begun) return;
    this.discarded += bytes;
    if (this.discarded > DISCARD_BYTES_MAX) this.socket.pause();
    else if (this.socket.writableFinished) this.due.arm(SILENT_MS, 'idle-timeout');
  }
}
