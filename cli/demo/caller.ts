// A caller with an SVID: one keep-alive connection over mutual TLS.
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

/** PEM texts and where to call; `keepAlive: false` makes a connection for every request. */
export interface CallerOptions {
  readonly port: number;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly keepAlive?: boolean;
}

export function callerOf(options: CallerOptions): Caller {
  const { port, keepAlive = true, ...tls } = options;
  const agent = new https.Agent({ keepAlive, maxSockets: 1, maxCachedSessions: 0, ...tls });
  return {
    request: (method, path) =>
      new Promise((resolve, reject) => {
        const request = https.request({ host: 'localhost', port, method, path, agent }, (response) => {
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
