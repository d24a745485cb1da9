// Shutdown: not ready but accepting, then finishing, then gone (demand 24). A second signal skips what is
// left.
import type { Clock } from '../core/clock.ts';
import type { HttpListener } from './listener.ts';
import type { Runtime } from './runtime.ts';

export interface ShutdownOptions {
  readonly clock: Clock;
  /** Still accepting, with `Connection: close`, so that load balancers notice. */
  readonly delayMs: number;
  /** Time for requests in flight after that. */
  readonly drainMs: number;
}

const POLL_MS = 50;
// Between the closed listeners and the closing of idle connections: a request that is on its way, or whose
// handshake still runs, is answered with `Connection: close` instead of meeting a closed connection.
const SETTLE_MS = 500;

export class Shutdown {
  private readonly options: ShutdownOptions;
  private readonly runtime: Runtime;
  private readonly listeners: readonly HttpListener[];
  private hurry: (() => void) | null = null;
  private hurried = false;
  private running: Promise<void> | null = null;

  constructor(options: ShutdownOptions, runtime: Runtime, listeners: readonly HttpListener[]) {
    this.options = options;
    this.runtime = runtime;
    this.listeners = listeners;
  }

  /** Starts the shutdown; resolves when no connection is left. Called again: ends at once. */
  run(): Promise<void> {
    if (this.running !== null) {
      this.hurried = true;
      this.hurry?.();
      return this.running;
    }
    this.running = this.steps();
    return this.running;
  }

  private async steps(): Promise<void> {
    const { clock, delayMs, drainMs } = this.options;
    this.runtime.draining = true;
    await this.wait(delayMs);
    for (const listener of this.listeners) listener.stopAccepting();
    const untilMs = clock.monotonicMs() + drainMs;
    await this.untilEmpty(Math.min(untilMs, clock.monotonicMs() + SETTLE_MS));
    for (const listener of this.listeners) listener.drain();
    await this.untilEmpty(untilMs);
    this.cut();
    await this.wait(POLL_MS);
    for (const listener of this.listeners) listener.destroy();
  }

  /** Ends what did not finish: with an answer where none has begun, and with its line in the log. */
  private cut(): void {
    for (const { connections } of this.listeners)
      for (const connection of [...connections]) connection.cut('draining');
  }

  private async untilEmpty(untilMs: number): Promise<void> {
    const { clock } = this.options;
    while (!this.hurried && this.open() > 0 && clock.monotonicMs() < untilMs) await this.wait(POLL_MS);
  }

  private open(): number {
    return this.listeners.reduce((sum, listener) => sum + listener.openSockets, 0);
  }

  private wait(delayMs: number): Promise<void> {
    if (this.hurried) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.options.clock.after(delayMs, resolve);
      this.hurry = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
