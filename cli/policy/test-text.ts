// What `policy test` prints: failures with all that helps to mend them, then the sums.
import type { Proof } from '../../policy/algebra/invariants.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { counted, jsonText, printable } from '../text.ts';
import { exampleText } from './example.ts';
import { coverageJson, coverageText } from './test-coverage.ts';
import type { CaseResult, FileResult, InvariantResult, TestReport } from './test-run.ts';

/** The report for people. */
export function reportText(io: Io, report: TestReport): string {
  const places = placesOf(report);
  const failures = report.files.flatMap(({ cases, invariants }) => [
    ...cases.filter(isFailure).map((one) => caseText(io, one, places)),
    ...invariants
      .filter(({ proof }) => proof.verdict !== 'holds')
      .map((one) => invariantText(io, one, places)),
  ]);
  const files = report.files.map((one) => fileLine(io, one));
  const parts = [...failures, files.join(''), coverageText(io, report)];
  return parts.filter((part) => part !== '').join('\n');
}

export const isFailure = ({ problems }: CaseResult): boolean => problems.length > 0;

/** `file:line` by rule. */
export type Places = ReadonlyMap<string, string>;

export const placesOf = ({ input }: TestReport): Places =>
  new Map(
    input.parsed.policies.flatMap(({ rules }) =>
      rules.map(({ id, at }) => [id, `${at.file}:${at.line ?? 1}`] as const),
    ),
  );

/** What went wrong with a case, one thing a line: label and text. */
export function caseDetails({ problems, answer, explain }: CaseResult, places: Places): [string, string][] {
  const named = (rule: string): string => `${rule}  ${places.get(rule) ?? ''}`.trimEnd();
  return [
    ...problems.map((text): [string, string] => ['', text]),
    ['reason', answer.reason],
    ...answer.rules.map((rule): [string, string] => ['rule', named(rule)]),
    ...answer.near.flatMap(({ rule, field, want, got }): [string, string][] => [
      ['nearest', named(rule)],
      ['', `  ${field}  want ${want.join(' | ')}  got ${got ?? 'nothing'}`],
    ]),
    ...(explain === null ? [] : [['explain', explain] satisfies [string, string]]),
  ];
}

/** The same of an invariant. */
export function invariantDetails({ proof, explain }: InvariantResult, places: Places): [string, string][] {
  if (proof.verdict === 'holds') return [];
  const rule = ruleText(proof, places);
  if (proof.verdict === 'undecided')
    return [
      ['', 'undecided, which counts as failed'],
      ['rule', rule],
      ['why', proof.why],
    ];
  return [
    ['', 'refuted by'],
    ['', `  ${exampleText(proof.example)}`],
    ['rule', rule],
    ...(explain === null ? [] : [['explain', explain] satisfies [string, string]]),
  ];
}

function ruleText({ rule }: Exclude<Proof, { verdict: 'holds' }>, places: Places): string {
  return rule === null ? 'none: the default decides' : `${rule}  ${places.get(rule) ?? ''}`.trimEnd();
}

const LABEL_WIDTH = 10;

function caseText(io: Io, one: CaseResult, places: Places): string {
  const { at, name } = one.of;
  return failureText(io, `${name}  ${at.file}:${at.line ?? 1}`, caseDetails(one, places));
}

function invariantText(io: Io, one: InvariantResult, places: Places): string {
  const { at, name } = one.of;
  return failureText(io, `invariant ${name}  ${at.file}:${at.line ?? 1}`, invariantDetails(one, places));
}

function failureText(io: Io, title: string, details: readonly (readonly [string, string])[]): string {
  // The commands are safe to paste as they are; all else is somebody's text.
  const lines = details.map(([label, text]) => {
    const shown = label === 'explain' ? text : printable(text);
    return `  ${paint(io, 'dim', label.padEnd(LABEL_WIDTH))}${shown}\n`;
  });
  return `${paint(io, 'red', 'failed')}  ${paint(io, 'bold', printable(title))}\n${lines.join('')}`;
}

function fileLine(io: Io, { file, cases, invariants }: FileResult): string {
  const failed = cases.filter(isFailure).length;
  const open = invariants.filter(({ proof }) => proof.verdict !== 'holds').length;
  const bad = failed + open > 0;
  const parts = [
    ...(cases.length === 0 ? [] : [`${counted(cases.length, 'case')}, ${failed} failed`]),
    ...(invariants.length === 0
      ? []
      : [`${counted(invariants.length, 'invariant')}, ${invariants.length - open} proved, ${open} not`]),
  ];
  const verdict = bad ? paint(io, 'red', 'failed') : paint(io, 'green', 'passed');
  return `${verdict}  ${printable(file)}  ${parts.join('; ')}\n`;
}

/** The report for programs. */
export function reportJson(report: TestReport): string {
  const cases = report.files.flatMap((one) => one.cases);
  const invariants = report.files.flatMap((one) => one.invariants);
  return jsonText({
    cases: { total: cases.length, failed: cases.filter(isFailure).length },
    invariants: {
      total: invariants.length,
      failed: invariants.filter(({ proof }) => proof.verdict !== 'holds').length,
    },
    files: report.files.map((file) => ({
      file: file.file,
      cases: file.cases.map(({ of, answer, problems, explain }) => ({
        name: of.name,
        at: of.at,
        passed: problems.length === 0,
        expected: of.expected,
        answer,
        problems,
        explain,
      })),
      invariants: file.invariants.map(({ of, proof, explain }) => {
        return { name: of.name, at: of.at, passed: proof.verdict === 'holds', proof, explain };
      }),
    })),
    coverage: coverageJson(report),
  });
}
