// One TLS 1.3 connection to the issuer, verified before anybody gets it. In the handshake itself the server
// sees the SVID, when there is one to show: a certificate is public; the first byte of a request waits.
import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { ISSUER_CONNECT_MS_MAX } from '../limits.ts';
import { chainOf, opensslError } from '../verify-peer.ts';
import { writePem } from '../x509/pem.ts';
import { IssuerClientError, reasonOf } from './problem.ts';
import { type IssuerTrust, issuerFault, issuerId } from './verify-issuer.ts';

/** Where the issuer listens. */
export interface IssuerAddress {
  readonly host: string;
  readonly port: number;
}

/** The SVID that a client shows. */
export interface ShownSvid {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

/** One connection to make. */
export interface ConnectOptions {
  readonly address: IssuerAddress;
  readonly trust: IssuerTrust;
  readonly svid: ShownSvid | null;
  readonly clock: Clock;
}

/** Resolves with a connection to the issuer. @throws ERR_ISSUER_CLIENT_UNREACHABLE, …_UNVERIFIED */
export function connectIssuer(options: ConnectOptions): Promise<tls.TLSSocket> {
  const { address, clock } = options;
  return new Promise((resolve, reject) => {
    const socket = open(options);
    let over = false;
    const end = (error: IssuerClientError | null): void => {
      if (over) return;
      over = true;
      timer.cancel();
      if (error === null) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    const unreachable = (why: string, cause?: unknown): void => end(unreachableError(address, why, cause));
    const timer = clock.after(ISSUER_CONNECT_MS_MAX, () => unreachable('timeout'));
    // It stays: whoever gets the socket listens too, and a socket that was given up may still complain.
    socket.on('error', (error) => unreachable(reasonOf(error), error));
    socket.once('close', () => unreachable('closed in the handshake'));
    socket.once('secureConnect', () => {
      const fault = issuerFault(chainOf(socket), opensslError(socket), options.trust, clock.now());
      end(fault === null ? null : unverifiedError(options, fault));
    });
  });
}

function open({ address, trust, svid }: ConnectOptions): tls.TLSSocket {
  const context = tls.createSecureContext({
    ca: trust.anchors.map(({ der }) => writePem('CERTIFICATE', der)),
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(svid === null ? {} : { cert: svid.certificateChainPem, key: svid.privateKeyPem }),
  });
  const socket = tls.connect({
    ...address,
    ...(isIP(address.host) === 0 ? { servername: address.host } : {}), // RFC 6066 section 3: names only
    secureContext: context,
    ALPNProtocols: ['http/1.1'],
    // SAFETY: the verdict is `issuerFault`, on the whole chain and with OpenSSL's error, before any write.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  return socket;
}

/** The issuer cannot be talked to. */
export function unreachableError(address: IssuerAddress, why: string, cause?: unknown): IssuerClientError {
  return new IssuerClientError(
    'ERR_ISSUER_CLIENT_UNREACHABLE',
    `the issuer at \`${address.host}:${address.port}\` cannot be reached: ${why}`,
    { hint: 'is it running, and is the address right? It is tried again', cause },
  );
}

function unverifiedError({ address, trust }: ConnectOptions, fault: string): IssuerClientError {
  const { host, port } = address;
  return new IssuerClientError(
    'ERR_ISSUER_CLIENT_UNVERIFIED',
    `the server at \`${host}:${port}\` is not \`${issuerId(trust.trustDomain)}\`: ${fault}`,
    { hint: 'give the present bundle of the trust domain, or a new join token of this issuer' },
  );
}
