// The SPIFFE bundle endpoint, profile https_web (SPIFFE Federation section 5.2.1): one document for
// everybody, with a certificate that other trust domains know.
import { readFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { watchPaths } from '../../../core/file-watch.ts';
import type { IssuerConfig } from '../../../core/issuer-config/config.ts';
import { bindAddress } from '../../bind.ts';
import {
  BUNDLE_ENDPOINT_CONNECTIONS_MAX,
  BUNDLE_ENDPOINT_CONNECTIONS_PER_ADDRESS_MAX,
  ISSUER_BODY_MS_MAX,
  ISSUER_HANDSHAKE_MS_MAX,
  ISSUER_HEAD_BYTES_MAX,
} from '../../limits.ts';
import { type Answer, json, problem, send } from './answer.ts';
import { CountedSockets } from './counted-sockets.ts';

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
  const { config, bundleText, clock } = options;
  const server = createServer(HTTP_LIMITS, (request, response) => {
    response.setHeader('connection', 'close'); // polled every few minutes
    send(response, answer(request.method, request.url, bundleText));
  });
  const sockets = new CountedSockets({
    totalMax: BUNDLE_ENDPOINT_CONNECTIONS_MAX,
    perAddressMax: BUNDLE_ENDPOINT_CONNECTIONS_PER_ADDRESS_MAX,
  });
  // Before TLS: a connection that never says a word counts too.
  server.prependListener('connection', (socket: Socket) => void sockets.admit(socket));
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const present = async (): Promise<void> =>
    server.setSecureContext({ ...(await readPair(config)), minVersion: 'TLSv1.2' });
  const renew = (): void => {
    present().catch((error: unknown) => options.problem('the bundle endpoint keeps its certificate', error));
  };
  // Before the first read: no change falls between the two.
  const watch = watchPaths([config.certificate, config.key], renew, { clock });
  try {
    await present();
    const port = await bindAddress(server, config.address, 'bundleEndpoint.address');
    server.on('error', (error) => options.problem('the bundle endpoint failed', error));
    return {
      port,
      close: () =>
        new Promise((resolve) => {
          watch.close();
          server.close(() => resolve());
          sockets.destroyAll();
        }),
    };
  } catch (error) {
    watch.close();
    throw error;
  }
}

const HTTP_LIMITS: ServerOptions = {
  handshakeTimeout: ISSUER_HANDSHAKE_MS_MAX,
  maxHeaderSize: ISSUER_HEAD_BYTES_MAX,
  headersTimeout: ISSUER_BODY_MS_MAX,
  requestTimeout: ISSUER_BODY_MS_MAX,
  keepAliveTimeout: ISSUER_BODY_MS_MAX,
};

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
    createSecureContext(pair); // half of a new pair is there: OpenSSL says so
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
