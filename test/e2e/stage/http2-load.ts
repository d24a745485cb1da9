// Requests over HTTP/2 by node:http2, a client that is not ours: what of them is lost is counted.
import http2 from 'node:http2';
import type { Stage, SvidFiles } from './stage.ts';

/** Requests in a row on each of four sessions of node:http2; a session that is told to go is replaced. */
export class Http2Load {
  answers = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private readonly loops: Promise<void>[];
  private readonly connect: () => http2.ClientHttp2Session;

  constructor(stage: Stage, svid: SvidFiles) {
    const ca = stage.authority.certificatePem;
    const { certificatePem: cert, keyPem: key } = svid;
    this.connect = () => {
      const session = http2.connect(`https://127.0.0.1:${stage.port}`, {
        servername: 'localhost',
        ca,
        cert,
        key,
      });
      session.on('error', (error: NodeJS.ErrnoException) => this.failures.push(`session: ${error.message}`));
      return session;
    };
    this.loops = Array.from({ length: 4 }, () => this.loop());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async loop(): Promise<void> {
    let session = this.connect();
    let told = false;
    session.on('goaway', () => {
      told = true;
    });
    while (!this.stopped) {
      if (told || session.closed || session.destroyed) {
        session.close();
        session = this.connect();
        told = false;
        session.on('goaway', () => {
          told = true;
        });
      }
      await this.request(session);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    session.close();
  }

  private request(session: http2.ClientHttp2Session): Promise<void> {
    return new Promise((resolve) => {
      const stream = session.request({ ':path': '/ok', ':method': 'POST' });
      let status = 0;
      stream.on('response', (head) => {
        status = head[':status'] ?? 0;
      });
      stream.on('error', (error) => this.failures.push(error.message));
      stream.on('close', () => {
        if (status === 200) this.answers++;
        else this.failures.push(`status ${status}, code ${stream.rstCode}`);
        resolve();
      });
      stream.resume();
      stream.end('body');
    });
  }
}
