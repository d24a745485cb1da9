// The exchanges of one listener. A connection has one only while a request is in flight: thousands of idle
// connections need none, and the few in use stay in the processor's cache.
import { Blocks } from './blocks.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeParts, ExchangePort } from './exchange-port.ts';
import { HeadWriter } from './head-writer.ts';

/** More than are in use at most times. */
const KEPT_MAX = 256;

export class Exchanges {
  private readonly kept: Exchange[] = [];
  readonly blocks = new Blocks();
  private readonly parts: ExchangeParts;

  constructor(parts: Omit<ExchangeParts, 'writer'>) {
    this.parts = { ...parts, writer: new HeadWriter() };
  }

  /** An exchange for the next request of `port`. */
  take(port: ExchangePort): Exchange {
    const kept = this.kept.pop();
    if (kept === undefined) return new Exchange(port, this.parts);
    kept.attach(port);
    return kept;
  }

  /** Takes back an exchange whose request is over. */
  give(exchange: Exchange): void {
    if (this.kept.length < KEPT_MAX) this.kept.push(exchange);
  }
}
