// What is wrong with the sources of identity: a fault of the own identity and one of a partner's bundle are
// different alarms, and never told as each other.
import type { SvidSource } from '../certs/source.ts';
import type { Diagnostic } from '../core/errors.ts';

/** Calls `refused` whenever something new was refused of the own identity, bundle or CRLs. */
export function followRefusals(svid: SvidSource, refused: () => void): void {
  let known = '[]';
  svid.onChange(() => {
    known = '[]';
  });
  svid.onProblem((problems) => {
    const own = problems.filter(
      ({ severity, trustDomain }) => severity === 'error' && trustDomain === undefined,
    );
    const text = JSON.stringify(own);
    if (own.length > 0 && text !== known) refused();
    known = text;
  });
}

/** What one of the problems of a running proxy is, as the head of its log line. */
export function problemHead({ severity, trustDomain }: Diagnostic): string {
  if (severity !== 'error') return 'identity findings';
  return trustDomain === undefined
    ? 'identity update refused, the last good one stays'
    : 'a bundle of another trust domain cannot be updated, its last good one stays';
}

/** Errors of the sources while the last good state serves: what will hurt once that expires. */
export function identityWarnings(svid: SvidSource | null): string[] {
  const errors = (svid?.problems() ?? []).filter(({ severity }) => severity === 'error');
  return errors.map(({ message, code, trustDomain }) => {
    const whose = trustDomain === undefined ? '' : `\`${trustDomain}\`: `;
    return `identity: ${whose}${message} [${code}]`;
  });
}
