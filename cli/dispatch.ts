// Finds the verb, loads its file, runs it, and turns what goes wrong into text and an exit code.
import { didYouMean, formatDiagnostic, SallyportError } from '../core/errors.ts';
import { usage } from './args.ts';
import { overview, verbHelp } from './help.ts';
import type { Io } from './io.ts';
import { VERBS, type VerbEntry } from './verbs.ts';
import { packageVersion } from './version.ts';

const WRONG_USAGE = 2;

/** Runs `sallyport ARGS` and resolves to the exit code. Never rejects. */
export async function dispatch(args: readonly string[], io: Io): Promise<number> {
  try {
    return await run(args, io);
  } catch (error) {
    io.err(describeError(error));
    return WRONG_USAGE;
  }
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const [first] = args;
  if (first === '--version' || first === '-v') {
    io.out(`${packageVersion()}\n`);
    return 0;
  }
  const asked = first === 'help' ? [...args.slice(1), '--help'] : args;
  const options = asked.includes('--') ? asked.slice(0, asked.indexOf('--')) : asked;
  const help = options.includes('--help') || options.includes('-h');
  const words = help ? asked.filter((arg) => arg !== '--help' && arg !== '-h') : asked;
  const entry = findVerb(words);
  if (entry === undefined) return noVerb(words, help, io);
  const { verb, usage: line, moreHelp } = await entry.load();
  if (help) {
    io.out(verbHelp(entry, line));
    if (moreHelp !== undefined) io.out(`\n${await moreHelp()}`);
    return 0;
  }
  return verb(words.slice(entry.name.split(' ').length), io);
}

function findVerb(words: readonly string[]): VerbEntry | undefined {
  const [first, second] = words;
  return VERBS.find(({ name }) => name === first || name === `${first} ${second}`);
}

/** No verb, half a verb, or one that nobody knows. */
function noVerb(words: readonly string[], help: boolean, io: Io): number {
  const [first, second] = words;
  const groups = new Set(VERBS.map(({ name }) => name.split(' ')[0] ?? ''));
  const known = first !== undefined && groups.has(first);
  if (first === undefined || (known && second === undefined)) {
    (help ? io.out : io.err)(overview(VERBS, first));
    return help ? 0 : WRONG_USAGE;
  }
  const typed = known ? `${first} ${second}` : first;
  const names = known ? VERBS.map(({ name }) => name).filter((n) => n.startsWith(`${first} `)) : groups;
  const near = didYouMean(typed, names);
  throw usage(
    first.startsWith('-') ? `unknown option \`${first}\`` : `unknown verb \`${typed}\``,
    near === undefined ? '`sallyport --help` lists the verbs' : `did you mean \`sallyport ${near}\`?`,
  );
}

/** An error as it is shown: findings, the message and what to do about it. */
export function describeError(error: unknown): string {
  if (error instanceof SallyportError) {
    const found = error.diagnostics.map((d) => `${formatDiagnostic(d)}\n`).join('');
    const hint = error.hint === undefined ? '' : `    hint: ${error.hint}\n`;
    return `${found}sallyport: ${error.message} [${error.code}]\n${hint}`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `sallyport: this is a defect, please report it\n${stack}\n`;
}
