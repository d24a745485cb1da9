// The keys of the proxy's configuration file.
import { configSchema } from './schema.ts';
import { type ConfigKey, SchemaKeys } from './schema-keys.ts';

/** What may stand in the file of `sallyport proxy`. */
export const CONFIG_KEYS = new SchemaKeys(configSchema, {
  title: 'sallyport configuration',
  example: '`sallyport init DIR` writes',
});

/** Every key, in the order of the schema, a section before the keys in it. */
export const configKeys = (): ConfigKey[] => CONFIG_KEYS.all();

/** The file as JSON Schema 2020-12. */
export const configJsonSchema = (): Record<string, unknown> => CONFIG_KEYS.jsonSchema();
