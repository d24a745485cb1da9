// Servers that are not ours, as processes; HAProxy and nginx have a configuration in the stage's folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { eventually } from './observe.ts';
import type { Stage } from './stage.ts';

export class Daemon {
  private readonly child: ChildProcess;
  private output = '';

  private constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('latin1').on('data', (text: string) => {
        this.output += text;
      });
    this.child.on('error', (error) => {
      this.output += error.message;
    });
  }

  /** `command`, once it listens on every one of `ports`. */
  static start(command: string, args: readonly string[], ports: readonly number[]): Promise<Daemon> {
    return Daemon.listening(new Daemon(command, args), ports);
  }

  /** HAProxy on `text`, once it listens on every one of `ports`. */
  static haproxy(stage: Stage, text: string, ports: readonly number[]): Promise<Daemon> {
    const file = stage.write(`haproxy-${ports[0]}.cfg`, text);
    return Daemon.start('haproxy', ['-db', '-f', file], ports);
  }

  /** nginx with `text` in its `http` block, once it listens on `port`. */
  static nginx(stage: Stage, text: string, port: number): Promise<Daemon> {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${stage.path(`nginx-${kind}`)};`)
      .join(' ');
    const file = stage.write(
      `nginx-${port}.conf`,
      `daemon off; master_process off; pid ${stage.path('nginx.pid')}; error_log stderr;
events { worker_connections 64; }
http { access_log off; ${temporary} ${text} }
`,
    );
    const args = ['-p', stage.folder, '-e', 'stderr', '-c', file];
    return Daemon.start('nginx', args, [port]);
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.pid === undefined) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  private static async listening(daemon: Daemon, ports: readonly number[]): Promise<Daemon> {
    for (const port of ports)
      await eventually(() => connects(port), Boolean).catch((error: unknown) => {
        throw new Error(`nothing listens on ${port}: ${daemon.output}`, { cause: error });
      });
    return daemon;
  }
}

async function connects(port: number): Promise<boolean> {
  const socket = net.connect({ host: '127.0.0.1', port });
  const over = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return over;
}
