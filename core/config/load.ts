// Reads the configuration file: YAML -> schema -> rules between keys. Every fault is reported at its line and
// column, all of them at once, with the offending line and what to write instead.
import { type Config, resolveConfig } from './config.ts';
import { configFaults } from './faults.ts';
import type { KeyFacts } from './fields.ts';
import { CONFIG_KEYS } from './keys.ts';
import { configSchema } from './schema.ts';
import { formatPath } from './schema-keys.ts';
import { readConfig, readValues, refuseFaults, Source } from './source.ts';
import { formatAddress, formatDuration, formatSize } from './values.ts';

/** One effective value. `value` is JSON, written as in the file; `origin` is `file:line` or `default`. */
export interface ConfigValue {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

/**
 * Reads, validates and completes a configuration file.
 * @throws ERR_CONFIG_READ, ERR_CONFIG_INVALID with every fault
 */
export async function loadConfig(file: string): Promise<Config> {
  return parseConfig(await readConfig(file, CONFIG_KEYS), file);
}

/** The same for a text that was read; relative paths start at `file`. @throws ERR_CONFIG_INVALID */
export function parseConfig(text: string, file: string): Config {
  return readSource(new Source(text, file, CONFIG_KEYS));
}

/** Every effective value with its origin, in the order of the schema. @throws as loadConfig */
export async function explainConfig(file: string): Promise<ConfigValue[]> {
  const source = new Source(await readConfig(file, CONFIG_KEYS), file, CONFIG_KEYS);
  return valuesOf(readSource(source), [], source);
}

function readSource(source: Source): Config {
  const config = resolveConfig(readValues(source, configSchema), source.file);
  refuseFaults(source, configFaults(config));
  return config;
}

function valuesOf(value: unknown, path: readonly PropertyKey[], source: Source): ConfigValue[] {
  const facts = CONFIG_KEYS.exactFacts(path);
  if (facts !== undefined) {
    const shown = value === undefined ? `(${facts.default})` : written(facts, value);
    return [{ key: formatPath(path), value: shown, origin: source.origin(path) }];
  }
  if (Array.isArray(value)) return value.flatMap((item: unknown, i) => valuesOf(item, [...path, i], source));
  if (value === undefined) return [{ key: formatPath(path), value: '(off)', origin: 'default' }];
  if (typeof value !== 'object' || value === null) return [];
  return CONFIG_KEYS.namesAt(path).flatMap((name) =>
    valuesOf(Reflect.get(value, name), [...path, name], source),
  );
}

function written({ kind, secret }: KeyFacts, value: unknown): unknown {
  if (secret === true)
    return Object.fromEntries(Object.keys(Object(value)).map((key) => [key, '[redacted]']));
  if (kind === 'duration' && typeof value === 'number') return formatDuration(value);
  if (kind === 'size' && typeof value === 'number') return formatSize(value);
  if (kind === 'address' && isAddress(value)) return formatAddress(value);
  return value === null ? 'none' : value;
}

const isAddress = (value: unknown): value is { host: string; port: number } =>
  typeof value === 'object' && value !== null && 'host' in value && 'port' in value;
