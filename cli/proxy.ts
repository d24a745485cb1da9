// `sallyport proxy --config FILE`: starts the loader process first, then loads the proxy's own code while it
// works.
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { startLoader } from '../policy/worker-client.ts';
import { parseOptions, usage } from './args.ts';
import type { Verb } from './io.ts';
import { FileEdits, StopSignals } from './proxy-events.ts';

/** One line for `--help`. */
export const PROXY_USAGE = 'sallyport proxy --config FILE';

/** Runs until SIGTERM or SIGINT; a second signal ends at once. */
export const proxy: Verb = async (args, io) => {
  const { values } = parseOptions({ args: [...args], options: { config: { type: 'string' } } }, PROXY_USAGE);
  if (values.config === undefined) throw usage('`--config` is missing', 'make one with `sallyport init DIR`');
  const file = resolve(io.cwd, values.config);
  const loader = startLoader(systemClock); // before everything else: its start takes longest
  const signals = new StopSignals();
  // Watched before it is read, so that no edit falls between the two.
  const edits = new FileEdits(file);
  try {
    // YAML and its schema are read in the loader process: this one never loads that code.
    const [config, { runProxy }] = await Promise.all([loader.loadConfig(file), import('./proxy-run.ts')]);
    await runProxy({ config, loader, signals, edits });
    // Nothing is left to do, but a write to a pipe that nobody reads would keep the process alive for ever.
    return process.exit(0);
  } finally {
    loader.close();
    edits.close();
    signals.close();
  }
};
