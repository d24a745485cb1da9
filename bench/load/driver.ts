// The harness side of the load: starts the load and the application, hands out jobs, waits for results.
import type { Child } from '../child.ts';
import { programFile } from '../program.ts';
import type { Session } from '../session.ts';
import type { Answer, Job, LoadResult } from './protocol.ts';

export class LoadDriver {
  readonly upstreamPort: number;
  readonly #load: Child;

  private constructor(load: Child, upstreamPort: number) {
    this.#load = load;
    this.upstreamPort = upstreamPort;
  }

  /** Starts both processes on the load CPU. `bodyBytes` is the size of every response body. */
  static async start(session: Session, bodyBytes: number): Promise<LoadDriver> {
    const upstream = session.start({
      name: 'application',
      command: process.execPath,
      args: [programFile('load/upstream-process'), String(bodyBytes)],
      cpu: session.cpus?.load,
      ipc: true,
    });
    const port = await upstream.nextMessage();
    const load = session.start({
      name: 'load',
      command: process.execPath,
      args: [programFile('load/load-process')],
      cpu: session.cpus?.load,
      ipc: true,
    });
    return new LoadDriver(load, Number(port));
  }

  /** Runs one job; jobs are never concurrent. @throws when a request or connection failed */
  async run(job: Job): Promise<LoadResult> {
    const answered = this.#load.nextMessage();
    this.#load.process.send(job);
    // SAFETY: the only sender is load-process.ts, which is typed with the same Answer.
    const answer = (await answered) as Answer;
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  }
}
