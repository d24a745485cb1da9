// What `--help` prints: all verbs, the verbs of a group, or one verb with its options.
import type { VerbEntry } from './verbs.ts';

const EXIT_CODES = 'Exit codes: 0 done, 1 findings or a negative result, 2 wrong usage or configuration.';

/** `sallyport --help`, or `sallyport policy --help` when `group` is given. */
export function overview(verbs: readonly VerbEntry[], group?: string): string {
  const shown = group === undefined ? verbs : verbs.filter((v) => v.name.startsWith(`${group} `));
  const title = 'sallyport: a proxy that knows the caller and decides each request by AuthorizationPolicy';
  return [
    ...(group === undefined ? [title, ''] : []),
    `Usage: sallyport ${group ?? 'VERB'}${group === undefined ? '' : ' VERB'} …`,
    '',
    ...columns(shown.map((v) => [`sallyport ${v.name}`, v.summary])),
    '',
    `\`sallyport VERB --help\` tells more, \`sallyport --version\` the version.`,
    EXIT_CODES,
    '',
  ].join('\n');
}

/** `sallyport policy check --help`. */
export function verbHelp({ summary, options, examples }: VerbEntry, usage: string): string {
  return [
    `Usage: ${usage}`,
    '',
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    '',
    ...columns(options),
    '',
    `Example${examples.length === 1 ? '' : 's'}:`,
    ...examples.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
