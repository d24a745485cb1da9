// A file with cases and invariants: YAML 1.2, a closed set of keys, every fault with its place.
import type { Diagnostic } from '../../core/errors.ts';
import { REASONS } from '../../core/reasons.ts';
import { DocumentReader, type Entry, type Fault, type SourceText } from '../document-reader.ts';
import type { PolicyOptions } from '../model.ts';
import { isNothing, type PolicyFile, syntaxFaults } from '../parse.ts';
import { readRequestJson } from '../request-json.ts';
import { LineCounter, type Node, parseDocuments } from '../yaml.ts';
import { CASE_FIELDS, type Draft, ERR_CASES, plainValue, readFields, unknownName } from './fields.ts';
import { type Drafted, matrixDrafts, tableDrafts } from './groups.ts';
import { readInvariants } from './invariants.ts';
import { CASES_FILE_CHARACTERS_MAX, CASES_MAX } from './limits.ts';
import type { CasesFile, PolicyCase } from './model.ts';
import { requestOfCase } from './request.ts';

/** What cases may speak of. */
export interface CasesContext {
  readonly options: PolicyOptions;
  /** Every rule there is. */
  readonly ruleIds: ReadonlySet<string>;
}

/** Reads one file. With an error in `faults` the cases must not be used. */
export function parseCases(
  file: PolicyFile,
  context: CasesContext,
): { readonly read: CasesFile; readonly faults: readonly Diagnostic[] } {
  const nothing = { file: file.file, cases: [], invariants: [] };
  const refused = (message: string): Diagnostic => {
    return { severity: 'error', code: ERR_CASES, message, at: { file: file.file } };
  };
  if (file.text.length > CASES_FILE_CHARACTERS_MAX)
    return {
      read: nothing,
      faults: [refused(`the file is longer than ${CASES_FILE_CHARACTERS_MAX} characters`)],
    };
  const source: SourceText = { ...file, lines: new LineCounter() };
  const [document, more] = parseDocuments(file.text, source.lines, 2);
  if (document === undefined || more !== undefined)
    return { read: nothing, faults: [refused('the file has more than one document')] };
  const syntax = syntaxFaults(source, document);
  if (syntax.length > 0) return { read: nothing, faults: syntax };
  if (isNothing(document.contents)) return { read: nothing, faults: [refused('the file is empty')] };
  const reader = new DocumentReader(source, document);
  const read = readFile(reader, document.contents, file.file, context);
  // No other program reads the file, so nothing hangs on what YAML 1.1 would make of it.
  const faults = reader.faults.filter(({ severity }) => severity === 'error');
  return { read, faults: faults.sort(byPlace) };
}

const byPlace = ({ at: a }: Diagnostic, { at: b }: Diagnostic): number =>
  (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);

function readFile(reader: DocumentReader, node: Node, file: string, context: CasesContext): CasesFile {
  const top = reader.entries(node, 'document', ['defaults', 'cases', 'invariants']);
  const list = top?.get('cases');
  const stated = top?.get('invariants');
  if (top !== null && list === undefined && stated === undefined)
    reader.error(node, { code: ERR_CASES, message: 'the file has neither `cases` nor `invariants`' });
  const defaults = top?.get('defaults');
  const fields = CASE_FIELDS.filter((field) => field !== 'name');
  const known = defaults && reader.entries(defaults.value, 'defaults', fields);
  const base = known ? readFields(reader, known, 'defaults', {}) : {};
  const items = list === undefined ? [] : reader.items(list.value, 'cases');
  const cases = items.flatMap((item, index) => readCase(reader, item, `cases[${index}]`, base));
  if (cases.length > CASES_MAX)
    reader.error(node, { code: ERR_CASES, message: `the file has more than ${CASES_MAX} cases` });
  for (const one of cases) checkExpectation(reader, one, context);
  return { file, cases, invariants: readInvariants(reader, stated, context.options) };
}

const GROUP_KEYS = ['json', 'table', 'matrix'] as const;

function readCase(reader: DocumentReader, node: Node, what: string, defaults: Draft): PolicyCase[] {
  const before = reader.faults.length;
  const entries = reader.entries(node, what, [...CASE_FIELDS, ...GROUP_KEYS, 'except']);
  if (entries === null) return [];
  if (!entries.has('name')) reader.error(node, { code: ERR_CASES, message: `\`${what}\` has no \`name\`` });
  const base = readFields(reader, entries, what, defaults);
  const [form, second] = GROUP_KEYS.filter((key) => entries.has(key));
  if (second !== undefined)
    reader.error(node, { code: ERR_CASES, message: `\`${form}\` and \`${second}\` exclude each other` });
  const drafts = draftsOf(reader, entries, what, { node, base });
  // What is missing is not told of what could not be read.
  if (reader.faults.length > before) return [];
  return drafts.flatMap((one) => finished(reader, one, entries.get('json')));
}

function draftsOf(
  reader: DocumentReader,
  entries: ReadonlyMap<string, Entry>,
  what: string,
  { node, base }: { readonly node: Node; readonly base: Draft },
): Drafted[] {
  const [table, matrix, except] = [entries.get('table'), entries.get('matrix'), entries.get('except')];
  if (except !== undefined && matrix === undefined)
    reader.error(except.key, { code: ERR_CASES, message: '`except` belongs to a `matrix`' });
  if (table !== undefined) return tableDrafts(reader, table, `${what}.table`, base);
  if (matrix !== undefined) return matrixDrafts(reader, { matrix, except }, what, base);
  const parts = CASE_FIELDS.filter((key) => !['name', 'expect', 'rule', 'reason'].includes(key));
  const json = entries.get('json');
  const beside = json && parts.find((key) => entries.has(key));
  if (beside !== undefined)
    reader.error(json?.key ?? node, {
      code: ERR_CASES,
      message: `\`json\` and \`${beside}\` exclude each other`,
      hint: '`json` is the whole request',
    });
  return [{ draft: base, node }];
}

function finished(reader: DocumentReader, { draft, node }: Drafted, json: Entry | undefined): PolicyCase[] {
  const { name = '', expect, rule, reason, ...facts } = draft;
  const bad = (message: string, hint: string): PolicyCase[] => {
    reader.error(node, { code: ERR_CASES, message, hint });
    return [];
  };
  if (expect === undefined)
    return bad(`\`${name}\` expects nothing`, 'add `expect: allow` or `expect: deny`');
  if (json === undefined && facts.tcp !== true && (facts.method === undefined || facts.path === undefined))
    return bad(
      `\`${name}\` has no request`,
      'add `request: GET cart:8080/items/7`, or `method` and `path`, or `tcp: 5432`',
    );
  const made: PolicyCase = {
    name,
    at: reader.position(node),
    request: json === undefined ? { facts } : { json: plainValue(reader, json.value) },
    expected: { expect, ...(rule !== undefined && { rule }), ...(reason !== undefined && { reason }) },
  };
  // Any trust domain: the faults are the same in each.
  const read = readRequestJson(requestOfCase(made, 'cluster.local'), 'reject');
  if ('faults' in read)
    for (const { path, message, hint } of read.faults)
      reader.error(json?.value ?? node, {
        code: ERR_CASES,
        message: path === '' ? message : `\`${path}\`: ${message}`,
        hint,
      });
  return [made];
}

/** A rule or reason that there is not would fail for ever, or worse, never be missed. */
function checkExpectation(reader: DocumentReader, { at, expected }: PolicyCase, context: CasesContext): void {
  const { rule, reason } = expected;
  if (rule !== undefined && !context.ruleIds.has(rule)) reader.errorAt(at, unknownRule(rule, context));
  if (reason !== undefined && !Object.hasOwn(REASONS, reason))
    reader.errorAt(
      at,
      nearOr(unknownName('reason', reason, Object.keys(REASONS)), 'docs/reasons.md has all'),
    );
}

const RULES_COMPARED_MAX = 2_000;

/** The nearest of a few thousand: comparing with all of 100,000 would take a minute. */
function unknownRule(rule: string, { ruleIds }: CasesContext): Fault {
  const known = [...ruleIds].slice(0, RULES_COMPARED_MAX);
  return nearOr(unknownName('rule', rule, known), 'a rule is `ns[shop]-policy[web]-rule[0]`');
}

/** Another hint, where the names are too many to list. */
const nearOr = (fault: Fault, hint: string): Fault => ({
  ...fault,
  hint: fault.hint?.startsWith('did') ? fault.hint : hint,
});
