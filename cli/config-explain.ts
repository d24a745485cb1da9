// `sallyport config explain FILE`: every effective value, and the line or the default that it came from.
import { relative, resolve } from 'node:path';
import { type ConfigValue, explainConfig } from '../core/config/load.ts';
import { oneFile, parseOptions } from './args.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CONFIG_EXPLAIN_USAGE = 'sallyport config explain FILE [--json]';

export const configExplain: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { config: { type: 'string' }, json: { type: 'boolean', default: false } },
    },
    CONFIG_EXPLAIN_USAGE,
  );
  const file = resolve(io.cwd, oneFile(positionals, values.config, CONFIG_EXPLAIN_USAGE));
  const rows = await explainConfig(file);
  io.out(values.json ? `${JSON.stringify(rows)}\n` : table(rows, file, relative(io.cwd, file)));
  return 0;
};

/** Long values push their own origin to the right instead of all. */
const VALUE_COLUMN_MAX = 40;

function table(rows: readonly ConfigValue[], file: string, shown: string): string {
  const cells = rows.map(({ key, value, origin }) => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    origin: origin.startsWith(`${file}:`) ? shown + origin.slice(file.length) : origin,
  }));
  const keyWidth = Math.max(...cells.map((c) => c.key.length));
  const valueWidth = Math.min(VALUE_COLUMN_MAX, Math.max(...cells.map((c) => c.value.length)));
  return cells.map((c) => `${c.key.padEnd(keyWidth)}  ${c.value.padEnd(valueWidth)}  ${c.origin}\n`).join('');
}
