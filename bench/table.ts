// An aligned text table: the first column to the left, figures to the right.

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Lines of equal columns, two spaces apart. */
export function formatTable(table: Table): string {
  const widths = table.columns.map((name, i) =>
    Math.max(name.length, ...table.rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, i) => (i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  return [table.title, line(table.columns), ...table.rows.map(line)].join('\n');
}
