// What TLS needs on the issuer's listener, of one generation of its own SVID and of its trust: secure context
// and the verifier of those who come, swapped together. Connections that are open keep what they have.
import { constants, type KeyObject } from 'node:crypto';
import tls from 'node:tls';
import { createTrustBundle } from '../../trust-bundle.ts';
import { createPeerVerifier, type PeerVerifier } from '../../verify.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { parseCrl } from '../../x509/crl.ts';
import { writePem } from '../../x509/pem.ts';
import type { Issued, PublishedTrust } from '../issuer.ts';

/** Who presents itself, and who is believed. */
export interface ListenerIdentity {
  readonly context: tls.SecureContext;
  /** Verifies the SVIDs of callers against the own bundle and CRLs. */
  readonly callers: PeerVerifier;
}

const pem = (der: Buffer): string => writePem('CERTIFICATE', der);

/** The verifier of callers of the own trust domain; foreign ones have no business here. */
export function callersOf(trust: PublishedTrust): PeerVerifier {
  const { trustDomain, rootsDer, crlsDer } = trust;
  const bundle = createTrustBundle(
    trustDomain,
    rootsDer.map((der) => parseCertificate(der)),
  );
  return createPeerVerifier(
    { bundles: new Map([[trustDomain, bundle]]), crls: new Map([[trustDomain, crlsDer.map(parseCrl)]]) },
    { purpose: 'client' },
  );
}

/**
 * The root is sent too: a client that holds nothing but the hash of a root finds it there.
 * Resumption is off: a resumed session outlives a revoked certificate.
 */
export function contextOf(
  own: { readonly issued: Issued; readonly key: KeyObject },
  trust: PublishedTrust,
): tls.SecureContext {
  return tls.createSecureContext({
    cert: [...own.issued.chainDer, own.issued.rootDer].map(pem).join(''),
    key: own.key.export({ format: 'pem', type: 'pkcs8' }),
    ca: trust.rootsDer.map(pem),
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.3',
    sessionIdContext: 'sallyport-issuer',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  });
}
