// `sallyport policy check PATH…`: every error and finding of policy files as file:line:column, for people,
// for programs and for code hosts.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Diagnostic, didYouMean, errorCode, SallyportError } from '../../core/errors.ts';
import { checkPolicies } from '../../policy/lint/check.ts';
import { LINT_CODES } from '../../policy/lint/codes.ts';
import { Inventory } from '../../policy/lint/inventory.ts';
import { parseInventory } from '../../policy/lint/inventory-parse.ts';
import { SeenNames } from '../../policy/lint/seen-names.ts';
import type { PolicyFile } from '../../policy/parse.ts';
import { oneOf, parseOptions, usage } from '../args.ts';
import { readFlows } from '../flows/input.ts';
import type { Io, Verb } from '../io.ts';
import { jsonText } from '../text.ts';
import { packageVersion } from '../version.ts';
import { sarifLog } from './check-sarif.ts';
import { findingText } from './check-text.ts';
import { POLICY_OPTIONS, type PolicyInput, readConfiguration, readPolicies } from './input.ts';

/** One line for `--help`. */
export const POLICY_CHECK_USAGE =
  'sallyport policy check PATH… [--strict] [--ignore CODE]… [--inventory FILE]… [--flows FILE]… [--format text|json|sarif] [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

const FORMATS = ['text', 'json', 'sarif'] as const;
const OPTIONS = {
  ...POLICY_OPTIONS,
  strict: { type: 'boolean', default: false },
  ignore: { type: 'string', multiple: true },
  inventory: { type: 'string', multiple: true },
  flows: { type: 'string', multiple: true },
  format: { type: 'string', default: 'text' },
  json: { type: 'boolean', default: false },
} as const;

/** Exit 0 without errors, 1 with (--strict: with warnings too), 2 for wrong usage. */
export const policyCheck: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: OPTIONS },
    POLICY_CHECK_USAGE,
  );
  const paths = [...positionals, ...(values.policy ?? [])];
  if (paths.length === 0 && values.config === undefined) throw usage('no path is named', POLICY_CHECK_USAGE);
  const format = values.json ? 'json' : oneOf(FORMATS, values.format, '--format');
  const ignored = values.ignore ?? [];
  for (const code of ignored) refuseUnknown(code);
  const config = await readConfiguration(values, io);
  const inventory = values.inventory === undefined ? null : await readInventory(values.inventory, io);
  const seen = values.flows === undefined ? null : await readNames(values.flows, io);
  const nowMs = Date.now();
  const input = await readPolicies({ ...values, policy: paths }, io, {
    config,
    trustDomain: 'cluster.local',
    nowMs,
  });
  const { policies, diagnostics } = input.parsed;
  const lint = checkPolicies(policies, { options: input.options, nowMs, inventory, seen });
  const all = inOrder([...diagnostics, ...withText(lint, input.files)], input.files);
  const findings = all.filter(({ code }) => !ignored.includes(code));
  const checked: Checked = { input, findings, ignored: all.length - findings.length, ...countsOf(findings) };
  if (format === 'sarif') io.out(jsonText(sarifLog({ findings, cwd: io.cwd, version: packageVersion() })));
  else if (format === 'json') io.out(jsonText(checkJson(checked)));
  else printText(io, checked);
  return checked.errors > 0 || (values.strict && checked.warnings > 0) ? 1 : 0;
};

interface Checked {
  readonly input: PolicyInput;
  readonly findings: readonly Diagnostic[];
  readonly ignored: number;
  readonly errors: number;
  readonly warnings: number;
}

function countsOf(findings: readonly Diagnostic[]): Pick<Checked, 'errors' | 'warnings'> {
  const count = (severity: Diagnostic['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  return { errors: count('error'), warnings: count('warning') };
}

const rulesOf = ({ parsed }: PolicyInput): number =>
  parsed.policies.reduce((sum, policy) => sum + policy.rules.length, 0);

function checkJson({ input, findings, ignored, errors, warnings }: Checked): object {
  const { policies } = input.parsed;
  return {
    errors,
    warnings,
    policies: policies.length,
    rules: rulesOf(input),
    files: input.files.length,
    ...(ignored === 0 ? {} : { ignored }),
    findings,
  };
}

/** Findings of one write: with 100,000 of them one each is slow, and one of all a string too long. */
const AT_ONCE = 1_000;

function printText(io: Io, { input, findings, ignored, errors, warnings }: Checked): void {
  for (let from = 0; from < findings.length; from += AT_ONCE)
    io.out(
      findings
        .slice(from, from + AT_ONCE)
        .map((finding) => findingText(io, finding))
        .join(''),
    );
  const left = ignored === 0 ? '' : `, ${ignored} ignored`;
  io.out(
    `${errors} errors, ${warnings} warnings${left}; ${input.parsed.policies.length} policies with ${rulesOf(input)} rules in ${input.files.length} files\n`,
  );
}

/** Errors cannot be ignored: a proxy would not. @throws ERR_USAGE */
function refuseUnknown(code: string): void {
  const known = Object.keys(LINT_CODES);
  if (known.includes(code)) return;
  const near = didYouMean(code, known);
  throw usage(
    `\`--ignore ${code}\` is no finding`,
    near === undefined ? 'docs/lint.md lists them' : `did you mean \`${near}\`?`,
  );
}

async function readInventory(files: readonly string[], io: Io): Promise<Inventory> {
  const workloads = [];
  for (const file of files) workloads.push(...parseInventory({ file, text: await inventoryText(file, io) }));
  return new Inventory(workloads);
}

async function inventoryText(file: string, io: Io): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const code = errorCode(cause);
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${code}`;
    throw new SallyportError('ERR_INVENTORY', `\`${file}\` ${what}`, {
      hint: 'write one with `kubectl get pods -A -o json`',
      cause,
    });
  }
}

async function readNames(flows: readonly string[], io: Io): Promise<SeenNames> {
  const seen = new SeenNames();
  await readFlows({ flows }, [], { io, sink: seen, line: POLICY_CHECK_USAGE });
  if (seen.full) io.err('notice: the flows name too many callers; names of policies are not compared\n');
  return seen;
}

/** By file as they were read, then by place. */
function inOrder(findings: readonly Diagnostic[], files: readonly PolicyFile[]): Diagnostic[] {
  const places = new Map(files.map(({ file }, index) => [file, index]));
  const fileOf = ({ at }: Diagnostic): number => places.get(at?.file ?? '') ?? -1;
  return [...findings].sort(
    (a, b) =>
      fileOf(a) - fileOf(b) ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0),
  );
}

/** Adds the source line that each finding points to. */
function withText(findings: readonly Diagnostic[], files: readonly PolicyFile[]): Diagnostic[] {
  const texts = new Map(files.map(({ file, text }) => [file, text]));
  const lines = new Map<string, string[]>();
  return findings.map((finding) => {
    const { file, line } = finding.at ?? {};
    if (file === undefined || line === undefined) return finding;
    let split = lines.get(file);
    if (split === undefined) {
      split = texts.get(file)?.split('\n') ?? [];
      lines.set(file, split);
    }
    const text = split[line - 1]?.trim();
    return text === undefined ? finding : { ...finding, text: shortened(text) };
  });
}

const LINE_SHOWN_MAX = 160;

const shortened = (text: string): string =>
  text.length > LINE_SHOWN_MAX ? `${text.slice(0, LINE_SHOWN_MAX)}…` : text;
