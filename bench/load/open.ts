// Opens many connections a few at a time, one request on each, and holds them.
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import type { OpenJob } from './protocol.ts';

/** Resolves with the open connections. A fault later, while they are held, is reported by `onLost`. */
export function openConnections(job: OpenJob, onLost: (error: Error) => void): Promise<Connection[]> {
  return new Promise((resolve, reject) => {
    const context = job.target.tls === null ? null : clientContext(job.target.tls);
    const request = encodeRequest(job.target.path);
    const connections: Connection[] = [];
    let answered = 0;
    const events: ConnectionEvents = {
      fault(error) {
        if (answered === job.count) return onLost(error);
        for (const connection of connections) connection.close();
        reject(error);
      },
      response() {
        answered++;
        if (answered === job.count) resolve(connections);
        else if (connections.length < job.count) dial();
      },
    };
    const dial = (): void => {
      const connection = new Connection(job.target, context, request, events);
      connections.push(connection);
      connection.send();
    };
    for (let i = 0; i < Math.min(job.concurrency, job.count); i++) dial();
  });
}
