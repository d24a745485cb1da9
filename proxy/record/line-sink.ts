// Where the bytes of the log go: one write at a time to a file descriptor that may stall, fill up or break.
// A pipe is written through libuv's stream code, never by `fs.write`: on a full pipe that blocks a thread of
// the pool, and the process then cannot even exit (libuv joins its threads).
import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

/** How one write ended: null, or what the system said. */
export type WriteDone = (error: Error | null) => void;

/** One write at a time; `done` is called once, never before `write` returns. */
export interface LineSink {
  write(bytes: Buffer, done: WriteDone): void;
  /** True when nothing will ever be written again. */
  readonly broken: boolean;
}

const RETRY_MS = 50;

/** A sink for a file descriptor of any kind; the descriptor stays open whatever happens. */
export function openSink(fd: number, clock: Clock): LineSink {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket() ? new StreamSink(fd) : new FileSink(fd, clock);
}

// A socket that never closes its descriptor: a closed fd 1 would be given to the next connection, and
// whatever is printed later would go to that peer.
class KeptSocket extends Socket {
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
  }
}

/** Pipes and sockets: non-blocking, woken by the event loop when there is room. */
class StreamSink implements LineSink {
  readonly #socket: Socket;
  broken = false;

  constructor(fd: number) {
    this.#socket = new KeptSocket({ fd, readable: false, writable: true });
    // The reader went away (EPIPE). The write's own callback says so too; without a listener this would be
    // fatal.
    this.#socket.on('error', () => {
      this.broken = true;
    });
  }

  write(bytes: Buffer, done: WriteDone): void {
    this.#socket.write(bytes, (error) => {
      if (error) this.broken = true;
      done(error ?? null);
    });
  }
}

/** Files, terminals and devices: written on the thread pool, since a disk may be slow. */
class FileSink implements LineSink {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly broken = false;

  constructor(fd: number, clock: Clock) {
    this.#fd = fd;
    this.#clock = clock;
  }

  write(bytes: Buffer, done: WriteDone): void {
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') this.#clock.after(RETRY_MS, () => this.write(bytes, done));
      else if (error) done(error);
      else if (written < bytes.length) this.write(bytes.subarray(written), done);
      else done(null);
    });
  }
}
