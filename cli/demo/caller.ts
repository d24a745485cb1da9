// A caller: one keep-alive connection, over mutual TLS with an SVID, or plain to its own proxy on loopback.
import http from 'node:http';
import https from 'node:https';

/** A complete answer. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** True when it came over the connection of the answer before. */
  readonly reused: boolean;
}

export interface Caller {
  /** Rejects when the connection fails, e.g. because the proxy refused the certificate. */
  request(method: string, path: string): Promise<Answer>;
  close(): void;
}

/**
 * Where to call, and PEM texts; without `ca` there is no TLS. `keepAlive: false` makes a connection for every
 * request.
 */
export interface CallerOptions {
  readonly port: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly keepAlive?: boolean;
}

export function callerOf(options: CallerOptions): Caller {
  const { port, keepAlive = true, ...tls } = options;
  const { Agent, request: ask } = tls.ca === undefined ? http : https;
  const agent = new Agent({ keepAlive, maxSockets: 1, maxCachedSessions: 0, ...tls });
  return {
    request: (method, path) =>
      new Promise((resolve, reject) => {
        const request = ask({ host: 'localhost', port, method, path, agent }, (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (text: string) => {
            body += text;
          });
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body, reused: request.reusedSocket }),
          );
          response.on('error', reject);
        });
        request.on('error', reject);
        request.end();
      }),
    close: () => agent.destroy(),
  };
}
