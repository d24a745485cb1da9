// Which proof of who this workload is goes with the next request, and how the issuer is to be known then.
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { readLimited } from '../files/read-limited.ts';
import { Findings } from '../read-files.ts';
import type { ShownSvid } from './connect.ts';
import type { IssuerAccess, SvidRequest } from './issuer-api.ts';
import { type JoinToken, readJoinToken, readToken } from './join-token.ts';
import { type KeptSet, trustOf } from './kept-set.ts';
import { IssuerClientError } from './problem.ts';
import type { IssuerTrust } from './verify-issuer.ts';

/** The files that prove something; each is read again for every attempt. */
export interface AttestationFiles {
  /** CA certificates of the own trust domain, PEM: to know the issuer by, beside the kept bundle. */
  readonly bundleFile: string | null;
  readonly joinTokenFile: string | null;
  readonly serviceAccountTokenFile: string | null;
}

/** What is known at the moment of an attempt. */
export interface Situation {
  readonly trustDomain: TrustDomain;
  readonly kept: KeptSet | null;
  /** Null when there is none, or when it has expired. */
  readonly svid: ShownSvid | null;
  /** The last renewal was refused: something else is tried, if there is something. */
  readonly svidRefused: boolean;
  /** Fingerprint of the join token that was sent already. */
  readonly spentToken: string | null;
  readonly nowMs: number;
}

/** One way to ask. */
export interface Attestation {
  readonly kind: 'renewal' | 'service-account' | 'join-token';
  readonly tokens: Pick<SvidRequest, 'joinToken' | 'serviceAccountToken'>;
  readonly access: IssuerAccess;
  /** Fingerprint of the join token that this sends. */
  readonly spends: string | null;
}

/**
 * Renewal while the SVID holds; then the service-account token, then a join token that was not sent before.
 * @throws ERR_ISSUER_CLIENT_FILE, ERR_ISSUER_CLIENT_NO_ATTESTATION
 */
export async function chooseAttestation(files: AttestationFiles, now: Situation): Promise<Attestation> {
  const { svid } = now;
  const renewal = async (shown: ShownSvid): Promise<Attestation> => ({
    kind: 'renewal',
    tokens: {},
    access: { trust: await issuerTrust(files, now), svid: shown },
    spends: null,
  });
  if (svid === null) return attestAnew(files, now);
  if (!now.svidRefused) return renewal(svid);
  // Without another proof that can be used, the SVID is tried again.
  return attestAnew(files, now).catch((error: unknown) => {
    if (!(error instanceof IssuerClientError)) throw error;
    return renewal(svid);
  });
}

async function attestAnew(files: AttestationFiles, now: Situation): Promise<Attestation> {
  const { joinTokenFile, serviceAccountTokenFile } = files;
  if (serviceAccountTokenFile !== null) {
    const serviceAccountToken = await readToken(serviceAccountTokenFile);
    const access = { trust: await issuerTrust(files, now), svid: null };
    return { kind: 'service-account', tokens: { serviceAccountToken }, access, spends: null };
  }
  if (joinTokenFile === null)
    throw noAttestation('there is no SVID that is valid, and no token file is configured');
  const token = await readUnspent(joinTokenFile, now);
  const trust = { ...(await issuerTrust(files, now)), pin: token.pin };
  return {
    kind: 'join-token',
    tokens: { joinToken: token.token },
    access: { trust, svid: null },
    spends: token.fingerprint,
  };
}

async function readUnspent(file: string, { spentToken }: Situation): Promise<JoinToken> {
  const token = await readJoinToken(file);
  if (token.fingerprint !== spentToken) return token;
  throw noAttestation(
    `the join token in \`${file}\` was used, or was refused: it works once, and not for ever`,
  );
}

/** How the issuer is known at any time: by what is kept and by the configured bundle, without a pin. */
export async function issuerTrust(
  { bundleFile }: Pick<AttestationFiles, 'bundleFile'>,
  { trustDomain, kept, nowMs }: Pick<Situation, 'trustDomain' | 'kept' | 'nowMs'>,
): Promise<IssuerTrust> {
  const known = kept === null ? { anchors: [], crls: [] } : trustOf(kept, trustDomain, nowMs);
  const configured = bundleFile === null ? [] : await readAnchors(bundleFile, trustDomain, nowMs);
  return { trustDomain, anchors: [...known.anchors, ...configured], crls: known.crls, pin: null };
}

async function readAnchors(
  file: string,
  trustDomain: TrustDomain,
  nowMs: number,
): Promise<IssuerTrust['anchors']> {
  const findings = new Findings();
  const content = await readLimited(file, findings);
  if (content === null) {
    const [why] = findings.list;
    throw new IssuerClientError('ERR_ISSUER_CLIENT_FILE', why?.message ?? `\`${file}\` cannot be read`, {
      hint: 'it holds the CA certificates of the trust domain, PEM',
    });
  }
  return trustOf({ bundlePem: content.bytes.toString('latin1'), crlPem: '' }, trustDomain, nowMs).anchors;
}

function noAttestation(what: string): IssuerClientError {
  return new IssuerClientError('ERR_ISSUER_CLIENT_NO_ATTESTATION', what, {
    hint: 'make one for this workload with `sallyport certs token` and write it to the join token file',
  });
}
