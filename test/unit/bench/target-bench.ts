// `bench --target` as a user has it: arguments in, text and exit code out, files in a folder of their own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchTarget } from '../../../bench/target/bench-target.ts';
import { type Authority, createAuthority, type IssuedSvid } from '../../../certs/authority/authority.ts';
import { httpServer, httpsServer, type TestServer } from './target-server.ts';

export const SERVER_ID = 'spiffe://shop.test/ns/shop/sa/cart';
const CLIENT_ID = 'spiffe://shop.test/ns/shop/sa/ci';

/** A tenth of a second to warm up and a fifth to measure: 10 and 20 requests. */
export const QUICK = '--rounds 1 --seconds 0.2 --warmup 0.1 --rate 100 --connections 2'.split(' ');

/** The files of the caller that the server trusts. */
export const CLIENT = '--cert tls.crt --key tls.key --ca ca.pem'.split(' ');

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class TargetBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'sallyport-target-'));
  readonly authority: Authority;
  /** Answered by `answer`, since the servers were closed. */
  requests = 0;
  readonly #server: IssuedSvid;
  readonly #servers: TestServer[] = [];

  private constructor(authority: Authority, server: IssuedSvid) {
    this.authority = authority;
    this.#server = server;
  }

  /** Writes ca.pem and tls.crt with tls.key, and the same of an authority that the server does not know. */
  static async create(): Promise<TargetBench> {
    const authority = await createAuthority({ trustDomain: 'shop.test' });
    const strangers = await createAuthority({ trustDomain: 'shop.test' });
    const server = await authority.issue({ spiffeId: SERVER_ID, dnsNames: ['localhost'] });
    const bench = new TargetBench(authority, server);
    bench.write('ca.pem', authority.certificatePem);
    bench.write('strangers.pem', strangers.certificatePem);
    bench.writePair('tls', await authority.issue({ spiffeId: CLIENT_ID }));
    bench.writePair('stranger', await strangers.issue({ spiffeId: CLIENT_ID }));
    return bench;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  writePair(name: string, svid: IssuedSvid): void {
    this.write(`${name}.crt`, svid.chainPem);
    this.write(`${name}.key`, svid.privateKeyPem ?? '');
  }

  readonly answer: RequestListener = (_request, response) => {
    this.requests++;
    response.end('ok');
  };

  /** Starts a server that wants a client certificate, and returns its port. */
  async tls(
    options: Partial<Parameters<typeof httpsServer>[0]> = {},
    handler = this.answer,
  ): Promise<number> {
    const { certificatePem } = this.authority;
    return this.#add(
      await httpsServer({ svid: this.#server, authority: certificatePem, ...options }, handler),
    );
  }

  /** Starts a plaintext server, and returns its port. */
  async plain(handler = this.answer): Promise<number> {
    return this.#add(await httpServer(handler));
  }

  async run(...args: string[]): Promise<Ran> {
    const said = { out: '', err: '' };
    const code = await benchTarget(args, {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      color: false,
      cwd: this.directory,
    });
    return { code, ...said };
  }

  async closeServers(): Promise<void> {
    this.requests = 0;
    for (const server of this.#servers.splice(0)) await server.close();
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  #add(server: TestServer): number {
    this.#servers.push(server);
    return server.port;
  }
}
