// Callers that keep asking while something changes: some on keep-alive connections, some on a new one each
// time. Every answer is checked: a failed request and a wrong verdict are remembered, and should not be
// there.
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Stage, SvidFiles } from './stage.ts';

/** What the load asks for: paths and the status that each must get. */
export type Verdicts = Readonly<Record<string, number>>;

export interface LoadOptions {
  readonly stage: Stage;
  readonly verdicts: Verdicts;
  /** Who asks; read at each new connection. */
  readonly svid: () => SvidFiles;
  /** CA certificates by which the proxy is accepted. */
  readonly trusted: () => string[];
  readonly keepAlive: number;
  readonly fresh: number;
  /** Pause of each caller after an answer. */
  readonly pauseMs: number;
}

export class SteadyLoad {
  /** Answers so far. */
  answered = 0;
  readonly faults: string[] = [];
  /** Serial of the proxy's certificate on the newest connection. */
  newestSerial = '';
  private readonly options: LoadOptions;
  private readonly callers: Promise<void>[];
  private stopping = false;
  private generation = 0;

  constructor(options: LoadOptions) {
    this.options = options;
    const kinds = [...Array(options.keepAlive).fill(true), ...Array(options.fresh).fill(false)] as boolean[];
    this.callers = kinds.map((keepAlive) => this.caller(keepAlive));
  }

  /** Has every keep-alive caller connect again, with the SVID of now. */
  reconnect(): void {
    this.generation++;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.callers);
  }

  private async caller(keepAlive: boolean): Promise<void> {
    let agent = this.agent(keepAlive);
    let generation = this.generation;
    while (!this.stopping) {
      for (const [path, status] of Object.entries(this.options.verdicts)) {
        if (!keepAlive || generation !== this.generation) {
          agent.destroy();
          generation = this.generation;
          agent = this.agent(keepAlive);
        }
        const got = await this.ask(agent, path).catch(
          (error: NodeJS.ErrnoException) => error.code ?? error.message,
        );
        this.answered++;
        if (got !== status) this.faults.push(`${keepAlive ? 'keep-alive' : 'fresh'} ${path}: ${got}`);
        await new Promise((resolve) => setTimeout(resolve, this.options.pauseMs));
      }
    }
    agent.destroy();
  }

  private agent(keepAlive: boolean): https.Agent {
    const { certificatePem, keyPem } = this.options.svid();
    return new https.Agent({
      keepAlive,
      maxSockets: 1,
      maxCachedSessions: 0,
      cert: certificatePem,
      key: keyPem,
      ca: this.options.trusted(),
    });
  }

  private ask(agent: https.Agent, path: string): Promise<number> {
    const { port } = this.options.stage;
    return new Promise((resolve, reject) => {
      const request = https.get(
        { host: '127.0.0.1', port, path, agent, servername: 'localhost' },
        (response) => {
          const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
          if (!request.reusedSocket) this.newestSerial = serialNumber.toLowerCase();
          response.on('end', () => resolve(response.statusCode ?? 0));
          response.on('error', reject);
          response.resume();
        },
      );
      request.on('error', reject);
    });
  }
}
