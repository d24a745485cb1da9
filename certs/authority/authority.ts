// The embedded certificate authority: a self-signed root of a trust domain, intermediates, X509-SVIDs and
// CRLs. For desks, demos, tests and small installations; its keys are in memory and files, not in an HSM.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from '../../core/spiffe-id.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { readPem, writePem } from '../x509/pem.ts';
import {
  authorityKeyIdentifier,
  buildCertificate,
  buildCrl,
  type CertificateSpec,
  crlNumber,
  type ExtensionSpec,
  type Signer,
} from './build-certificate.ts';
import {
  type AuthorityOptions,
  authorityName,
  authorityProfile,
  BACKDATE_MS,
  DEFAULT_TTL_MS,
  type IssueRequest,
  type KeyType,
  keyId,
  leafProfile,
  serialInteger,
} from './certificate-profile.ts';
import { type DerEncoder, loadEncoder } from './encode-der.ts';

export interface IssuedSvid {
  readonly spiffeId: SpiffeId;
  readonly certificateDer: Buffer;
  /** Leaf first, intermediates after it, without the root. */
  readonly chainPem: string;
  readonly chainDer: readonly Buffer[];
  /** Null when the request brought its own public key. */
  readonly privateKeyPem: string | null;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notAfterMs: number;
}

export interface CrlRequest {
  /** Lower-case hex, as in `IssuedSvid.serial`. */
  readonly revokedSerials: readonly string[];
  readonly thisUpdateMs?: number;
  readonly ttlMs?: number;
  readonly number?: number;
  readonly extensions?: readonly ExtensionSpec[];
}

/** Makes the self-signed root of a trust domain. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  parseTrustDomain(options.trustDomain);
  const encoder = await loadEncoder();
  const { publicKey, privateKey } = generateKeyPair(options.keyType);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const subject = authorityName(encoder, options.trustDomain);
  const spec = authorityProfile(encoder, options, {
    spki,
    subject,
    issuer: subject,
    issuerSpki: spki,
    endMs: Infinity,
  });
  const der = buildCertificate(encoder, options.adjust?.(spec, encoder) ?? spec, { key: privateKey });
  return new Authority(encoder, options.trustDomain, der, privateKey, []);
}

/**
 * Opens an authority that was written to files: its certificate, then those above it that SVIDs carry along.
 * @throws ERR_AUTHORITY_FILE
 */
export async function openAuthority(files: {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}): Promise<Authority> {
  const [der, ...chain] = readPem(files.certificatePem).blocks.map((block) => block.der);
  if (der === undefined) throw new SallyportError('ERR_AUTHORITY_FILE', 'the CA file holds no certificate');
  let key: KeyObject;
  let certificate: Certificate;
  try {
    key = createPrivateKey(files.privateKeyPem);
    certificate = parseCertificate(der);
  } catch (cause) {
    throw new SallyportError('ERR_AUTHORITY_FILE', 'the CA certificate or its key cannot be read', { cause });
  }
  if (!createPublicKey(key).export({ format: 'der', type: 'spki' }).equals(certificate.publicKey.spki))
    throw new SallyportError('ERR_AUTHORITY_FILE', 'the CA key does not belong to the CA certificate');
  const uri = certificate.extensions.subjectAltName?.names.uris[0];
  if (uri === undefined)
    throw new SallyportError('ERR_AUTHORITY_FILE', 'the CA certificate has no SPIFFE ID', {
      hint: 'make one with `sallyport certs ca`',
    });
  return new Authority(await loadEncoder(), parseSpiffeId(uri).trustDomain, der, key, chain);
}

/** A CA with its key, able to sign. Made by createAuthority, openAuthority and createIntermediate. */
export class Authority {
  readonly encoder: DerEncoder;
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly signer: Signer;
  /** What an SVID carries besides its leaf: this CA and those above, without the root. */
  readonly #chain: readonly Buffer[];

  constructor(
    encoder: DerEncoder,
    trustDomain: TrustDomain,
    der: Buffer,
    key: KeyObject,
    above: readonly Buffer[],
  ) {
    this.encoder = encoder;
    this.trustDomain = trustDomain;
    this.certificate = parseCertificate(der);
    this.certificatePem = writePem('CERTIFICATE', der);
    this.privateKeyPem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
    this.signer = { key };
    const selfSigned = this.certificate.issuer === this.certificate.subject;
    this.#chain = selfSigned ? [] : [der, ...above];
  }

  /** A CA below this one, by default of the same trust domain and with no CA below itself. */
  async createIntermediate(options: Partial<AuthorityOptions> = {}): Promise<Authority> {
    const trustDomain = parseTrustDomain(options.trustDomain ?? this.trustDomain);
    const { publicKey, privateKey } = generateKeyPair(options.keyType);
    const spec = authorityProfile(
      this.encoder,
      { pathLength: 0, ...options, trustDomain },
      {
        spki: publicKey.export({ format: 'der', type: 'spki' }),
        subject: authorityName(this.encoder, trustDomain),
        issuer: this.#subject(),
        issuerSpki: this.certificate.publicKey.spki,
        endMs: this.certificate.notAfterMs,
      },
    );
    const der = this.sign(options.adjust?.(spec, this.encoder) ?? spec);
    return new Authority(this.encoder, trustDomain, der, privateKey, this.#chain);
  }

  /** Issues an X509-SVID. @throws ERR_SPIFFE_ID, ERR_CERT_REQUEST */
  async issue(request: IssueRequest): Promise<IssuedSvid> {
    const spiffeId = parseSpiffeId(request.spiffeId);
    this.#mayIssue(spiffeId);
    const pair = request.publicKeySpki === undefined ? generateKeyPair(request.keyType) : null;
    const spki = request.publicKeySpki ?? pair?.publicKey.export({ format: 'der', type: 'spki' });
    if (spki === undefined) throw new Error('a request has a key of its own or gets one');
    const spec = leafProfile(this.encoder, request, { spiffeId, spki, issuer: this.certificate });
    const der = this.sign(request.adjust?.(spec, this.encoder) ?? spec);
    const chainDer = [der, ...this.#chain];
    return {
      spiffeId,
      certificateDer: der,
      chainPem: chainDer.map((c) => writePem('CERTIFICATE', c)).join(''),
      chainDer,
      privateKeyPem: pair?.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() ?? null,
      serial: spec.serial.toString('hex'),
      notAfterMs: spec.notAfterMs,
    };
  }

  /** DER of a CRL of this CA. */
  issueCrl(request: CrlRequest): Buffer {
    const thisUpdateMs = request.thisUpdateMs ?? systemClock.now() - BACKDATE_MS;
    const spec = {
      issuer: this.#subject(),
      thisUpdateMs,
      nextUpdateMs: thisUpdateMs + (request.ttlMs ?? DEFAULT_TTL_MS.crl),
      revoked: request.revokedSerials.map((serial) => ({
        serial: serialInteger(serial),
        revokedAtMs: thisUpdateMs,
      })),
      extensions: [
        authorityKeyIdentifier(this.encoder, keyId(this.certificate.publicKey.spki)),
        crlNumber(this.encoder, request.number ?? 1),
        ...(request.extensions ?? []),
      ],
    };
    return buildCrl(this.encoder, spec, this.signer);
  }

  /** Signs a certificate as it is. */
  sign(spec: CertificateSpec): Buffer {
    return buildCertificate(this.encoder, spec, this.signer);
  }

  #subject(): Buffer {
    return Buffer.from(this.certificate.subject, 'latin1');
  }

  #mayIssue(spiffeId: SpiffeId): void {
    if (spiffeId.path === '')
      throw new SallyportError(
        'ERR_CERT_REQUEST',
        `\`${spiffeId.uri}\` names a trust domain, not a workload`,
        {
          hint: 'add a path, for example `/ns/shop/sa/web` (X509-SVID section 3.1)',
        },
      );
    if (spiffeId.trustDomain !== this.trustDomain)
      throw new SallyportError(
        'ERR_CERT_REQUEST',
        `\`${spiffeId.uri}\` is not of this CA's trust domain \`${this.trustDomain}\``,
        { hint: 'verifiers use the bundle of the ID’s own trust domain' },
      );
  }
}

function generateKeyPair(type: KeyType = 'ec'): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}
