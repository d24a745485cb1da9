// Colour and weight for terminals, or nothing where they are not wanted.
import type { Io } from './io.ts';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** `text` in a style of the terminal that `io` writes to. */
export function paint(io: Io, style: keyof typeof CODES, text: string): string {
  return io.color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}
