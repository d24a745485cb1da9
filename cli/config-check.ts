// `sallyport config check FILE`: every fault of a configuration, and files that it names and that are not
// there.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../core/config/config.ts';
import { loadConfig } from '../core/config/load.ts';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../core/errors.ts';
import { oneFile, parseOptions } from './args.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CONFIG_CHECK_USAGE = 'sallyport config check FILE [--strict] [--json]';

/** Exit 0 when the proxy would take it, 2 when not, 1 with --strict when a file is missing. */
export const configCheck: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        strict: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    CONFIG_CHECK_USAGE,
  );
  const file = oneFile(positionals, values.config, CONFIG_CHECK_USAGE);
  const found = await diagnosticsOf(resolve(io.cwd, file));
  const refused = found.some((d) => d.severity === 'error');
  if (values.json) io.out(`${JSON.stringify({ ok: !refused, diagnostics: found })}\n`);
  else {
    for (const diagnostic of found) io.err(`${formatDiagnostic(diagnostic)}\n`);
    if (!refused) io.out(`${file}: ok\n`);
  }
  if (refused) return 2;
  return values.strict && found.length > 0 ? 1 : 0;
};

async function diagnosticsOf(file: string): Promise<readonly Diagnostic[]> {
  try {
    return missingFiles(await loadConfig(file));
  } catch (error) {
    if (!(error instanceof SallyportError) || error.diagnostics.length === 0) throw error;
    return error.diagnostics;
  }
}

/** The check may run elsewhere than the proxy, so what is not there yet is no error. */
function missingFiles({ file, identity, policy, tracing }: Config): Diagnostic[] {
  const { files, issuer, federation, crls } = identity;
  const byDomain = (section: string, paths: Readonly<Record<string, string>> = {}) =>
    Object.entries(paths).map(([domain, path]) => [`${section}."${domain}"`, path] as const);
  const named = [
    ['identity.files.certificate', files?.certificate],
    ['identity.files.key', files?.key],
    ...byDomain('identity.files.bundles', files?.bundles),
    ...byDomain('identity.files.crls', files?.crls),
    ['identity.issuer.serviceAccountTokenFile', issuer?.serviceAccountTokenFile ?? undefined],
    ['identity.issuer.bundle', issuer?.bundle ?? undefined],
    ...federation.map(({ file: path }, i) => [`identity.federation[${i}].file`, path ?? undefined] as const),
    ...federation.map(({ ca }, i) => [`identity.federation[${i}].ca`, ca ?? undefined] as const),
    ...byDomain('identity.crls', crls),
    ...policy.files.map((path, i) => [`policy.files[${i}]`, path]),
    ['tracing.ca', tracing?.ca ?? undefined],
  ] as const;
  return named.flatMap(([key, path]) =>
    path === undefined || existsSync(path)
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'LINT_CONFIG_FILE',
            message: `\`${key}\`: there is no \`${path}\``,
            hint: 'the proxy does not start without it; relative paths start at the configuration file',
            at: { file },
          },
        ],
  );
}
