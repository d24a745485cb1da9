// `sallyport policy check PATH…`: every error and finding of policy files as file:line:column.
import type { Diagnostic } from '../../core/errors.ts';
import { formatDiagnostic } from '../../core/errors.ts';
import { lintPolicies } from '../../policy/lint.ts';
import type { PolicyFile } from '../../policy/parse.ts';
import { parseOptions, usage } from '../args.ts';
import type { Verb } from '../io.ts';
import { POLICY_OPTIONS, readConfiguration, readPolicies } from './input.ts';

/** One line for `--help`. */
export const POLICY_CHECK_USAGE =
  'sallyport policy check PATH… [--strict] [--config FILE] [--root-namespace NS] [--trust-domain TD] [--json]';

/** Exit 0 without errors, 1 with (--strict: with warnings too), 2 for wrong usage. */
export const policyCheck: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ...POLICY_OPTIONS,
        strict: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    POLICY_CHECK_USAGE,
  );
  const paths = [...positionals, ...(values.policy ?? [])];
  if (paths.length === 0 && values.config === undefined) throw usage('no path is named', POLICY_CHECK_USAGE);
  const config = await readConfiguration(values, io);
  const nowMs = Date.now();
  const input = await readPolicies({ ...values, policy: paths }, io, {
    config,
    trustDomain: 'cluster.local',
    nowMs,
  });
  const { policies, diagnostics } = input.parsed;
  const lint = lintPolicies(policies, input.options, nowMs);
  const findings = [...diagnostics, ...withText(lint, input.files)];
  const count = (severity: Diagnostic['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const rules = policies.reduce((sum, policy) => sum + policy.rules.length, 0);
  if (values.json)
    io.out(
      `${JSON.stringify({ errors, warnings, policies: policies.length, rules, files: input.files.length, findings })}\n`,
    );
  else {
    for (const finding of findings) io.out(`${formatDiagnostic(finding)}\n`);
    io.out(
      `${errors} errors, ${warnings} warnings; ${policies.length} policies with ${rules} rules in ${input.files.length} files\n`,
    );
  }
  return errors > 0 || (values.strict && warnings > 0) ? 1 : 0;
};

/** Adds the source line that each finding points to. */
function withText(findings: readonly Diagnostic[], files: readonly PolicyFile[]): Diagnostic[] {
  const lines = new Map<string, string[]>();
  return findings.map((finding) => {
    const { file, line } = finding.at ?? {};
    if (file === undefined || line === undefined) return finding;
    let split = lines.get(file);
    if (split === undefined) {
      split = files.find((read) => read.file === file)?.text.split('\n') ?? [];
      lines.set(file, split);
    }
    const text = split[line - 1]?.trim();
    return text === undefined ? finding : { ...finding, text };
  });
}
