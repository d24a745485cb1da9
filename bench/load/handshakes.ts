// Full handshakes only: each connection completes one, proves it with one request, and is closed.
import type { SecureContext } from 'node:tls';
import { Connection, type ConnectionEvents, encodeRequest } from './connection.ts';
import { clientContext } from './dial.ts';
import type { HandshakesJob, LoadResult } from './protocol.ts';
import { Window } from './window.ts';

/**
 * Runs for `job.ms` after the warm-up. With TLS 1.3 only an answer proves that the client certificate was
 * taken. `shown` counts, by port, the certificates shown so far, so that the turn goes on over jobs.
 */
export function runHandshakes(job: HandshakesJob, shown: Map<number, number>): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const contextOf = contexts(job, shown);
    const request = encodeRequest(job.target.path);
    const open = new Set<Connection>();
    let window: Window | null = null;
    let warmup = job.warmup;
    const finish = (settle: () => void): void => {
      for (const connection of open) connection.close();
      settle();
    };
    const events: ConnectionEvents = {
      fault: (error) => finish(() => reject(error)),
      response(connection, status) {
        const now = performance.now();
        window?.forget(connection);
        open.delete(connection);
        connection.close();
        if (window === null) {
          if (--warmup <= 0) window = new Window(now, job.pids, open);
        } else {
          window.latencies.addMs(now - connection.sentMs);
          if (status !== 200) window.refused++;
          if (now - window.startMs >= job.ms) {
            const result = window.close(now);
            return finish(() => resolve(result));
          }
        }
        dial();
      },
    };
    const dial = (): void => {
      const context = contextOf();
      const connection = new Connection(job.target, context, request, events);
      connection.sentMs = performance.now();
      open.add(connection);
      connection.send();
    };
    for (let i = 0; i < job.concurrency; i++) dial();
  });
}

/** The same client every time, or the next certificate in turn. */
function contexts(
  { target: { port, tls }, certificates }: HandshakesJob,
  shown: Map<number, number>,
): () => SecureContext | null {
  if (tls === null) return () => null;
  if (certificates.length === 0) {
    const context = clientContext(tls);
    return () => context;
  }
  return () => {
    const next = shown.get(port) ?? 0;
    shown.set(port, next + 1);
    const certificate = certificates[next % certificates.length] ?? '';
    return clientContext({ ...tls, certificate });
  };
}
