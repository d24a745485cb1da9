// The policy corpus: test/fixtures/policy/*.json, one row a request with the decision that policy-semantics
// asks for. Rows state only what differs from the defaults here.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { PolicyOptions } from '../../policy/model.ts';

const decision = z.strictObject({
  verdict: z.enum(['allow', 'deny']),
  reason: z.string(),
  rules: z.array(z.string()),
});

const rowSchema = z.strictObject({
  name: z.string(),
  /** YAML or JSON text, several documents. */
  policies: z.string(),
  workload: z.strictObject({
    namespace: z.string(),
    serviceAccount: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
  }),
  /** Policy options that differ from the defaults. */
  options: z
    .strictObject({
      rootNamespace: z.string(),
      defaultVerdict: z.enum(['deny', 'allow-when-unselected']),
      localTrustDomain: z.string(),
      trustDomains: z.array(z.string()),
      trustDomainAliases: z.array(z.string()),
    })
    .partial(),
  /** RFC 3339; the time of the decision. */
  now: z.string().optional(),
  /** The request as `policy eval` reads it. */
  request: z.unknown(),
  expect: decision.extend({
    audit: z.array(z.string()).optional(),
    dryRun: decision.nullable().optional(),
    denyStatus: z.union([z.literal(403), z.literal(404)]).optional(),
  }),
});

export type CorpusRow = z.infer<typeof rowSchema> & { readonly section: string };

const FOLDER = join(import.meta.dirname, '../fixtures/policy');
const NOW = '2026-10-01T00:00:00Z';

/** Every row of the corpus. */
export function readCorpus(): CorpusRow[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) =>
      z
        .array(rowSchema)
        .parse(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')))
        .map((row) => ({ ...row, section: basename(file, '.json') })),
    );
}

/** The row's policy options, defaults filled in. */
export function optionsOf(row: CorpusRow): PolicyOptions {
  const { rootNamespace, defaultVerdict, localTrustDomain, trustDomains, trustDomainAliases } = row.options;
  return {
    rootNamespace: rootNamespace ?? 'istio-system',
    defaultVerdict: defaultVerdict ?? 'deny',
    localTrustDomain: localTrustDomain ?? 'example.org',
    trustDomains: trustDomains ?? [],
    trustDomainAliases: trustDomainAliases ?? [],
    emergencyMaxMs: 24 * 3600_000,
    acceptsPlaintext: false,
    tcpPorts: [],
  };
}

/** The row's time in Unix milliseconds. */
export function nowOf(row: CorpusRow): number {
  return Date.parse(row.now ?? NOW);
}
