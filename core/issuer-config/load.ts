// Reads the file of `sallyport certs serve`: schema, then rules between keys, every fault at its place.
import { readConfig, readValues, refuseFaults, Source } from '../config/source.ts';
import { type IssuerConfig, issuerFaults, resolveIssuerConfig } from './config.ts';
import { ISSUER_KEYS, issuerSchema } from './schema.ts';

/**
 * Reads, validates and completes an issuer's configuration.
 * @throws ERR_CONFIG_READ, ERR_CONFIG_INVALID with every fault
 */
export async function loadIssuerConfig(file: string): Promise<IssuerConfig> {
  return parseIssuerConfig(await readConfig(file, ISSUER_KEYS), file);
}

/** The same for a text that was read; relative paths start at `file`. @throws ERR_CONFIG_INVALID */
export function parseIssuerConfig(text: string, file: string): IssuerConfig {
  const source = new Source(text, file, ISSUER_KEYS);
  const config = resolveIssuerConfig(readValues(source, issuerSchema), source.file);
  refuseFaults(source, issuerFaults(config));
  return config;
}
