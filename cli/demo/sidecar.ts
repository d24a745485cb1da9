// One `sallyport proxy` process of the demo, what it logs, and its admin and status addresses.
import { type ChildProcess, spawn } from 'node:child_process';
import { SallyportError } from '../../core/errors.ts';

/** A parsed line of the proxy's log. */
export type LogLine = Readonly<Record<string, unknown>>;

const WAIT_MS_MAX = 15_000;

export class Sidecar {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  private readonly adminPort: number;
  private readonly statusPort: number;
  private partial = '';
  private stderr = '';
  private wake: () => void = () => undefined;

  constructor(config: string, ports: { adminPort: number; statusPort: number }) {
    this.adminPort = ports.adminPort;
    this.statusPort = ports.statusPort;
    const entry = process.argv[1] ?? '';
    this.child = spawn(process.execPath, [entry, 'proxy', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.take(text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child.on('exit', () => this.wake());
  }

  /** The first line from index `from` on that `wanted` accepts, now or later. @throws ERR_DEMO_LOG */
  async line(wanted: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (let seen = from; ; ) {
      for (; seen < this.lines.length; seen++) {
        const line = this.lines[seen];
        if (line !== undefined && wanted(line)) return line;
      }
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.child.exitCode !== null)
        throw new SallyportError('ERR_DEMO_LOG', `the proxy did not log what was expected\n${this.stderr}`, {
          hint: 'is the machine overloaded? run the demo again',
        });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** GET on the admin address, e.g. `flows`. */
  async admin(path: string): Promise<unknown> {
    return (await fetch(`http://127.0.0.1:${this.adminPort}/${path}`)).json();
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.statusPort}/metrics`)).text();
  }

  /** Waits until the admin address says that the policies changed from `hash`. */
  async policyChangedFrom(hash: unknown): Promise<void> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    while (performance.now() < untilMs) {
      if ((await this.policyHash()) !== hash) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new SallyportError('ERR_DEMO_POLICY', 'the policy edit did not take effect');
  }

  async policyHash(): Promise<unknown> {
    return ((await this.admin('policy')) as LogLine)['policyHash'];
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await gone;
  }

  private take(text: string): void {
    const parts = (this.partial + text).split('\n');
    this.partial = parts.pop() ?? '';
    for (const part of parts) this.lines.push(JSON.parse(part) as LogLine);
    this.wake();
  }
}
