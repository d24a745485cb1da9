// From an answer of the issuer to a set that verified, all or nothing. Pure: no clock, no file, no network.
import type { KeyObject } from 'node:crypto';
import type { Diagnostic } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { Findings } from '../read-files.ts';
import type { IdentityState } from '../source.ts';
import { readPem, writePem } from '../x509/pem.ts';
import { type KeptSet, type VerifiedSet, verifySet } from './kept-set.ts';
import { IssuerClientError } from './problem.ts';
import type { SvidAnswer, TrustAnswer } from './read-answer.ts';
import { renewalTime } from './schedule.ts';

/** What an answer is judged with. */
export interface Receiver {
  readonly trustDomain: TrustDomain;
  /** For diagnostics: `https://issuer:8441`. */
  readonly name: string;
  readonly kept: KeptSet | null;
  /** The state in effect: its ID stays. */
  readonly current: IdentityState | null;
  /** The last set came with foreign bundles that could not be used. */
  readonly refusedSome: boolean;
  readonly nowMs: number;
  /** 0 to 1, for jitter. */
  readonly random: number;
}

/** A new set with what it was verified to be. */
export interface Received {
  readonly set: KeptSet;
  readonly verified: VerifiedSet;
  /** Warnings, and what is wrong with foreign bundles. */
  readonly findings: readonly Diagnostic[];
}

/** The set of a new SVID. @throws ERR_ISSUER_CLIENT_ANSWER, ERR_ISSUER_CLIENT_ID */
export function joinAnswer(
  answer: SvidAnswer,
  own: { readonly key: KeyObject; readonly spentToken: string | null },
  to: Receiver,
): Received {
  const answered = trustPart(answer.trust, to);
  const make = ({ bundlePem, crlPem, federated, sequence }: TrustPart): KeptSet => ({
    svidPem: plainPem(answer.svidPem),
    keyPem: own.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ...{ bundlePem, crlPem, federated, sequence },
    nextRenewalMs: 0,
    spentToken: own.spentToken,
  });
  // What was published meanwhile is not taken back, unless the issuer is another than it was: restored from
  // a copy, it counts from an earlier number.
  const { kept } = to;
  const ahead = kept !== null && kept.sequence > answered.sequence ? judge(make(kept), to, to.nowMs) : null;
  const received = sound(
    ahead !== null && ahead.verified !== null ? ahead : judge(make(answered), to, to.nowMs),
  );
  const { uri } = received.verified.spiffeId;
  if (uri !== answer.spiffeId) throw wrongId(`the certificate is for \`${uri}\`, the answer for another ID`);
  const held = to.current?.spiffeId.uri ?? uri;
  if (uri !== held) throw wrongId(`the answer is for \`${uri}\`, but this workload is \`${held}\``);
  const from = { nowMs: to.nowMs, renewAtMs: answer.renewAtMs };
  const nextRenewalMs = renewalTime(received.verified, from, to.random);
  return { ...received, set: { ...received.set, nextRenewalMs } };
}

/**
 * The current SVID with new trust; null when nothing changed but the sequence.
 * @throws ERR_ISSUER_CLIENT_ANSWER, ERR_ISSUER_CLIENT_ID
 */
export function joinTrust(answer: TrustAnswer, to: Receiver): Received | null {
  const { kept, current } = to;
  const trust = trustPart(answer, to);
  if (kept === null || current === null) return null;
  const set: KeptSet = { ...kept, ...trust };
  const same =
    kept.bundlePem === set.bundlePem &&
    kept.crlPem === set.crlPem &&
    JSON.stringify([...kept.federated]) === JSON.stringify([...set.federated]);
  // What is kept lacks what could not be used: an answer that equals it now ends that fault.
  if (same && !to.refusedSome) return null;
  // An SVID that expired meanwhile must not keep a revocation list from taking effect.
  return sound(judge(set, to, Math.min(to.nowMs, current.notAfterMs - 1)));
}

type TrustPart = Pick<KeptSet, 'bundlePem' | 'crlPem' | 'federated' | 'sequence'>;

function trustPart(answer: TrustAnswer, { trustDomain }: Receiver): TrustPart {
  if (answer.trustDomain !== trustDomain)
    throw wrongId(`the issuer is of trust domain \`${answer.trustDomain}\`, not of \`${trustDomain}\``);
  return {
    bundlePem: plainPem(answer.bundlePem),
    crlPem: plainPem(answer.crlPem),
    federated: new Map([...answer.federated].map(([name, pem]) => [name, plainPem(pem)])),
    sequence: answer.sequence,
  };
}

interface Judged {
  readonly set: KeptSet;
  readonly verified: VerifiedSet | null;
  readonly findings: readonly Diagnostic[];
}

function judge(set: KeptSet, { trustDomain, name, kept, current }: Receiver, nowMs: number): Judged {
  const findings = new Findings();
  const verified = verifySet(set, { trustDomain, name, nowMs, before: current }, findings);
  const federated = new Map(set.federated);
  for (const refused of findings.refused) {
    const lastGood = current?.bundles.has(refused) === true ? kept?.federated.get(refused) : undefined;
    if (lastGood === undefined) federated.delete(refused);
    else federated.set(refused, lastGood);
  }
  return { set: { ...set, federated }, verified, findings: findings.list };
}

/** @throws ERR_ISSUER_CLIENT_ANSWER with every finding */
function sound({ set, verified, findings }: Judged): Received {
  if (verified !== null) return { set, verified, findings };
  throw new IssuerClientError('ERR_ISSUER_CLIENT_ANSWER', 'what the issuer sent does not verify', {
    hint: 'check the clocks of both machines, and the issuer',
    diagnostics: findings,
  });
}

/**
 * Only the blocks, written anew: prose between them would end up in files that others read. What is no PEM
 * stays as it is, to be refused with its fault.
 */
function plainPem(text: string): string {
  const { blocks, fault } = readPem(text);
  if (fault !== null || blocks.length === 0) return text;
  return blocks.map(({ label, der }) => writePem(label, der)).join('');
}

function wrongId(what: string): IssuerClientError {
  return new IssuerClientError('ERR_ISSUER_CLIENT_ID', what, {
    hint: 'the last good SVID stays; is this the right issuer, and the right token?',
  });
}
