// Writes the generated references: `node docs/generate.ts`, or `--check` to exit 1 when one is not up to
// date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  casesSchemaText,
  configReference,
  configSchemaText,
  issuerConfigReference,
} from './generate-config.ts';
import { lintReference } from './generate-lint.ts';
import { metricsReference } from './generate-metrics.ts';
import { reasonsReference } from './generate-reasons.ts';
import { STARTER_FILES } from './generate-starters.ts';

const GENERATED: Readonly<Record<string, () => string>> = {
  'config.md': configReference,
  'config.schema.json': configSchemaText,
  'issuer-config.md': issuerConfigReference,
  'lint.md': lintReference,
  'metrics.md': metricsReference,
  'policy-cases.schema.json': casesSchemaText,
  'reasons.md': reasonsReference,
  ...STARTER_FILES,
};

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not generated yet: as wrong as an old one
  }
}

const check = process.argv.includes('--check');
for (const [name, make] of Object.entries(GENERATED)) {
  const path = join(import.meta.dirname, name);
  const text = make();
  if (readIfThere(path) === text) continue;
  if (check) {
    process.stderr.write(`${join('docs', name)} is not up to date: run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, text);
    process.stdout.write(`${join('docs', name)} written\n`);
  }
}
