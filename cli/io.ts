// What a verb gets from the outside, so that a test can hand it something else.

/** Where a verb prints, and how. */
export interface Io {
  /** Standard output, for results. No newline is added. */
  out(text: string): void;
  /** Standard error, for findings and progress. No newline is added. */
  err(text: string): void;
  /** True when colour may be used on standard output: a terminal, and NO_COLOR is not set. */
  readonly color: boolean;
  readonly isTty: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * One verb of the command line: parses its own arguments and resolves to the exit code.
 * 0 done, 1 findings or a negative result, 2 wrong usage or configuration (so a thrown SallyportError).
 */
export type Verb = (args: readonly string[], io: Io) => Promise<number>;
