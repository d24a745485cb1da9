// A source that says what the test wants.
import { SourceBase } from '../../../certs/source-base.ts';

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

  close(): void {
    this.closed = true;
  }
}
