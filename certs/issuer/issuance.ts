// One issuance: who is it, may it, sign, remember; all in one transaction with its audit entry, so that a
// crash leaves the SVID, the used token and the entry, or none of them.
import { SallyportError } from '../../core/errors.ts';
import { parseSpiffeId, type SpiffeId } from '../../core/spiffe-id.ts';
import { isDnsName, serviceDnsNames } from '../authority/certificate-profile.ts';
import { ROTATED_GRACE_MS } from '../limits.ts';
import { printable } from '../x509/names.ts';
import { writePem } from '../x509/pem.ts';
import type { AuditFields } from './audit-log.ts';
import type { Attestation, FailedAttestation, IssuanceRequest, Issued, IssuedRow } from './issuer.ts';
import { IssuerError, type IssuerErrorCode } from './issuer-error.ts';
import type { IssuerParts } from './issuer-parts.ts';
import { addressKey, type Limited, RateTable } from './rate-limits.ts';

/** Who the caller is, and what its SVID changes besides. */
interface Attested {
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly tokenHash: Buffer | null;
  /** The serial that it takes the place of. */
  readonly replaces: string | null;
  readonly fields: AuditFields;
}

/** A refusal with what only the audit log is told. */
class Refusal extends Error {
  readonly error: IssuerError;
  readonly why: string;
  readonly spiffeId: string | null;
  /** False for what would repeat itself at every try. */
  readonly audited: boolean;

  constructor(error: IssuerError, why: string, spiffeId: string | null, audited = true) {
    super(why);
    this.error = error;
    this.why = why;
    this.spiffeId = spiffeId;
    this.audited = audited;
  }
}

// Unknown, used, expired and cancelled tokens get the same answer.
const NOT_ACCEPTED = 'the attestation is not accepted';

export class Issuance {
  readonly #parts: IssuerParts;
  readonly #identities: RateTable;
  readonly #failures: RateTable;
  readonly #auditedRefusals: RateTable;

  constructor(parts: IssuerParts) {
    this.#parts = parts;
    this.#identities = new RateTable(parts.settings.limits.identity);
    this.#failures = new RateTable(parts.settings.limits.address);
    this.#auditedRefusals = new RateTable(parts.settings.limits.audit);
  }

  /** See Issuer.issue. */
  issue(request: IssuanceRequest): Issued {
    const { clock, counters, db } = this.#parts;
    const startMs = clock.monotonicMs();
    const { kind } = request.attestation;
    // Who holds a certificate or is this process guesses nothing.
    if (kind === 'join-token' || kind === 'kubernetes') this.checkAddress(request.from);
    let issued: Issued;
    try {
      issued = db.transact(() => this.#transaction(request));
    } catch (error) {
      if (error instanceof Refusal) this.#refused(error, request);
      if (error instanceof IssuerError) counters.refusedWith(error.code);
      throw error instanceof Refusal ? error.error : error;
    }
    counters.issuedBy(kind, clock.monotonicMs() - startMs);
    return issued;
  }

  /** See Issuer.checkAddress. */
  checkAddress(from: string): void {
    const limited = this.#failures.look(addressKey(from), this.#parts.clock.monotonicMs());
    if (limited === null) return;
    this.#parts.counters.refusedWith('ERR_ISSUER_RATE');
    throw rateError('this address has failed too often', limited);
  }

  /** See Issuer.attestationFailed. */
  attestationFailed({ kind, from, code, why }: FailedAttestation): void {
    this.#parts.counters.refusedWith(code);
    this.#failures.take(addressKey(from), this.#parts.clock.monotonicMs());
    this.#auditRefusal({ code, why: printable(why), spiffeId: null, attestation: kind, from });
  }

  #transaction(request: IssuanceRequest): Issued {
    const { authorities, audit, clock, settings, svids, tokens } = this.#parts;
    const nowMs = clock.now();
    const attested = this.#attest(request.attestation, nowMs);
    const { spiffeId, dnsNames } = attested;
    const { csr } = request;
    if (csr.uri !== null && csr.uri !== spiffeId.uri)
      throw refusal(
        'ERR_ISSUER_CSR',
        'the certificate request names another SPIFFE ID',
        'csr-uri',
        spiffeId.uri,
      );
    const limited = this.#identities.take(spiffeId.uri, clock.monotonicMs());
    if (limited !== null)
      throw new Refusal(
        rateError(`too many SVIDs for \`${spiffeId.uri}\``, limited),
        ...(['rate', spiffeId.uri, limited.first] as const),
      );
    const signed = authorities.signSvid({
      spiffeId,
      dnsNames,
      publicKeySpki: csr.publicKey.spki,
      nowMs,
      ttlMs: settings.svidTtlMs,
    });
    const { serial, notBeforeMs, notAfterMs } = signed.certificate;
    const kind = request.attestation.kind;
    const from = printable(request.from);
    svids.insert({
      ...{ serial, spiffeId: spiffeId.uri, caId: signed.ca.id, attestation: kind, dnsNames, from },
      ...{ issuedAtMs: nowMs, notAfterMs },
    });
    if (attested.tokenHash !== null) tokens.use(attested.tokenHash, serial);
    const endsAtMs = nowMs + ROTATED_GRACE_MS;
    const ends = attested.replaces !== null && svids.renewed(attested.replaces, endsAtMs);
    audit.append('issued', nowMs, {
      ...{ serial, spiffeId: spiffeId.uri, attestation: kind, from, caId: signed.ca.id, dnsNames },
      ...{ notAfter: new Date(notAfterMs).toISOString(), key: csr.publicKey.text },
      ...attested.fields,
      ...(attested.replaces !== null && { replaces: attested.replaces, revokesIt: ends }),
    });
    return {
      spiffeId: spiffeId.uri,
      chainDer: [signed.certificateDer],
      chainPem: writePem('CERTIFICATE', signed.certificateDer),
      rootDer: signed.ca.certificate.der,
      ...{ serial, notBeforeMs, notAfterMs },
      renewAtMs: nowMs + (notAfterMs - nowMs) / 2,
    };
  }

  #attest(attestation: Attestation, nowMs: number): Attested {
    if (attestation.kind === 'join-token') return this.#joinToken(attestation.token, nowMs);
    if (attestation.kind === 'renewal') return this.#renewal(attestation, nowMs);
    const { trustDomain } = this.#parts.settings;
    const spiffeId =
      attestation.kind === 'local'
        ? this.#parse(attestation.spiffeId)
        : this.#parse(`spiffe://${trustDomain}/ns/${attestation.namespace}/sa/${attestation.serviceAccount}`);
    if (
      attestation.kind === 'kubernetes' &&
      (spiffeId.namespace !== attestation.namespace || spiffeId.serviceAccount !== attestation.serviceAccount)
    )
      throw refusal('ERR_ISSUER_ATTESTATION', 'a name that is a path', 'id-malformed', spiffeId.uri);
    if (this.#parts.svids.isBlocked(spiffeId.uri))
      throw refusal('ERR_ISSUER_FORBIDDEN', `\`${spiffeId.uri}\` is revoked`, 'blocked', spiffeId.uri);
    if (attestation.kind === 'kubernetes') {
      const dnsNames = kubernetesDnsNames(attestation);
      const pod = attestation.pod === null ? null : printable(attestation.pod);
      return { spiffeId, dnsNames, tokenHash: null, replaces: null, fields: { pod } };
    }
    const replaces = this.#ofSameId(attestation.replaces, spiffeId);
    return {
      spiffeId,
      dnsNames: attestation.dnsNames ?? serviceDnsNames(spiffeId),
      tokenHash: null,
      replaces,
      fields: { detail: printable(attestation.detail) },
    };
  }

  #ofSameId(serial: string | undefined, spiffeId: SpiffeId): string | null {
    const row = serial === undefined ? null : this.#parts.svids.find(serial);
    return row?.spiffeId === spiffeId.uri ? row.serial : null;
  }

  #joinToken(text: string, nowMs: number): Attested {
    const verdict = this.#parts.tokens.judge(text, nowMs);
    if (!verdict.ok)
      throw refusal('ERR_ISSUER_ATTESTATION', NOT_ACCEPTED, `token-${verdict.why}`, verdict.spiffeId);
    const spiffeId = parseSpiffeId(verdict.spiffeId);
    return {
      spiffeId,
      dnsNames: verdict.dnsNames ?? serviceDnsNames(spiffeId),
      tokenHash: verdict.hash,
      replaces: null,
      fields: {},
    };
  }

  #renewal({ spiffeId, serial }: { spiffeId: string; serial: string }, nowMs: number): Attested {
    const row = this.#parts.svids.find(serial);
    const why = row === null ? 'serial-unknown' : renewalFault(row, spiffeId, nowMs);
    if (row === null || why !== null) {
      const message = `the SVID with serial ${printable(serial)} cannot be renewed`;
      throw refusal('ERR_ISSUER_REVOKED', message, why ?? '', printable(spiffeId));
    }
    const { dnsNames } = row;
    return { spiffeId: this.#parse(spiffeId), dnsNames, tokenHash: null, replaces: serial, fields: {} };
  }

  #parse(text: string): SpiffeId {
    const { trustDomain } = this.#parts.settings;
    let spiffeId: SpiffeId;
    try {
      spiffeId = parseSpiffeId(text);
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      throw refusal('ERR_ISSUER_ATTESTATION', error.message, 'id-malformed', printable(text));
    }
    if (spiffeId.trustDomain !== trustDomain || spiffeId.path === '')
      throw refusal(
        'ERR_ISSUER_FORBIDDEN',
        `\`${text}\` is no workload of \`${trustDomain}\``,
        'id-foreign',
        text,
      );
    return spiffeId;
  }

  /** Counts a refusal, and writes it down while the log has room for such. */
  #refused(refusal: Refusal, request: IssuanceRequest): void {
    const { clock, counters } = this.#parts;
    const { error, why, spiffeId, audited } = refusal;
    const { from } = request;
    counters.refusedWith(error.code);
    if (error.code !== 'ERR_ISSUER_RATE') this.#failures.take(addressKey(from), clock.monotonicMs());
    if (!audited) counters.refusalsNotAudited++;
    else this.#auditRefusal({ code: error.code, why, spiffeId, attestation: request.attestation.kind, from });
  }

  #auditRefusal(fields: AuditFields & { readonly from: string }): void {
    const { audit, clock, counters, db } = this.#parts;
    if (this.#auditedRefusals.take('', clock.monotonicMs()) !== null) {
      counters.refusalsNotAudited++;
      return;
    }
    db.transact(() => audit.append('refused', clock.now(), { ...fields, from: printable(fields.from) }));
  }
}

/**
 * INVARIANT: below the own namespace. An operator chooses the other IDs; the name of a service account is
 * chosen by who may make one in its namespace, and may be `www.bank.example`, `web.shop.svc`, or that of a
 * service which others call by its short name.
 */
function kubernetesDnsNames(account: { readonly namespace: string; readonly serviceAccount: string }) {
  const inNamespace = `${account.serviceAccount}.${account.namespace}`;
  const names = [`${inNamespace}.svc`];
  // `web.shop.svc` is also what `web.shop` in a namespace `svc` would be called.
  if (!account.serviceAccount.includes('.')) names.unshift(inNamespace);
  return names.filter(isDnsName);
}

function renewalFault(row: IssuedRow, spiffeId: string, nowMs: number): string | null {
  if (row.spiffeId !== spiffeId) return 'serial-of-another';
  if (row.revoked !== null) return 'serial-revoked';
  if (row.notAfterMs <= nowMs) return 'serial-expired';
  // Who got it from a socket asks the socket again: it may not be there any more.
  return row.attestation === 'local' ? 'serial-local' : null;
}

function refusal(code: IssuerErrorCode, message: string, why: string, spiffeId: string | null): Refusal {
  return new Refusal(new IssuerError(code, message), why, spiffeId);
}

function rateError(message: string, { retryAfterMs }: NonNullable<Limited>): IssuerError {
  return new IssuerError('ERR_ISSUER_RATE', message, { retryAfterMs });
}
