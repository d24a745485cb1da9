// One request before any load: is this the server that is meant, and does it answer as expected?
import { TLSSocket } from 'node:tls';
import { printable } from '../../certs/x509/names.ts';
import { Connection } from '../load/connection.ts';
import { uriNames } from '../load/server-identity.ts';
import type { Endpoint } from './endpoint.ts';
import { connectionFault, type Fault, isExpected, statusFault, timeoutFault } from './faults.ts';

export interface Probe {
  readonly status: number;
  /** Of the answer, with its head. */
  readonly bytes: number;
  readonly tls: {
    readonly version: string;
    readonly cipher: string;
    /** SPIFFE ID of the server, else the names in its certificate. */
    readonly server: string;
  } | null;
}

/** Sends the request once. */
export function probe(endpoint: Endpoint, timeoutMs: number, expect: number | null): Promise<Probe | Fault> {
  return new Promise((resolve) => {
    const { target, context, request } = endpoint;
    const end = (result: Probe | Fault): void => {
      clearTimeout(timer);
      connection.close();
      resolve(result);
    };
    const timer = setTimeout(() => end(timeoutFault(timeoutMs, true)), timeoutMs);
    const connection = new Connection(target, context, request, {
      response: ({ socket, bytesRead }, status) => {
        const answer = { status, bytes: bytesRead, tls: tlsOf(socket) };
        end(isExpected(status, expect) ? answer : statusFault(status, expect));
      },
      fault: (error, { established }) => end(connectionFault(error, context !== null, established)),
    });
    connection.send();
  });
}

function tlsOf(socket: Connection['socket']): Probe['tls'] {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerCertificate();
  const server = uriNames(certificate)[0] ?? certificate.subjectaltname ?? 'without a name';
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    server: printable(server),
  };
}
