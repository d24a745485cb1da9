// A steady load over mutual TLS: loops that each keep one connection, or make one for every request.
import https from 'node:https';
import type { Stage, SvidFiles } from './stage.ts';

/** One answer, as its caller saw it. */
export interface Answered {
  readonly status: number;
  readonly target: string;
  readonly requestId: string;
  /** What the answer said about the connection, e.g. `close`. */
  readonly connection: string;
}

export interface LoadOptions {
  readonly targets: readonly string[];
  /** Requests a second of all loops together. */
  readonly perSecond: number;
  /** Loops that keep their connection. */
  readonly kept: number;
  /** Loops that make a connection for every request. */
  readonly fresh?: number;
}

/** A running load. Any request that gets no answer is in `failures`. */
export class Load {
  readonly answers: Answered[] = [];
  readonly failures: string[] = [];
  private stopped = false;
  private readonly loops: Promise<void>[] = [];
  private readonly stage: Stage;
  private readonly svid: SvidFiles;
  private readonly options: LoadOptions;

  constructor(stage: Stage, svid: SvidFiles, options: LoadOptions) {
    this.stage = stage;
    this.svid = svid;
    this.options = options;
    const { kept, fresh = 0 } = options;
    for (let i = 0; i < kept + fresh; i++) this.loops.push(this.loop(i, i < kept));
  }

  /** Sends nothing more, and resolves when every request that was sent is answered or lost. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async loop(index: number, keepAlive: boolean): Promise<void> {
    const { targets, perSecond, kept, fresh = 0 } = this.options;
    const agent = new https.Agent({
      keepAlive,
      maxSockets: 1,
      maxCachedSessions: 0,
      ca: this.stage.authority.certificatePem,
      cert: this.svid.certificatePem,
      key: this.svid.keyPem,
    });
    const everyMs = ((kept + fresh) / perSecond) * 1_000;
    let dueMs = performance.now() + (index / (kept + fresh)) * everyMs;
    for (let n = index; !this.stopped; n++) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      dueMs = Math.max(dueMs + everyMs, performance.now() - everyMs);
      const target = targets[n % targets.length] ?? '/';
      await this.request(agent, target).then(
        (answer) => this.answers.push(answer),
        (error: NodeJS.ErrnoException) => this.failures.push(`${target}: ${error.code ?? error.message}`),
      );
    }
    agent.destroy();
  }

  private request(agent: https.Agent, target: string): Promise<Answered> {
    const { port } = this.stage;
    return new Promise((resolve, reject) => {
      const request = https.get(
        { host: '127.0.0.1', servername: 'localhost', port, path: target, agent, timeout: 20_000 },
        (response) => {
          response.resume();
          response.on('error', reject);
          response.on('end', () => {
            if (!response.complete) return reject(new Error('the answer broke off'));
            const { headers, statusCode = 0 } = response;
            resolve({
              status: statusCode,
              target,
              requestId: String(headers['x-request-id'] ?? ''),
              connection: headers.connection ?? '',
            });
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', reject);
    });
  }
}
