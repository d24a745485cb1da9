// What reaches a running proxy from outside: signals and edits of its configuration file. Both are caught
// from the first moment on and handed over once there is somebody to act on them.
import { type FileWatch, watchPaths } from '../core/file-watch.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** SIGTERM and SIGINT. A signal during the start ends the process at once: nothing is served yet. */
export class StopSignals {
  #act: (signal: string) => void = () => process.exit(0);
  readonly #listener = (signal: string): void => this.#act(signal);

  constructor() {
    // Without a listener the first process of a container does not even see SIGTERM.
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  /** From now on every signal calls `stop`; resolves when the first call does. */
  untilStopped(stop: (signal: string) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#act = (signal) => void stop(signal).then(resolve, reject);
    });
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}

/** Edits of one file since the object was made. */
export class FileEdits {
  readonly #watch: FileWatch;
  #edited = false;
  #act: (() => void) | null = null;

  constructor(file: string) {
    this.#watch = watchPaths([file], () => {
      this.#edited = true;
      this.#act?.();
    });
  }

  /** From now on every edit calls `act`; at once if there was one already. */
  follow(act: () => void): void {
    this.#act = act;
    if (this.#edited) act();
  }

  close(): void {
    this.#watch.close();
  }
}
