// The version of this package, from package.json beside the sources or the emitted files.
import { readFileSync } from 'node:fs';

/** `0.1.0`. */
export function packageVersion(): string {
  // From sources this file is one folder below package.json; emitted, two.
  for (const up of ['../package.json', '../../package.json']) {
    const text = readIfThere(new URL(up, import.meta.url));
    const about: unknown = text === undefined ? null : JSON.parse(text);
    if (typeof about === 'object' && about !== null && 'version' in about) return String(about.version);
  }
  return 'unknown';
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    return undefined; // not there: it is in the other place
  }
}
