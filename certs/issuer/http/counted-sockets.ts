// The connections of a listener: few of all and few of an address, and a way to end them whatever they do.
import type { Socket } from 'node:net';
import { AddressShares, type SharesOptions } from './address-shares.ts';

/** Sockets that were let in and are open. */
export class CountedSockets {
  readonly #shares: AddressShares;
  readonly #open = new Set<Socket>();

  constructor(options: SharesOptions) {
    this.#shares = new AddressShares(options);
  }

  /** False when there is no more room: `socket` is then at its end. */
  admit(socket: Socket): boolean {
    const giveBack = this.#shares.take(socket.remoteAddress ?? '');
    if (giveBack === null) {
      socket.destroy();
      return false;
    }
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      giveBack();
    });
    return true;
  }

  /** Also those that have not shaken hands yet, of which no HTTP server knows. */
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
