// Opens many connections a few at a time, one request on each, and holds them: idle, or as slow clients.
import { Connection, type ConnectionEvents, encodeRequest } from './connection.ts';
import { contextOf } from './dial.ts';
import type { OpenJob } from './protocol.ts';

/** Connections that are held while other jobs run. */
export interface Held {
  readonly count: number;
  /** How many were closed by the other side. */
  lost(): number;
  release(): void;
}

/** Resolves when all of them are open. @throws when one fails before that */
export function openConnections(job: OpenJob): Promise<Held> {
  return new Promise((resolve, reject) => {
    const context = contextOf(job.target);
    const request = encodeRequest(job.target.path);
    const connections: Connection[] = [];
    let answered = 0;
    let lost = 0;
    let timer: NodeJS.Timeout | undefined;
    const events: ConnectionEvents = {
      fault(error) {
        if (answered >= job.count) {
          lost++;
          return;
        }
        for (const connection of connections) connection.close();
        reject(error);
      },
      response() {
        answered++;
        if (answered < job.count) {
          if (connections.length < job.count) dial();
        } else if (answered === job.count) {
          if (job.dripMs !== null) timer = drip(connections, request, job.dripMs);
          resolve({ count: connections.length, lost: () => lost, release });
        }
      },
    };
    const dial = (): void => {
      const connection = new Connection(job.target, context, request, events);
      connections.push(connection);
      connection.send();
    };
    const release = (): void => {
      clearInterval(timer);
      for (const connection of connections) connection.close();
    };
    for (let i = 0; i < Math.min(job.concurrency, job.count); i++) dial();
  });
}

/** One more byte of each connection's next request, all connections spread over `everyMs`. */
function drip(connections: readonly Connection[], request: Buffer, everyMs: number): NodeJS.Timeout {
  const perTick = Math.max(1, Math.ceil((connections.length * TICK_MS) / everyMs));
  let next = 0;
  let byte = 0;
  return setInterval(() => {
    for (let i = 0; i < perTick; i++) {
      connections[next]?.sendBytes(request.subarray(byte, byte + 1));
      next = (next + 1) % connections.length;
      if (next === 0) byte = (byte + 1) % request.length;
    }
  }, TICK_MS);
}

const TICK_MS = 10;
