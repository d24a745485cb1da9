// The floor of Node for this job: mutual TLS in, one head looked at and extended, plaintext out, and back. No
// identity, policy, limit, record or strict parsing. What a proxy adds to this is its own.
import net from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const ADDED = 'x-request-id: 00000000-0000-4000-8000-000000000000\r\nx-forwarded-for: 127.0.0.1\r\n\r\n';
const LENGTH = 'content-length: ';

/** One connection to the application, and whom it answers just now. */
class Upstream {
  readonly socket: net.Socket;
  caller: TLSSocket | null = null;
  private left = 0;

  constructor() {
    this.socket = net.connect({
      host: '127.0.0.1',
      port: settings.upstreamPort,
      noDelay: true,
      onread: { buffer, callback: (length) => this.read(length) },
    });
    this.socket.on('error', () => undefined);
  }

  private read(length: number): boolean {
    // TLS writes from the memory it is given, later: the shared buffer has to be copied.
    this.caller?.write(Buffer.from(buffer.subarray(0, length)));
    if (this.left === 0) {
      const text = buffer.toString('latin1', 0, length);
      const end = text.indexOf('\r\n\r\n') + 4;
      const at = text.toLowerCase().indexOf(LENGTH) + LENGTH.length;
      this.left = end + Number.parseInt(text.slice(at), 10);
    }
    this.left -= length;
    if (this.left > 0) return true;
    this.caller = null;
    idle.push(this);
    return true;
  }
}

const buffer = Buffer.allocUnsafeSlow(65_536);
const idle: Upstream[] = [];

createServer({ ...settings.server, noDelay: true }, (socket) => {
  socket.on('data', (chunk: Buffer) => {
    const upstream = idle.pop() ?? new Upstream();
    upstream.caller = socket;
    upstream.socket.write(chunk.toString('latin1', 0, chunk.indexOf('\r\n\r\n') + 2) + ADDED, 'latin1');
  });
  socket.on('error', () => socket.destroy());
}).listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });
