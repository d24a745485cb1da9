// One finding for people: `file:line:column: severity: message [CODE]`, its line and what to do.
import { type Diagnostic, formatDiagnostic } from '../../core/errors.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { visible } from '../text.ts';

const COLOURS = { error: 'red', warning: 'yellow', notice: 'dim' } as const;

/** With a newline. Whatever stands in a policy file can do nothing to the terminal. */
export function findingText(io: Io, finding: Diagnostic): string {
  const { message, hint, text, at, severity } = finding;
  const harmless: Diagnostic = {
    ...finding,
    message: visible(message),
    ...(hint === undefined ? {} : { hint: visible(hint) }),
    ...(text === undefined ? {} : { text: visible(text) }),
    ...(at === undefined ? {} : { at: { ...at, file: visible(at.file) } }),
  };
  const plain = formatDiagnostic(harmless);
  const mark = ` ${severity}: `;
  const place = plain.indexOf(mark);
  if (!io.color || place < 0) return `${plain}\n`;
  const painted = paint(io, COLOURS[severity], `${severity}:`);
  return `${plain.slice(0, place)} ${painted} ${plain.slice(place + mark.length)}\n`;
}
