// The verdict of `sallyport certs verify`, for people and as JSON.
import { validityAt } from '../certs/inspect.ts';
import { type Certificate, parseCertificate } from '../certs/x509/certificate.ts';
import { DerError } from '../certs/x509/der.ts';
import { distinguishedNameText, printable } from '../certs/x509/names.ts';
import { REASONS } from '../core/reasons.ts';
import { type Branch, row, tree, wrapped } from './certs-show.ts';
import type { Verified } from './certs-verify.ts';
import type { Io } from './io.ts';
import { paint } from './paint.ts';

/** One stable object: `ok`, then what was found or which rule was broken. */
export function verdictJson({ verdict, purpose, nowMs, path, anchor }: Verified): object {
  const asked = { purpose, at: new Date(nowMs).toISOString() };
  if (!verdict.ok) {
    const { reason, message, rule } = verdict;
    return { ok: false, reason, message, rule, hint: REASONS[reason].hint, ...asked };
  }
  const { spiffeId, serial, fingerprintSha256, notAfterMs } = verdict.identity;
  return {
    ok: true,
    spiffeId: spiffeId.uri,
    serial,
    fingerprintSha256,
    notAfter: new Date(notAfterMs).toISOString(),
    ...asked,
    anchor,
    path: path.map((one) => ({
      subject: nameOf(one),
      serial: one.serial,
      notBefore: new Date(one.notBeforeMs).toISOString(),
      notAfter: new Date(one.notAfterMs).toISOString(),
      fingerprintSha256: one.fingerprintSha256,
    })),
  };
}

/** Prints the verdict, the chain as a tree, and what to do. */
export function showVerdict(io: Io, verified: Verified): void {
  const { verdict, purpose, nowMs, path, anchor } = verified;
  if (verdict.ok) {
    const { spiffeId, notAfterMs } = verdict.identity;
    const until = `valid until ${new Date(notAfterMs).toISOString()}`;
    io.out(`${paint(io, 'green', 'ok')}: ${spiffeId.uri}, ${until}\n`);
    const where = anchor === null ? '' : `, certificate ${anchor.certificate} of ${anchor.file}`;
    tree(
      io,
      path.map((one, i) => branch(one, i, i === path.length - 1 ? `anchor${where}` : '', nowMs)),
    );
    if (anchor !== null)
      row(io, 'trusted by', `the bundle of ${anchor.trustDomain}: ${anchor.file}, as a ${purpose}`);
    return;
  }
  const { reason, message, rule } = verdict;
  const [first = '', ...rest] = wrapped(message, 100);
  io.out(`${paint(io, 'red', 'refused')}: ${reason}: ${first}\n`);
  for (const line of rest) io.out(`    ${line}\n`);
  row(io, 'rule', rule);
  row(io, 'what to do', REASONS[reason].hint);
  tree(io, sent(verified));
}

/** What was given, as far as it can be read. */
function sent({ chain, nowMs }: Verified): readonly Branch[] {
  return chain.slice(0, SHOWN_MAX).flatMap((der, i) => {
    try {
      return [branch(parseCertificate(der), i, '', nowMs)];
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return []; // the verdict says which one it is
    }
  });
}

const SHOWN_MAX = 9;

function branch(one: Certificate, index: number, role: string, nowMs: number): Branch {
  const [uri] = one.extensions.subjectAltName?.names.uris ?? [];
  const name = index === 0 && uri !== undefined ? printable(uri) : nameOf(one);
  const fallback = index === 0 ? 'leaf' : one.extensions.basicConstraints?.ca ? 'intermediate' : 'not a CA';
  return { name: name || '(no name)', role: role || fallback, validity: validityAt(one, nowMs) };
}

const nameOf = ({ subject }: Certificate): string => distinguishedNameText(Buffer.from(subject, 'latin1'));
