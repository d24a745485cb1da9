// `--limit` of the views that are sorted by count.
import { usage } from '../args.ts';
import { counted } from '../text.ts';

const ROWS_DEFAULT = 20;

/** Rows to print: 20 for people, all for machines, or what was asked for. @throws ERR_USAGE */
export function limitOf({
  limit,
  json,
}: {
  readonly limit?: string | undefined;
  readonly json: boolean;
}): number {
  if (limit === undefined) return json ? Number.POSITIVE_INFINITY : ROWS_DEFAULT;
  const rows = Number(limit);
  if (/^[0-9]{1,9}$/.test(limit) && rows > 0) return rows;
  throw usage(`\`--limit ${limit}\` is no number of rows`, 'write a whole number from 1');
}

/** A last line when rows were left out, else nothing. */
export function moreText(rows: number, limit: number): string {
  return rows > limit ? `and ${counted(rows - limit, 'more row')}; --limit shows them\n` : '';
}
