// Certificate revocation lists (RFC 5280 section 5): complete, direct, version 2 lists. Delta, indirect and
// partitioned lists announce themselves with critical extensions and are refused when the file is read.

import { CRL_ENTRIES_MAX } from '../limits.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { readSignatureAlgorithm } from './algorithms.ts';
import { readSerial } from './certificate.ts';
import { DerError, DerReader, TAG } from './der.ts';
import { EXTENSION, readAuthorityKeyId, readExtensionList } from './extensions.ts';

/**
 * A parsed CRL. Its signature is checked by the verifier, against the CA that issued the certificate in
 * question.
 */
export interface Crl {
  /** DER of the issuer's name as latin1 text. */
  readonly issuer: string;
  readonly authorityKeyId: string | null;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Serial numbers as lower-case hex, as in `Certificate.serial`. */
  readonly revoked: ReadonlySet<string>;
  readonly tbs: Buffer;
  readonly signature: Buffer;
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const DELTA_CRL_INDICATOR = '2.5.29.27';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';

/** Parses one CRL. @throws DerError */
export function parseCrl(der: Buffer): Crl {
  const file = new DerReader(der);
  const list = file.enter(TAG.sequence);
  file.finish();
  const tbs = list.raw(TAG.sequence);
  const outerAlgorithm = list.raw(TAG.sequence);
  const signature = list.octetAlignedBits();
  list.finish();

  const fields = new DerReader(tbs).enter(TAG.sequence);
  if (fields.smallInteger() !== 1) throw new DerError('a CRL of unknown version');
  const innerAlgorithm = fields.raw(TAG.sequence);
  if (!innerAlgorithm.equals(outerAlgorithm)) throw new DerError('the two signature algorithms differ');
  const { oid, algorithm } = readSignatureAlgorithm(new DerReader(innerAlgorithm));
  if (algorithm === null) throw new DerError(`a CRL signed with algorithm ${oid}, which is not accepted`);
  const issuer = fields.raw(TAG.sequence).toString('latin1');
  const thisUpdateMs = fields.time();
  // RFC 5280 section 5.1.2.5: conforming issuers include nextUpdate; without it staleness cannot be seen
  if (fields.peek() !== TAG.utcTime && fields.peek() !== TAG.generalizedTime)
    throw new DerError('a CRL without nextUpdate');
  const nextUpdateMs = fields.time();
  const revoked =
    fields.peek() === TAG.sequence ? readRevoked(fields.enter(TAG.sequence)) : new Set<string>();
  const authorityKeyId = fields.peek() === 0xa0 ? readCrlExtensions(fields.enter(0xa0)) : null;
  fields.finish();
  return {
    issuer,
    authorityKeyId,
    thisUpdateMs,
    nextUpdateMs,
    revoked,
    tbs,
    signature,
    signatureAlgorithm: algorithm,
  };
}

/** The issuer, as in `Crl`, of a list that `parseCrl` may refuse. @throws DerError */
export function readCrlIssuer(der: Buffer): string {
  const fields = new DerReader(der).enter(TAG.sequence).enter(TAG.sequence);
  if (fields.peek() === TAG.integer) fields.integer(); // absent in version 1
  fields.raw(TAG.sequence);
  return fields.raw(TAG.sequence).toString('latin1');
}

function readRevoked(list: DerReader): ReadonlySet<string> {
  const revoked = new Set<string>();
  let count = 0;
  while (list.peek() >= 0) {
    if (++count > CRL_ENTRIES_MAX) throw new DerError(`a CRL with more than ${CRL_ENTRIES_MAX} entries`);
    const entry = list.enter(TAG.sequence);
    revoked.add(readSerial(entry.integer()));
    entry.time();
    if (entry.peek() === TAG.sequence) {
      // certificateIssuer, the mark of an indirect CRL, is critical (section 5.3.3)
      for (const { oid, critical } of readExtensionList(entry))
        if (critical) throw new DerError(`a CRL entry with critical extension ${oid}, which is not known`);
    }
    entry.finish();
  }
  return revoked;
}

function readCrlExtensions(reader: DerReader): string | null {
  let authorityKeyId: string | null = null;
  for (const { oid, critical, value } of readExtensionList(reader)) {
    if (oid === EXTENSION.authorityKeyIdentifier) authorityKeyId = readAuthorityKeyId(value);
    // These are critical (sections 5.2.4 and 5.2.5). Where they are not, the list is still a part of one.
    else if (oid === DELTA_CRL_INDICATOR || oid === ISSUING_DISTRIBUTION_POINT)
      throw new DerError(`a delta, indirect or partitioned CRL (extension ${oid})`);
    else if (critical) throw new DerError(`a CRL with critical extension ${oid}, which is not known`);
  }
  return authorityKeyId;
}
