// Errors and diagnostics: what the command line, the loaders and the log say about bad input.
// Messages: lower case, no final period, user input in backticks, what happened, then the hint.

/** A place in a file. `line` and `column` count from 1. */
export interface Position {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** One finding about some input. `error` refuses the input, `warning` is a lint finding, `notice` informs. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'notice';
  /** `ERR_AREA_WHAT` or `LINT_WHAT`; stable, matched on by tests, metrics and users. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly at?: Position;
  /** Another place that this is about: the other one of two rules. */
  readonly related?: Position;
  /** The foreign trust domain that this is about, when nothing of the own one is concerned. */
  readonly trustDomain?: string;
  /** The offending source line, for display. */
  readonly text?: string;
}

/** An error with a stable code; `diagnostics` carries every finding when there are several. */
export class SallyportError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    code: string,
    message: string,
    options: { hint?: string; diagnostics?: readonly Diagnostic[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SallyportError';
    this.code = code;
    this.hint = options.hint;
    this.diagnostics = options.diagnostics ?? [];
  }
}

/** The code of an error of Node's or ours, e.g. `ENOENT`; its text where it has none. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/** `error` itself, or what was thrown instead of one. */
export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** `file:line:column: severity: message [CODE]`, then the source line and the hint, indented. */
export function formatDiagnostic(d: Diagnostic): string {
  const place = d.at
    ? `${d.at.file}${d.at.line === undefined ? '' : `:${d.at.line}:${d.at.column ?? 1}`}: `
    : '';
  const head = `${place}${d.severity}: ${d.message} [${d.code}]`;
  const text = d.text === undefined ? '' : `\n    ${d.text.trim()}`;
  const hint = d.hint === undefined ? '' : `\n    hint: ${d.hint}`;
  return head + text + hint;
}

/** The nearest of `names` to `input` by edit distance, or undefined when none is near. */
export function didYouMean(input: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(input.length / 3)) + 1;
  for (const name of names) {
    const d = editDistance(input.toLowerCase(), name.toLowerCase());
    if (d < bestDistance) {
      best = name;
      bestDistance = d;
    }
  }
  return best;
}

/** Optimal string alignment: inserted, lost, changed and swapped neighbouring characters each cost 1. */
function editDistance(a: string, b: string): number {
  let [beforePrevious, previous] = [[] as number[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (beforePrevious[j - 2] ?? 0) + 1 : change;
      row.push(Math.min(change, swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    [beforePrevious, previous] = [previous, row];
  }
  return previous[b.length] ?? 0;
}
