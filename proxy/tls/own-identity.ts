// What TLS needs of the workload's identity on both of its sides: secure context and peer verifiers of one
// generation, swapped together.
import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { IdentityState } from '../../certs/source.ts';
import { createPeerVerifier, type PeerVerifier } from '../../certs/verify.ts';

/** One generation of the proxy's own identity, ready for handshakes as server and as client. */
export interface OwnIdentity {
  readonly state: IdentityState;
  readonly context: tls.SecureContext;
  /** Verifies those who connect to this proxy. */
  readonly callers: PeerVerifier;
  /** Verifies those whom this proxy connects to. */
  readonly servers: PeerVerifier;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

// RFC 9325 section 4.2: forward secrecy and AEAD only, for those who choose TLS 1.2.
const TLS12_CIPHERS =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';

/**
 * Builds the context and the verifier of `state`. A resumed session would carry no intermediates and would
 * outlive a removed CA, so tickets are off and no session cache answers; renegotiation is off.
 * @throws OpenSSL's error when certificate and key do not fit
 */
export function createOwnIdentity(state: IdentityState, minVersion: TlsVersion): OwnIdentity {
  const context = tls.createSecureContext({
    cert: state.presentedChainPem,
    key: state.privateKeyPem,
    ca: [...state.trustAnchorsPem],
    allowPartialTrustChain: true,
    minVersion,
    ciphers: `TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:${TLS12_CIPHERS}`,
    honorCipherOrder: true,
    sessionIdContext: 'sallyport',
    secureOptions:
      constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  });
  return {
    state,
    context,
    callers: createPeerVerifier(state, { purpose: 'client' }),
    servers: createPeerVerifier(state, { purpose: 'server' }),
  };
}
