// Connections that are open while an identity is withdrawn: idle ones, and such whose request the application
// has and does not answer.
import { eventually } from './observe.ts';
import type { Stage, SvidFiles } from './stage.ts';
import { Application, call, get, OK, type Wire } from './wire.ts';

type CallOptions = Parameters<typeof call>[2];

/** An application that answers at once, and requests for /slow/… when a test says so; and its callers. */
export class LiveConnections {
  readonly application: Application;
  /** Requests for /slow/… by target. */
  readonly held: ReadonlyMap<string, Wire>;
  readonly #options: CallOptions;

  private constructor(application: Application, held: ReadonlyMap<string, Wire>, options: CallOptions) {
    this.application = application;
    this.held = held;
    this.#options = options;
  }

  /** `options`: of every caller. */
  static async start(options: CallOptions = {}): Promise<LiveConnections> {
    const held = new Map<string, Wire>();
    const application = await Application.start((wire) => {
      let answered = 0;
      wire.socket.on('data', () => {
        const heads = wire.text.split('\r\n\r\n').slice(0, -1);
        for (; answered < heads.length; answered++) {
          const target = heads[answered]?.split(' ')[1] ?? '';
          if (target.startsWith('/slow/')) held.set(target, wire);
          else wire.send(OK);
        }
      });
    });
    return new LiveConnections(application, held, options);
  }

  /** A connection whose first request was answered. */
  async idle(stage: Stage, svid: SvidFiles): Promise<Wire> {
    const wire = await call(stage, svid, this.#options);
    wire.send(get('/warm'));
    await wire.until((text) => text.endsWith('ok'));
    return wire;
  }

  /** A connection with a request that the application has and does not answer. */
  async inFlight(stage: Stage, svid: SvidFiles, target: string): Promise<Wire> {
    const wire = await call(stage, svid, this.#options);
    wire.send(get(target));
    await eventually(
      () => this.held.has(target),
      (arrived) => arrived,
    );
    return wire;
  }
}

/** Rejects unless one more request is answered. */
export async function stillServed(wire: Wire): Promise<void> {
  const before = wire.text.length;
  wire.send(get('/again'));
  await wire.until((text) => text.length > before && text.endsWith('ok'));
}
