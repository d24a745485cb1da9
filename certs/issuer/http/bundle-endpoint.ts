// The SPIFFE bundle endpoint, profile https_web (SPIFFE Federation section 5.2.1): one document for
// everybody, with a certificate that other trust domains know.
import { readFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { watchPaths } from '../../../core/file-watch.ts';
import type { IssuerConfig } from '../../../core/issuer-config/config.ts';
import {
  BUNDLE_ENDPOINT_CONNECTIONS_MAX,
  BUNDLE_ENDPOINT_CONNECTIONS_PER_ADDRESS_MAX,
  ISSUER_BODY_MS_MAX,
  ISSUER_HANDSHAKE_MS_MAX,
  ISSUER_HEAD_BYTES_MAX,
} from '../../limits.ts';
import { AddressShares } from './address-shares.ts';
import { type Answer, json, problem, send } from './answer.ts';

export interface BundleEndpointOptions {
  readonly config: NonNullable<IssuerConfig['bundleEndpoint']>;
  readonly bundleText: () => string;
  readonly clock: Clock;
  readonly problem: (message: string, error: unknown) => void;
}

/** A bound endpoint. */
export interface BundleEndpoint {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Binds; the certificate is read again when its files change. @throws ERR_LISTEN_FAILED, ERR_ISSUER_ENDPOINT
 */
export async function openBundleEndpoint(options: BundleEndpointOptions): Promise<BundleEndpoint> {
  const { config, bundleText } = options;
  const server = createServer(
    {
      ...(await readPair(config)),
      minVersion: 'TLSv1.2',
      handshakeTimeout: ISSUER_HANDSHAKE_MS_MAX,
      maxHeaderSize: ISSUER_HEAD_BYTES_MAX,
      headersTimeout: ISSUER_BODY_MS_MAX,
      requestTimeout: ISSUER_BODY_MS_MAX,
      keepAliveTimeout: ISSUER_BODY_MS_MAX,
    },
    (request, response) => {
      response.setHeader('connection', 'close'); // polled every few minutes
      send(response, answer(request.method, request.url, bundleText));
    },
  );
  const shares = new AddressShares({
    totalMax: BUNDLE_ENDPOINT_CONNECTIONS_MAX,
    perAddressMax: BUNDLE_ENDPOINT_CONNECTIONS_PER_ADDRESS_MAX,
  });
  // Before TLS: a connection that never says a word counts too.
  server.prependListener('connection', (socket: Socket) => {
    const giveBack = shares.take(socket.remoteAddress ?? '');
    if (giveBack === null) socket.destroy();
    else socket.once('close', giveBack);
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const { host, port } = config.address;
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      const where = `\`${host}:${port}\` (\`bundleEndpoint.address\`)`;
      reject(
        new SallyportError('ERR_LISTEN_FAILED', `cannot listen on ${where}: ${cause.message}`, { cause }),
      );
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
  server.on('error', (error) => options.problem('the bundle endpoint failed', error));
  const watch = watchPaths([config.certificate, config.key], () => {
    readPair(config).then(
      (pair) => server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' }),
      (error: unknown) => options.problem('the bundle endpoint keeps its certificate', error),
    );
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        watch.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(method: string | undefined, url: string | undefined, bundleText: () => string): Answer {
  if (url !== '/bundle.json') return problem('ERR_ISSUER_HTTP_PATH');
  return method === 'GET' ? json(bundleText()) : problem('ERR_ISSUER_HTTP_METHOD', { allow: 'GET' });
}

/** Certificate and key that belong together. @throws ERR_ISSUER_ENDPOINT */
export async function readPair(
  config: BundleEndpointOptions['config'],
): Promise<Pick<ServerOptions, 'cert' | 'key'>> {
  try {
    const pair = { cert: await readFile(config.certificate), key: await readFile(config.key) };
    createServer(pair); // half of a new pair is there: OpenSSL says so
    return pair;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SallyportError(
      'ERR_ISSUER_ENDPOINT',
      `the certificate of the bundle endpoint is not usable: ${why}`,
      {
        hint: '`bundleEndpoint.certificate` and `.key` are PEM files that belong together',
        cause,
      },
    );
  }
}
