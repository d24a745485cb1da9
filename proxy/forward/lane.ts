// Which requests may share connections to the application: those of one lane. INVARIANT: a connection begins
// in a lane and never leaves it.
import type { UpstreamConnection } from './upstream-connection.ts';

export class Lane {
  /** What every connection of it begins with, before the first request; null: nothing. */
  readonly preface: Buffer | null;
  /** Connections that wait, the one used last at the end. */
  readonly idle: UpstreamConnection[] = [];

  constructor(preface: Buffer | null) {
    this.preface = preface;
  }

  /** Ends what waits: no request of it comes any more. */
  close(): void {
    for (const connection of [...this.idle]) connection.destroy();
  }
}
