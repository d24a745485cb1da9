// Findings as SARIF 2.1.0 (OASIS), in the form that GitHub code scanning and GitLab read: every rule with its
// help, places relative to the repository, and fingerprints that survive moved lines.
import { createHash } from 'node:crypto';
import { isAbsolute, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic, Position } from '../../core/errors.ts';
import { LINT_CODES, type LintCode } from '../../policy/lint/codes.ts';
import { ERROR_CODES } from '../../policy/lint/error-codes.ts';

/** Results that GitHub takes of one run; the most severe ones stay. */
export const RESULTS_MAX = 25_000;

const LEVELS = { error: 'error', warning: 'warning', notice: 'note' } as const;
const FINGERPRINT_DIGITS = 16;
const HELP_FILE = 'docs/lint.md';

/** What goes into the document. */
export interface SarifInput {
  readonly findings: readonly Diagnostic[];
  /** Paths become relative to it: the root of the repository. */
  readonly cwd: string;
  readonly version: string;
}

/** The document as plain data. */
export function sarifLog({ findings, cwd, version }: SarifInput): object {
  const shown = mostSevere(findings);
  const rules = rulesOf(findings);
  const indexes = new Map(rules.map(({ id }, index) => [id, index]));
  const fingerprints = new Fingerprints();
  const left = findings.length - shown.length;
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'sallyport', semanticVersion: version, rules } },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: true,
            ...(left === 0 ? {} : { toolExecutionNotifications: [notShown(left)] }),
          },
        ],
        results: shown.map((finding) => resultOf(finding, { cwd, indexes, fingerprints })),
      },
    ],
  };
}

function mostSevere(findings: readonly Diagnostic[]): readonly Diagnostic[] {
  if (findings.length <= RESULTS_MAX) return findings;
  const of = (severity: Diagnostic['severity']): Diagnostic[] =>
    findings.filter((finding) => finding.severity === severity);
  return [...of('error'), ...of('warning'), ...of('notice')].slice(0, RESULTS_MAX);
}

const notShown = (count: number): object => ({
  level: 'warning',
  message: { text: `${count} more findings are not in this file, which holds ${RESULTS_MAX} at most` },
});

interface SarifRule {
  readonly id: string;
  readonly [property: string]: unknown;
}

/** All of the table, and what else occurs, so that no result points nowhere. */
function rulesOf(findings: readonly Diagnostic[]): SarifRule[] {
  const lint: [string, LintCode][] = Object.entries(LINT_CODES);
  const known = [
    ...lint.map(([id, code]) => ruleOf(id, code)),
    ...Object.entries(ERROR_CODES).map(([id, title]) => ruleOf(id, errorCode(title))),
  ];
  const ids = new Set(known.map(({ id }) => id));
  const others = new Set(findings.map(({ code }) => code).filter((code) => !ids.has(code)));
  return [...known, ...[...others].map((id) => ruleOf(id, errorCode(id)))];
}

const errorCode = (title: string): Omit<LintCode, 'severity'> & { severity: 'error' } => ({
  severity: 'error',
  title,
  meaning: 'A proxy refuses the policies of this source as a whole, and keeps the last good ones.',
  fix: 'see the message',
});

function ruleOf(id: string, code: Omit<LintCode, 'severity'> & Pick<Diagnostic, 'severity'>): SarifRule {
  const { severity, title, meaning, fix } = code;
  return {
    id,
    name: nameOf(id),
    shortDescription: { text: sentence(title) },
    fullDescription: { text: meaning },
    help: {
      text: `${meaning}\nWhat to do: ${fix}.`,
      markdown: `${meaning}\n\n**What to do:** ${fix}.\n\nAll findings: ${HELP_FILE} of sallyport.`,
    },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { tags: ['security', 'policy'], precision: severity === 'notice' ? 'medium' : 'high' },
  };
}

/** `LINT_POLICY_ANY_CALLER` -> `AnyCaller`. */
const nameOf = (id: string): string =>
  id
    .replace(/^(LINT|ERR)_(POLICY_)?/, '')
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

interface ResultContext {
  readonly cwd: string;
  readonly indexes: ReadonlyMap<string, number>;
  readonly fingerprints: Fingerprints;
}

function resultOf(finding: Diagnostic, { cwd, indexes, fingerprints }: ResultContext): object {
  const { code, severity, message, hint, at, related } = finding;
  const uri = at === undefined ? '' : uriOf(at.file, cwd);
  return {
    ruleId: code,
    ruleIndex: indexes.get(code) ?? -1,
    level: LEVELS[severity],
    message: { text: hint === undefined ? message : `${message}\n${sentence(hint)}` },
    locations: at === undefined ? [] : [{ physicalLocation: physical(at, cwd) }],
    ...(related === undefined
      ? {}
      : {
          relatedLocations: [
            { id: 1, message: { text: 'the other rule' }, physicalLocation: physical(related, cwd) },
          ],
        }),
    partialFingerprints: { primaryLocationLineHash: fingerprints.of(finding, uri) },
  };
}

function physical({ file, line, column }: Position, cwd: string): object {
  const uri = uriOf(file, cwd);
  return {
    artifactLocation: uri.startsWith('file:') ? { uri } : { uri, uriBaseId: '%SRCROOT%' },
    // GitHub wants a region for every result.
    region: { startLine: line ?? 1, startColumn: column ?? 1 },
  };
}

/** Relative to the root where it lies below it. */
function uriOf(file: string, cwd: string): string {
  const path = isAbsolute(file) ? relative(cwd, file) : file;
  if (isAbsolute(path) || path.startsWith('..'))
    return pathToFileURL(isAbsolute(file) ? file : `${cwd}/${file}`).href;
  const segments = path.split(sep).filter((segment) => segment !== '.' && segment !== '');
  return segments.map(encodeURIComponent).join('/');
}

/** By code, file and text of the line, counted where all of these are equal: line numbers do not matter. */
class Fingerprints {
  readonly #counts = new Map<string, number>();

  of({ code, text, message }: Diagnostic, uri: string): string {
    const about = JSON.stringify([code, uri, text ?? message]);
    const hash = createHash('sha256').update(about).digest('hex').slice(0, FINGERPRINT_DIGITS);
    const count = (this.#counts.get(hash) ?? 0) + 1;
    this.#counts.set(hash, count);
    return `${hash}:${count}`;
  }
}
