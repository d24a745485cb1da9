// How verbs read their arguments: strictly, and with a word about what was meant.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { didYouMean, SallyportError } from '../core/errors.ts';
import { parseSpiffeId, type SpiffeId } from '../core/spiffe-id.ts';

/** An error of usage: exit code 2. */
export function usage(message: string, hint: string): SallyportError {
  return new SallyportError('ERR_USAGE', message, { hint });
}

/** `parseArgs`, strict, with its faults as usage errors; `line` is the verb's usage. @throws ERR_USAGE */
export function parseOptions<T extends ParseArgsConfig>(
  config: T,
  line: string,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /^Unknown option '--?([^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw usage(lowerFirst(error.message), line);
    const near = didYouMean(unknown, Object.keys(config.options ?? {}));
    throw usage(`unknown option \`--${unknown}\``, near === undefined ? line : `did you mean \`--${near}\`?`);
  }
}

/** The value of an option that knows only a few. @throws ERR_USAGE */
export function oneOf<T extends string>(known: readonly T[], given: string, option: string): T {
  const found = known.find((one) => one === given);
  if (found === undefined) throw usage(`\`${option} ${given}\` is not known`, `known: ${known.join(', ')}`);
  return found;
}

/** The one file that a verb works on: a positional argument or `--config`. @throws ERR_USAGE */
export function oneFile(positionals: readonly string[], option: string | undefined, line: string): string {
  const files = option === undefined ? positionals : [option, ...positionals];
  const [file] = files;
  if (file === undefined) throw usage('no file is named', line);
  if (files.length > 1) throw usage(`one file is expected, not ${files.length}`, line);
  return file;
}

/** The one SPIFFE ID that a verb is about. @throws ERR_USAGE, ERR_SPIFFE_ID */
export function oneSpiffeId(positionals: readonly string[], line: string): SpiffeId {
  const [id, ...extra] = positionals;
  if (id === undefined || extra.length > 0) throw usage('exactly one SPIFFE ID is needed', line);
  return parseSpiffeId(id);
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** RFC 3339 with an offset, as Unix milliseconds. @throws ERR_USAGE */
export function parseTime(option: string, text: string): number {
  const ms = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) || Number.isNaN(ms))
    throw usage(`\`${option} ${text}\` is not a time`, 'RFC 3339, for example `2026-01-01T00:00:00Z`');
  return ms;
}
