// The demo's two real services. `stock` knows quantities; `cart` asks `stock`, over mutual TLS with its own
// SVID.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Caller, callerOf } from './caller.ts';

/** A service that listens on a loopback port of its own. */
export interface Application {
  readonly port: number;
  close(): void;
}

export async function startStock(): Promise<Application> {
  return listening(
    createServer((request, response) => {
      const caller = /URI=([^;,]+)/.exec(String(request.headers['x-forwarded-client-cert']))?.[1];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ item: request.url, left: 3, askedBy: caller }));
    }),
  );
}

/** `stockPort` is where stock's proxy listens; `identity` the folder of cart's SVID. */
export async function startCart(stockPort: number, identity: string): Promise<Application> {
  const read = (name: string): string => readFileSync(`${identity}/${name}`, 'utf8');
  const stock: Caller = callerOf({
    port: stockPort,
    ca: read('ca.pem'),
    cert: read('tls.crt'),
    key: read('tls.key'),
  });
  const application = await listening(
    createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      const item = `/items/${request.url?.split('/').at(-1)}`;
      stock.request('GET', item).then(
        (answer) =>
          response.end(
            JSON.stringify({ cart: request.url, method: request.method, stock: JSON.parse(answer.body) }),
          ),
        (error: Error) => response.writeHead(502).end(JSON.stringify({ error: error.message })),
      );
    }),
  );
  return {
    port: application.port,
    close() {
      stock.close();
      application.close();
    },
  };
}

async function listening(server: Server): Promise<Application> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
