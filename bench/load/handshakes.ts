// Full handshakes only: each connection completes one, proves it with one request, and is closed.
import { cpuTimeUs } from '../proc.ts';
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { HandshakesJob, LoadResult } from './protocol.ts';

/**
 * Runs for `job.ms` after the warm-up. With TLS 1.3 only an answer proves that the client certificate was
 * taken.
 */
export function runHandshakes(job: HandshakesJob): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const context = job.target.tls === null ? null : clientContext(job.target.tls);
    const request = encodeRequest(job.target.path);
    const latencies = new Latencies();
    const open = new Set<Connection>();
    let warmup = job.warmup;
    let refused = 0;
    let startMs = 0;
    let startCpuUs = 0;
    const finish = (settle: () => void): void => {
      for (const connection of open) connection.close();
      settle();
    };
    const events: ConnectionEvents = {
      fault: (error) => finish(() => reject(error)),
      response(connection, status) {
        const now = performance.now();
        open.delete(connection);
        connection.close();
        if (warmup > 0) {
          if (--warmup === 0) {
            startMs = now;
            startCpuUs = cpuTimeUs(job.pids);
          }
        } else {
          latencies.addMs(now - connection.sentMs);
          if (status !== 200) refused++;
          if (now - startMs >= job.ms) {
            const cpuUs = cpuTimeUs(job.pids) - startCpuUs;
            const summary = { ...latencies.summary(), elapsedMs: now - startMs, cpuUs, rssKib: [] };
            return finish(() => resolve({ requests: latencies.count, refused, ...summary }));
          }
        }
        dial();
      },
    };
    const dial = (): void => {
      const connection = new Connection(job.target, context, request, events);
      connection.sentMs = performance.now();
      open.add(connection);
      connection.send();
    };
    for (let i = 0; i < job.concurrency; i++) dial();
  });
}
