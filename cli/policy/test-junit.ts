// The report of `policy test` as JUnit XML, in the form that GitHub's and GitLab's readers share: suites by
// file, cases with file and line, failures with their text.
import { writeFile } from 'node:fs/promises';
import { errorCode, type Position, SallyportError } from '../../core/errors.ts';
import { printable } from '../text.ts';
import type { FileResult, TestReport } from './test-run.ts';
import { caseDetails, invariantDetails, type Places, placesOf } from './test-text.ts';

/** Writes the report. @throws ERR_JUNIT_FILE */
export async function writeJunit(file: string, report: TestReport): Promise<void> {
  try {
    await writeFile(file, junitText(report));
  } catch (cause) {
    throw new SallyportError('ERR_JUNIT_FILE', `\`${file}\` cannot be written: ${errorCode(cause)}`, {
      hint: 'name a file in a folder that exists',
      cause,
    });
  }
}

/** One test of the XML. */
interface Entry {
  readonly name: string;
  readonly at: Position;
  readonly details: readonly (readonly [string, string])[];
}

/** The document. */
export function junitText(report: TestReport): string {
  const places = placesOf(report);
  const suites = report.files.map((file) => ({ file: file.file, entries: entriesOf(file, places) }));
  const all = suites.flatMap(({ entries }) => entries);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport policy test" ${counts(all)}>`,
    ...suites.flatMap(({ file, entries }) => [
      `  <testsuite name="${escaped(file)}" ${counts(entries)}>`,
      ...entries.flatMap((entry) => entryLines(file, entry)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function entriesOf({ cases, invariants }: FileResult, places: Places): Entry[] {
  return [
    ...cases.map((one) => ({
      ...one.of,
      details: one.problems.length === 0 ? [] : caseDetails(one, places),
    })),
    ...invariants.map((one) => ({ ...one.of, details: invariantDetails(one, places) })),
  ];
}

const counts = (entries: readonly Entry[]): string =>
  `tests="${entries.length}" failures="${entries.filter(({ details }) => details.length > 0).length}" errors="0"`;

function entryLines(file: string, { name, at, details }: Entry): string[] {
  const place = `file="${escaped(at.file)}" line="${at.line ?? 1}"`;
  const head = `    <testcase classname="${escaped(file)}" name="${escaped(name)}" ${place}`;
  if (details.length === 0) return [`${head}/>`];
  const text = [`${at.file}:${at.line ?? 1}`, ...details.map(([label, one]) => `${label} ${one}`.trim())];
  return [
    `${head}>`,
    `      <failure message="${escaped(details[0]?.[1] ?? '')}" type="failure">${text.map(escaped).join('\n')}</failure>`,
    '    </testcase>',
  ];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** For text and attributes alike. What XML cannot hold, controls and lone surrogates, is escaped before. */
function escaped(text: string): string {
  let out = '';
  for (const c of printable(text)) out += ENTITIES[c] ?? c;
  return out;
}
