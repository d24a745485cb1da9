// The verdict on a peer of a finished handshake: OpenSSL's on the union of bundles AND ours on the ID's own
// bundle. The same for those who call and those who are called.
import type { X509Certificate } from 'node:crypto';
import type tls from 'node:tls';
import type { Reason } from '../core/reasons.ts';
import type { PeerIdentity, PeerVerifier } from './verify.ts';

/** The outcome of verifying a peer: `failOpen` when only `identity.graceAfterExpiry` made it acceptable. */
export type VerifiedPeer =
  | { readonly ok: true; readonly identity: PeerIdentity; readonly failOpen: boolean }
  | { readonly ok: false; readonly reason: Reason; readonly message: string };

/** `opensslError` is its verification error code, or null. */
export function verifyPeer(
  verifier: PeerVerifier,
  chain: readonly Buffer[],
  opensslError: string | null,
  times: { readonly nowMs: number; readonly graceAfterExpiryMs: number },
): VerifiedPeer {
  const { nowMs, graceAfterExpiryMs } = times;
  const verdict = verifier.verify(chain, nowMs);
  if (verdict.ok) {
    if (opensslError === null) return { ok: true, identity: verdict.identity, failOpen: false };
    return {
      ok: false,
      reason: 'untrusted-certificate',
      message: `openssl refuses the chain: ${opensslError}`,
    };
  }
  if (verdict.reason !== 'expired-certificate' || graceAfterExpiryMs === 0) return verdict;
  const graced = verifier.verify(chain, nowMs, graceAfterExpiryMs);
  if (!graced.ok) return graced;
  if (opensslError !== null && opensslError !== 'CERT_HAS_EXPIRED') return verdict;
  return { ok: true, identity: graced.identity, failOpen: true };
}

// Internal but stable since Node 0.11: the verdict of SSL_get_verify_result, null when OpenSSL accepts the
// chain.
interface VerifyingHandle {
  verifyError(): (Error & { code?: string }) | null;
}

/** OpenSSL's verification error code, or null when it accepts the peer's chain. */
export function opensslError(socket: tls.TLSSocket): string | null {
  const handle = (socket as unknown as { _handle: VerifyingHandle | null })._handle;
  if (handle === null) return 'CLOSED';
  const error = handle.verifyError();
  return error === null ? null : (error.code ?? 'UNKNOWN');
}

const CHAIN_MAX = 9; // one more than the verifier accepts, so that it can say so

/** DER as the peer sent it, leaf first; empty without certificate. */
export function chainOf(socket: tls.TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let next: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < CHAIN_MAX) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
