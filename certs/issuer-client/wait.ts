// Waiting that can be ended, and what it means when it was.
import type { Clock } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { IssuerClientError } from './problem.ts';

/** Resolves after `ms`, at least 1, or when `signal` says so. */
export function sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.after(Math.max(1, ms), wake);
    signal.addEventListener('abort', wake);
    if (signal.aborted) wake();
  });
}

/** What the wait for the first SVID ends with. */
export function waitEnded(problems: readonly Diagnostic[]): IssuerClientError {
  const [first] = problems.filter(({ severity }) => severity === 'error');
  const why = first === undefined ? 'the issuer has not answered yet' : first.message;
  return new IssuerClientError('ERR_ISSUER_CLIENT_WAIT', `no SVID in time: ${why}`, {
    hint: first?.hint ?? 'is the issuer running?',
    diagnostics: problems,
  });
}
