// docs/config.md and docs/config.schema.json from the configuration schema: docs/generate.ts writes what
// these return.

import { configJsonSchema, configKeys } from '../core/config/keys.ts';
import type { ConfigKey } from '../core/config/schema-keys.ts';
import { ISSUER_KEYS } from '../core/issuer-config/schema.ts';
import { casesJsonSchema } from '../policy/cases/schema.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from core/config/schema.ts by \`npm run docs\`. Edit the schema, not this file. -->

One YAML file, named by \`sallyport proxy --config FILE\`. \`sallyport init DIR\` writes a complete one,
\`sallyport config check FILE\` validates it, \`sallyport config explain FILE\` prints every effective value
and where it came from, and \`sallyport config schema\` prints the JSON Schema
([config.schema.json](config.schema.json)).

- Every key below is known; any other is refused, also those of features that are planned but not built
  (\`ERR_CONFIG_NOT_BUILT\`).
- Durations are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`;
  sizes a whole number and \`B\`, \`KiB\`, \`MiB\` or \`GiB\`.
- Relative paths start at the folder of the file.
- Policies, certificates, bundles, revocation lists and \`policy.mode\` are followed while the proxy runs and
  take effect without losing a request. Any other change of the file is reported and waits for a restart.

The least that is needed:

\`\`\`yaml
identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem } }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    upstream: 127.0.0.1:8080
policy: { files: [policies/] }
\`\`\`
`;

const ISSUER_INTRODUCTION = `# Configuration of the issuer

<!-- Generated from core/issuer-config/schema.ts by \`npm run docs\`. Edit the schema, not this file. -->

One YAML file, named by \`sallyport certs serve --config FILE\`; with \`--check\` it is only validated,
together with the files that it names. [issuer.md](issuer.md) tells what the issuer does.

- Every key below is known; any other is refused.
- Durations are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`.
- Relative paths start at the folder of the file.
- A change of the file waits for a restart. Certificates and tokens that it names are read again when they
  change.

The least that is needed:

\`\`\`yaml
trustDomain: example.org
secretFile: issuer.secret     # (umask 077; openssl rand -base64 32 > issuer.secret)
\`\`\`

## At the top

| key | value | default | meaning |
|---|---|---|---|
`;

/** docs/config.md. */
export function configReference(): string {
  return INTRODUCTION + sections(configKeys()).map(sectionText).join('');
}

/** docs/issuer-config.md. */
export function issuerConfigReference(): string {
  const keys = ISSUER_KEYS.all();
  const top = keys.filter(({ path, facts }) => facts !== undefined && !path.includes('.'));
  return ISSUER_INTRODUCTION + top.map(rowText).join('') + sections(keys).map(sectionText).join('');
}

/** docs/config.schema.json, laid out as the formatter does: short lists of plain values on one line. */
export function configSchemaText(): string {
  return `${layOut(configJsonSchema(), '')}\n`;
}

/** The schema of files with cases, likewise. */
export function casesSchemaText(): string {
  return `${layOut(casesJsonSchema(), '')}\n`;
}

interface Section {
  readonly key: ConfigKey;
  readonly leaves: ConfigKey[];
}

/** Each section with the keys directly in it; sections within sections follow on their own. */
function sections(keys: readonly ConfigKey[]): Section[] {
  const found: Section[] = [];
  for (const key of keys) {
    if (key.facts === undefined) found.push({ key, leaves: [] });
    else found.find((s) => key.path.slice(0, key.path.lastIndexOf('.')) === s.key.path)?.leaves.push(key);
  }
  return found;
}

function sectionText({ key, leaves }: Section): string {
  const head = `\n## \`${key.path}\`\n\n${key.description}\n`;
  if (leaves.length === 0) return head;
  const rows = leaves.map(rowText);
  return `${head}\n| key | value | default | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

function rowText({ path, description, facts }: ConfigKey): string {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const initial = facts?.default === undefined ? '**required**' : defaultText(facts.kind, facts.default);
  return `| \`${name}\` | ${valueText(facts)} | ${initial} | ${description} |\n`;
}

/** `duration, 10ms to 1m`; what is in words already needs no kind before it. */
function valueText(facts: ConfigKey['facts']): string {
  if (facts === undefined) return '';
  return facts.allowed.startsWith('a ') ? facts.allowed : `${facts.kind}, ${facts.allowed}`;
}

/** A default in words (`that of the own SVID`) is no code. */
function defaultText(kind: string, text: string): string {
  return text.includes(' ') && kind !== 'map' ? text : `\`${text}\``;
}

const COLUMNS = 110;

function layOut(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const flat = `[${value.map((v) => JSON.stringify(v)).join(', ')}]`;
    const plain = value.every((v) => typeof v !== 'object');
    if (plain && flat.length + inner.length + 20 <= COLUMNS) return flat;
    return `[\n${value.map((v) => inner + layOut(v, inner)).join(',\n')}\n${indent}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const lines = entries.map(([k, v]) => `${inner}${JSON.stringify(k)}: ${layOut(v, inner)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
