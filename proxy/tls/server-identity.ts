// What a TLS listener needs of the workload's identity: secure context and peer verifier of one generation,
// swapped together.
import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { IdentityState } from '../../certs/source.ts';
import { createPeerVerifier, type PeerIdentity, type PeerVerifier } from '../../certs/verify.ts';
import type { Reason } from '../../core/reasons.ts';

/** One generation of the proxy's own identity, ready for handshakes. */
export interface ServerIdentity {
  readonly state: IdentityState;
  readonly context: tls.SecureContext;
  readonly verifier: PeerVerifier;
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
export function createServerIdentity(state: IdentityState, minVersion: TlsVersion): ServerIdentity {
  const context = tls.createSecureContext({
    cert: state.certificateChainPem,
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
  return { state, context, verifier: createPeerVerifier(state, { purpose: 'client' }) };
}

/** The outcome of verifying a peer: `failOpen` when only `identity.graceAfterExpiry` made it acceptable. */
export type VerifiedPeer =
  | { readonly ok: true; readonly identity: PeerIdentity; readonly failOpen: boolean }
  | { readonly ok: false; readonly reason: Reason; readonly message: string };

/**
 * The verdict on a chain: OpenSSL's on the union of bundles AND ours on the ID's own bundle.
 * `opensslError` is its verification error code, or null.
 */
export function verifyPeer(
  own: ServerIdentity,
  chain: readonly Buffer[],
  opensslError: string | null,
  times: { readonly nowMs: number; readonly graceAfterExpiryMs: number },
): VerifiedPeer {
  const { nowMs, graceAfterExpiryMs } = times;
  const verdict = own.verifier.verify(chain, nowMs);
  if (verdict.ok) {
    if (opensslError === null) return { ok: true, identity: verdict.identity, failOpen: false };
    return {
      ok: false,
      reason: 'untrusted-certificate',
      message: `openssl refuses the chain: ${opensslError}`,
    };
  }
  if (verdict.reason !== 'expired-certificate' || graceAfterExpiryMs === 0) return verdict;
  const graced = own.verifier.verify(chain, nowMs, graceAfterExpiryMs);
  if (!graced.ok) return graced;
  if (opensslError !== null && opensslError !== 'CERT_HAS_EXPIRED') return verdict;
  return { ok: true, identity: graced.identity, failOpen: true };
}
