// `sallyport config schema`: the JSON Schema of the configuration file, for editors and CI.
import { configJsonSchema } from '../core/config/keys.ts';
import { parseOptions } from './args.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CONFIG_SCHEMA_USAGE = 'sallyport config schema [--json]';

export const configSchemaVerb: Verb = async (args, io) => {
  // The answer is JSON in any case; --json is there because it is everywhere.
  parseOptions({ args: [...args], options: { json: { type: 'boolean' } } }, CONFIG_SCHEMA_USAGE);
  io.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return 0;
};
