// What every source does alike: keeps the last good state, tells about changes, and reports a problem once.
import type { Diagnostic } from '../core/errors.ts';
import type { Source } from './source.ts';

/** A source whose subclass finds the states. */
export abstract class SourceBase<State> implements Source<State> {
  readonly #changeListeners = new Set<(state: State) => void>();
  readonly #problemListeners = new Set<(diagnostics: readonly Diagnostic[]) => void>();
  #state: State | null = null;
  #problems: readonly Diagnostic[] = [];

  abstract close(): void;

  current(): State | null {
    return this.#state;
  }

  problems(): readonly Diagnostic[] {
    return this.#problems;
  }

  onChange(listener: (state: State) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onProblem(listener: (diagnostics: readonly Diagnostic[]) => void): () => void {
    this.#problemListeners.add(listener);
    return () => this.#problemListeners.delete(listener);
  }

  /** `state` is the current one from now on. */
  protected publish(state: State): void {
    this.#state = state;
    for (const listener of this.#changeListeners) listener(state);
  }

  /** What the last load found. Listeners hear of it when it is something and something new. */
  protected report(problems: readonly Diagnostic[]): void {
    const before = JSON.stringify(this.#problems);
    this.#problems = problems;
    if (problems.length === 0 || JSON.stringify(problems) === before) return;
    for (const listener of this.#problemListeners) listener(problems);
  }
}
