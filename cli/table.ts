// Columns for people: aligned, coloured where there is a terminal.

import type { Io } from './io.ts';
import { paint } from './paint.ts';
import { printable } from './text.ts';

/** One cell. Its text may be raw: it is made printable here. */
export interface Cell {
  readonly text: string;
  readonly style?: 'bold' | 'dim' | 'red' | 'green' | 'yellow';
}

/** A column: its title, and which way it is aligned. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** The longest text that widens a column; a longer one stands out of it. */
const WIDTH_MAX = 60;

/** The table as lines, each with a newline. */
export function table(io: Io, columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const head = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }));
  const texts = [head, ...rows].map((row) =>
    row.map(({ text, style }) => ({ text: printable(text), style })),
  );
  const widths = columns.map((_, i) =>
    texts.reduce((width, row) => Math.max(width, Math.min(WIDTH_MAX, row[i]?.text.length ?? 0)), 0),
  );
  const line = (row: readonly { text: string; style: Cell['style'] }[]): string =>
    columns
      .map(({ align }, i) => {
        const { text, style } = row[i] ?? { text: '', style: undefined };
        const gap = ' '.repeat(Math.max(0, (widths[i] ?? 0) - text.length));
        const painted = style === undefined ? text : paint(io, style, text);
        return align === 'right' ? gap + painted : painted + gap;
      })
      .join('  ')
      .trimEnd();
  return texts.map((row) => `${line(row)}\n`).join('');
}
