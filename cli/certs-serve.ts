// `sallyport certs serve --config FILE`: the embedded issuer, until SIGTERM.
import { resolve } from 'node:path';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../core/errors.ts';
import type { IssuerConfig } from '../core/issuer-config/config.ts';
import { loadIssuerConfig } from '../core/issuer-config/load.ts';
import { parseOptions, usage } from './args.ts';
import type { Io, Verb } from './io.ts';
import { StopSignals } from './proxy-events.ts';

/** One line for `--help`. */
export const CERTS_SERVE_USAGE = 'sallyport certs serve --config FILE [--check] [--json]';

/** Runs until SIGTERM or SIGINT; with --check exit 0 when the issuer would start. */
export const certsServe: Verb = async (args, io) => {
  const { values } = parseOptions(
    {
      args: [...args],
      options: {
        config: { type: 'string' },
        check: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_SERVE_USAGE,
  );
  if (values.config === undefined) throw usage('`--config` is missing', 'docs/issuer.md has a complete file');
  const file = resolve(io.cwd, values.config);
  if (values.check) return check(file, values, io);
  const signals = new StopSignals();
  try {
    const [config, { runIssuer }] = await Promise.all([
      loadIssuerConfig(file),
      import('./certs-serve-run.ts'),
    ]);
    await runIssuer(config, signals);
    // Nothing is left to do, but a write to a pipe that nobody reads would keep the process alive for ever.
    return process.exit(0);
  } finally {
    signals.close();
  }
};

async function check(file: string, options: { readonly json: boolean }, io: Io): Promise<number> {
  const found = await faultsOf(file);
  if (options.json) io.out(`${JSON.stringify({ ok: found.length === 0, diagnostics: found })}\n`);
  else {
    for (const diagnostic of found) io.err(`${formatDiagnostic(diagnostic)}\n`);
    if (found.length === 0) io.out(`${file}: ok\n`);
  }
  return found.length === 0 ? 0 : 2;
}

async function faultsOf(file: string): Promise<readonly Diagnostic[]> {
  try {
    const config = await loadIssuerConfig(file);
    const { openFiles } = await import('./certs-serve-run.ts');
    return await filesFaults(config, openFiles);
  } catch (error) {
    if (!(error instanceof SallyportError) || error.diagnostics.length === 0) throw error;
    return error.diagnostics;
  }
}

async function filesFaults(
  config: IssuerConfig,
  openFiles: (config: IssuerConfig) => readonly (() => Promise<unknown>)[],
): Promise<readonly Diagnostic[]> {
  const found: Diagnostic[] = [];
  for (const open of openFiles(config)) {
    try {
      await open();
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      const { code, message, hint } = error;
      const at = { file: config.file };
      found.push({ severity: 'error', code, message, at, ...(hint !== undefined && { hint }) });
    }
  }
  return found;
}
