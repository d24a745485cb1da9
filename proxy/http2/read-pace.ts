// How much of one socket is read before everybody has sent what it caused: libuv reads up to 2 MiB at a time,
// which would all wait here although the callers take it as fast as it can be encrypted.
import type net from 'node:net';
import type { Outputs } from './output.ts';

/** Of one turn of the event loop: a full read. */
const TURN_BYTES = 65_536;

export class ReadPace {
  private readonly outputs: Outputs;
  private turn = -1;
  private bytes = 0;
  private paused: net.Socket | null = null;
  private readonly goOn = (): void => {
    const { paused } = this;
    this.paused = null;
    if (paused !== null && this.mayRead()) paused.resume();
  };
  /** False: somebody else stopped the reading, and will go on with it. */
  private readonly mayRead: () => boolean;

  constructor(outputs: Outputs, mayRead: () => boolean) {
    this.outputs = outputs;
    this.mayRead = mayRead;
  }

  /** `bytes` of `socket` were read. */
  took(socket: net.Socket, bytes: number): void {
    const { turn } = this.outputs;
    if (this.turn !== turn) this.bytes = 0;
    this.turn = turn;
    this.bytes += bytes;
    if (this.bytes < TURN_BYTES || this.paused !== null) return;
    this.bytes = 0;
    this.paused = socket;
    socket.pause();
    setImmediate(this.goOn);
  }
}
