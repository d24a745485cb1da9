// A source that says what the test wants.
import { SourceBase } from '../../../certs/source-base.ts';
import type { Diagnostic } from '../../../core/errors.ts';

export class ToldSource<State> extends SourceBase<State> {
  closed = false;

  tell(state: State): this {
    this.publish(state);
    return this;
  }

  refuse(code: string): this {
    this.report([{ severity: 'error', code, message: 'no' }]);
    return this;
  }

  complain(...problems: readonly Diagnostic[]): this {
    this.report(problems);
    return this;
  }

  close(): void {
    this.closed = true;
  }
}
