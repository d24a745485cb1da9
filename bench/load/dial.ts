// How the load connects: the same handshake for every peer.
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { ClientMaterial } from '../pki.ts';
import type { Target } from './protocol.ts';
import { verification } from './server-identity.ts';

/** The same handshake and cipher for every peer, whatever its TLS library prefers. */
const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  ecdhCurve: 'X25519',
} as const;

/** A client's certificates, once for all its connections. */
export function clientContext(material: ClientMaterial): SecureContext {
  return createSecureContext({
    ...TLS_OPTIONS,
    ca: material.authority,
    ...(material.certificate === '' ? {} : { cert: material.certificate, key: material.key }),
  });
}

/** The context of a target, null when it is plaintext. */
export function contextOf({ tls }: Target): SecureContext | null {
  return tls === null ? null : clientContext(tls);
}

/** `protocol`: what is offered by ALPN; `http/1.1` is left out, as most of its clients do. */
export function dial(
  target: Target,
  context: SecureContext | null,
  protocol: 'http/1.1' | 'h2' = 'http/1.1',
): Socket {
  const where = { host: target.host ?? '127.0.0.1', port: target.port, noDelay: true };
  if (context === null) return connectPlain(where);
  const { server } = target;
  const tls = server === undefined ? { ...TLS_OPTIONS, servername: 'localhost' } : verification(server);
  const alpn = protocol === 'h2' ? { ALPNProtocols: ['h2'] } : {};
  return connectTls({ ...where, ...tls, ...alpn, secureContext: context });
}
