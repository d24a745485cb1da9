// The command line of the report. Exit codes: 0 written, or up to date; 1 with --check: something differs;
// 2 wrong usage, no usable result, or a document without its markers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { htmlReport } from './html.ts';
import { isUpToDate, MarkerError, type Output, outputsOf } from './outputs.ts';
import { ResultFileError, readResult } from './read-result.ts';

const RESULTS = 'docs/benchmarks/results.json';
const USAGE = `usage: node bench/report/main.ts [--check] [--root DIR]
       node bench/report/main.ts [FILE] --html OUT
From ${RESULTS}, writes docs/benchmarks/report.html and cpu.svg beside it, and the sections of
README.md (figures) and docs/benchmarks.md (results) between their markers.
  --check     write nothing; exit 1 and name each file that differs
  --html OUT  only write the report of FILE (or of ${RESULTS}) to OUT
  --root DIR  the checkout whose documents are meant (this one)
  --help`;

class UsageError extends Error {}

interface Options {
  readonly help: boolean;
  readonly check: boolean;
  readonly file: string;
  readonly html: string | null;
  readonly root: string;
}

/** Where lines go. */
export interface Print {
  log(line: string): void;
  error(line: string): void;
}

/** Does what `args` ask for; the exit code. */
export function reportCommand(args: readonly string[], print: Print): number {
  try {
    const { help, check, file, html, root } = optionsOf(args);
    if (help) {
      print.log(USAGE);
      return 0;
    }
    const result = readResult(file);
    if (html !== null) return write([{ path: html, text: htmlReport(result) }], print);
    const outputs = outputsOf(root, result);
    return check ? compare(outputs, print) : write(outputs, print);
  } catch (error) {
    if (error instanceof UsageError) print.error(`${error.message}\n\n${USAGE}`);
    else if (error instanceof ResultFileError || error instanceof MarkerError) print.error(error.message);
    else throw error;
    return 2;
  }
}

function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const root = resolve(values.root ?? join(import.meta.dirname, '../..'));
  const [file, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`one file at a time, not also \`${more.join(' ')}\``);
  if (values.html !== undefined && values.check) throw new UsageError('--check goes without --html');
  if (file !== undefined && values.html === undefined)
    throw new UsageError(
      `\`${file}\` needs --html OUT; the documents are made from ${RESULTS}: copy it there`,
    );
  return {
    help: values.help,
    check: values.check,
    file: file ?? join(root, RESULTS),
    html: values.html ?? null,
    root,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        html: { type: 'string' },
        root: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function compare(outputs: readonly Output[], print: Print): number {
  const different = outputs.filter((output) => !isUpToDate(output));
  for (const { path } of different)
    print.error(`${path} does not follow from ${RESULTS}: run \`node bench/report/main.ts\``);
  return different.length === 0 ? 0 : 1;
}

function write(outputs: readonly Output[], print: Print): number {
  for (const output of outputs) {
    if (isUpToDate(output)) continue;
    mkdirSync(dirname(output.path), { recursive: true });
    writeFileSync(output.path, output.text);
    print.log(`${output.path} written`);
  }
  return 0;
}
