// What the Node baselines get on their command line: ports, and PEM files for strict mutual TLS 1.3.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { ServerOptions } from 'node:https';

export interface ProcessSettings {
  readonly port: number;
  readonly upstreamPort: number;
  readonly server: ServerOptions;
}

/** The one rule of the baselines: any caller of the authority may read items. */
export function isAllowed({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && url.startsWith('/items/');
}

/** Reads `PORT UPSTREAM_PORT CERTIFICATE KEY AUTHORITY`. */
export function settingsFrom(args: readonly string[]): ProcessSettings {
  const [port, upstreamPort, certificate, key, authority] = args;
  if (authority === undefined || certificate === undefined || key === undefined)
    throw new Error('usage: PORT UPSTREAM_PORT CERTIFICATE KEY AUTHORITY');
  return {
    port: Number(port),
    upstreamPort: Number(upstreamPort),
    server: {
      cert: readFileSync(certificate),
      key: readFileSync(key),
      ca: readFileSync(authority),
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: true,
      keepAliveTimeout: 300_000,
    },
  };
}
