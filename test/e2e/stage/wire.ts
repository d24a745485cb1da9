// Bytes on real sockets: a caller that sends exactly what it is told, and an application that answers as it
// is told.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Stage, SvidFiles } from './stage.ts';

/** Everything a peer sent, and a way to wait for it. */
export class Wire {
  readonly socket: net.Socket;
  text = '';
  ended = false;
  closed = false;
  error: string | null = null;
  private readonly waiting = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    const wake = (): void => {
      for (const one of [...this.waiting]) one();
    };
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      wake();
    });
    socket.on('end', () => {
      this.ended = true;
      wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
      wake();
    });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until the received text satisfies `wanted`. */
  async until(wanted: (text: string) => boolean, timeoutMs = 10_000): Promise<string> {
    const untilMs = performance.now() + timeoutMs;
    while (!wanted(this.text)) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.closed)
        throw new Error(`never received it (${this.error ?? 'no error'}); got ${JSON.stringify(this.text)}`);
      await this.change(leftMs);
    }
    return this.text;
  }

  /** Waits until the peer closed its side, and returns everything it sent. */
  async end(timeoutMs = 10_000): Promise<string> {
    const untilMs = performance.now() + timeoutMs;
    while (!this.ended && !this.closed) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) throw new Error(`never closed; got ${JSON.stringify(this.text)}`);
      await this.change(leftMs);
    }
    return this.text;
  }

  private change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.waiting.add(wake);
    });
  }
}

/** Connects to the stage's listener over mTLS as `svid`; resolves once the handshake is done. */
export async function call(
  stage: Stage,
  svid: SvidFiles,
  options: tls.ConnectionOptions & { readonly allowHalfOpen?: boolean } = {},
): Promise<Wire> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: stage.port,
    servername: 'localhost',
    ca: stage.authority.certificatePem,
    cert: svid.certificatePem,
    key: svid.keyPem,
    allowHalfOpen: true,
    ...options,
  } as tls.ConnectionOptions);
  await once(socket, 'secureConnect');
  return new Wire(socket);
}

/** What an application does with one connection. */
export type Script = (wire: Wire, index: number) => void;

/** A raw TCP application; `script` gets each connection. */
export class Application {
  readonly port: number;
  readonly connections: Wire[] = [];
  private readonly server: net.Server;

  private constructor(server: net.Server) {
    this.server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  static async start(script: Script): Promise<Application> {
    const accept: { handle: (socket: net.Socket) => void } = { handle: () => undefined };
    const server = net
      .createServer({ allowHalfOpen: true }, (socket) => accept.handle(socket))
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const application = new Application(server);
    accept.handle = (socket) => {
      const wire = new Wire(socket);
      application.connections.push(wire);
      script(wire, application.connections.length - 1);
    };
    return application;
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.server.close();
  }
}

/** Answers every complete head on a connection with `response` (bodies are not looked at). */
export function answering(response: string): Script {
  return (wire) => {
    let answered = 0;
    wire.socket.on('data', () => {
      const heads = wire.text.split('\r\n\r\n').length - 1;
      for (; answered < heads; answered++) wire.send(response);
    });
  };
}

/** `HTTP/1.1 200 OK` with a Content-Length body. */
export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** A GET with Host and the given extra lines. */
export function get(path: string, lines = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: cart.shop\r\n${lines}\r\n`;
}

/** The targets of all requests that reached the application. */
export function targets(application: Application): string[] {
  const texts = application.connections.map(({ text }) => text);
  return texts.flatMap((text) =>
    [...text.matchAll(/^[A-Z]+ (\S+) HTTP\/1\.1\r$/gm)].map(([, to]) => to ?? ''),
  );
}
