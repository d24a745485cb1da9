// An application in a process of its own that can be stopped: its port listens, but connections to it hang.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

// Answers every head, and prints what it read.
const SCRIPT = `
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    process.stdout.write(chunk);
    const heads = chunk.toString('latin1').split('\\r\\n\\r\\n').length - 1;
    socket.write('HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok'.repeat(heads));
  });
}).listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
/** More than a backlog of 1 holds. */
const FILL = 8;

export class StoppedApplication {
  readonly port: number;
  /** What it read since it went on. */
  text = '';
  private readonly child: ChildProcess;
  private readonly fill: readonly net.Socket[];

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
    child.kill('SIGSTOP');
    this.fill = Array.from({ length: FILL }, () =>
      net.connect(port, '127.0.0.1').on('error', () => undefined),
    );
    child.stdout?.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
    });
  }

  /** Starts it, stops it, and fills its backlog. */
  static async start(): Promise<StoppedApplication> {
    const child = spawn(process.execPath, ['-e', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [printed] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const application = new StoppedApplication(child, Number(printed.toString()));
    await Promise.race(application.fill.map((socket) => once(socket, 'connect')));
    return application;
  }

  /** It serves from now on. */
  proceed(): void {
    for (const socket of this.fill) socket.destroy();
    this.child.kill('SIGCONT');
  }

  close(): void {
    for (const socket of this.fill) socket.destroy();
    this.child.kill('SIGKILL');
  }
}
