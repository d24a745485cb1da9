// Waiting that can be ended: for a moment, and for the first state of a source.
import type { Clock } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import type { Source } from '../source.ts';
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

/** Resolves with the next state of `source`. @throws ERR_ISSUER_CLIENT_WAIT when `signal` ends the wait */
export function firstState<State>(
  source: Source<State>,
  wait: {
    readonly signal: AbortSignal | undefined;
    readonly onWaiting: ((problems: readonly Diagnostic[]) => void) | undefined;
  },
): Promise<void> {
  const { signal, onWaiting } = wait;
  return new Promise((resolve, reject) => {
    const stopTelling = source.onProblem((problems) => onWaiting?.(problems));
    const stopWaiting = source.onChange(() => end(null));
    const end = (error: Error | null): void => {
      stopTelling();
      stopWaiting();
      signal?.removeEventListener('abort', abort);
      if (error === null) resolve();
      else reject(error);
    };
    const abort = (): void => end(waitEnded(source.problems()));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
  });
}

function waitEnded(problems: readonly Diagnostic[]): IssuerClientError {
  const [first] = problems.filter(({ severity }) => severity === 'error');
  const why = first === undefined ? 'the issuer has not answered yet' : first.message;
  return new IssuerClientError('ERR_ISSUER_CLIENT_WAIT', `no SVID in time: ${why}`, {
    hint: first?.hint ?? 'is the issuer running?',
    diagnostics: problems,
  });
}
