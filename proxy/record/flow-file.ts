// Appends flow records to `flows.file`, one JSON object a line. Rotation by rename is respected: a file that
// is no longer at its path is left and a new one begun. An error costs records and is counted; it is never
// thrown.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
const MODE = 0o640;

/** One file of flow records. */
export class FlowFile {
  readonly #path: string;
  readonly #problem: (error: unknown) => void;
  #handle: FileHandle | null = null;
  /** A write ended inside a line: the next one begins with a newline. */
  #torn = false;
  #failing = false;
  #errors = 0;

  /** `problem` is told of the first error of a row of errors. */
  constructor(path: string, problem: (error: unknown) => void) {
    this.#path = path;
    this.#problem = problem;
  }

  /** Writes that failed. */
  get errors(): number {
    return this.#errors;
  }

  /** Appends lines; resolves when they are written or lost. */
  async append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${lines.join('\n')}\n`, 'utf8');
    let written = 0;
    try {
      const handle = await this.#open();
      while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten;
      this.#torn = false;
      this.#failing = false;
    } catch (error) {
      this.#errors++;
      if (written > 0) this.#torn = bytes[written - 1] !== 0x0a;
      if (!this.#failing) this.#problem(error);
      this.#failing = true;
      await this.close();
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    // Nothing is left to do about a descriptor that does not close; a disk that is full says so here once
    // more.
    await handle?.close().catch(() => undefined);
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle !== null) {
      const [own, there] = await Promise.all([this.#handle.stat(), stat(this.#path).catch(() => null)]);
      if (there !== null && there.ino === own.ino && there.dev === own.dev) return this.#handle;
      await this.close();
      this.#torn = false;
    }
    this.#handle = await open(this.#path, FLAGS, MODE);
    return this.#handle;
  }
}
