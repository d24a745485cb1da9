// The wait for the first state of a source, which may take as long as whoever has it likes.
import type { Diagnostic } from '../core/errors.ts';
import type { Source } from './source.ts';

/** Who waits. */
export interface FirstWait {
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
  /** Called with each new reason for which there is no state yet. */
  readonly onWaiting: ((problems: readonly Diagnostic[]) => void) | undefined;
  /** What the wait rejects with when `signal` ended it; `problems`: of that moment. */
  readonly ended: (problems: readonly Diagnostic[]) => Error;
}

/** Resolves with the next state of `source`. @throws `ended` */
export function firstState<State>(
  source: Source<State>,
  { signal, onWaiting, ended }: FirstWait,
): Promise<void> {
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
    const abort = (): void => end(ended(source.problems()));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
  });
}
