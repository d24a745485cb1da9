// The verbs for the embedded issuer: their rows in the table of verbs.
import type { VerbEntry } from './verbs.ts';

/** Which issuer is meant; certs-admin.ts reads them. */
const ISSUER_HELP = [
  ['--state DIR', 'the state folder of the issuer; default `state`'],
  ['--config FILE', 'take the state folder from the issuer’s configuration'],
  ['--socket PATH', 'its admin socket, in place of that in the state folder'],
  ['--json', 'print JSON'],
] as const;

/** In the order of `--help`. */
export const ISSUER_VERBS: readonly VerbEntry[] = [
  {
    name: 'certs serve',
    summary: 'run the embedded issuer until SIGTERM',
    options: [
      ['--config FILE', 'the issuer’s configuration; docs/issuer.md describes it'],
      ['--check', 'validate it and the files that it names, and start nothing'],
      ['--json', 'with --check: print JSON'],
    ],
    examples: ['sallyport certs serve --config issuer.yaml'],
    load: async () => {
      const { CERTS_SERVE_USAGE, certsServe } = await import('./certs-serve.ts');
      return { verb: certsServe, usage: CERTS_SERVE_USAGE };
    },
  },
  {
    name: 'certs token',
    summary: 'make a join token: a workload’s first SVID, once',
    options: [
      ['SPIFFE-ID', 'whom it is for'],
      ['--ttl 10m', 'how long it may be used; default `joinTokens.ttl` of the issuer'],
      ['--dns NAME', 'a DNS name in its SVIDs; may be repeated'],
      ...ISSUER_HELP,
    ],
    examples: ['sallyport certs token spiffe://example.org/ns/shop/sa/web --ttl 5m'],
    load: async () => {
      const { CERTS_TOKEN_USAGE, certsToken } = await import('./certs-token.ts');
      return { verb: certsToken, usage: CERTS_TOKEN_USAGE };
    },
  },
  {
    name: 'certs bundle',
    summary: 'print the CA certificates of the trust domain',
    options: [...ISSUER_HELP],
    examples: ['sallyport certs bundle > ca.pem'],
    load: async () => {
      const { CERTS_BUNDLE_USAGE, certsBundle } = await import('./certs-bundle.ts');
      return { verb: certsBundle, usage: CERTS_BUNDLE_USAGE };
    },
  },
  {
    name: 'certs issued',
    summary: 'list the SVIDs that the issuer gave out',
    options: [
      ['SPIFFE-ID', 'only those of this ID'],
      ['--only STATE', 'valid, revoked or expired'],
      ['--limit 100', 'at most so many, newest first'],
      ...ISSUER_HELP,
    ],
    examples: ['sallyport certs issued --only valid'],
    load: async () => {
      const { CERTS_ISSUED_USAGE, certsIssued } = await import('./certs-issued.ts');
      return { verb: certsIssued, usage: CERTS_ISSUED_USAGE };
    },
  },
  {
    name: 'certs revoke',
    summary: 'withdraw SVIDs; live connections end in seconds',
    options: [
      ['SPIFFE-ID', 'all its SVIDs and open join tokens; it is blocked until reinstated'],
      ['SERIAL', 'one SVID'],
      ['--reason TEXT', 'for the audit log'],
      ...ISSUER_HELP,
    ],
    examples: ['sallyport certs revoke spiffe://example.org/ns/shop/sa/web --reason "key leaked"'],
    load: async () => {
      const { CERTS_REVOKE_USAGE, certsRevoke } = await import('./certs-revoke.ts');
      return { verb: certsRevoke, usage: CERTS_REVOKE_USAGE };
    },
  },
  {
    name: 'certs reinstate',
    summary: 'let a revoked SPIFFE ID attest again',
    options: [['SPIFFE-ID', 'whose block is lifted'], ...ISSUER_HELP],
    examples: ['sallyport certs reinstate spiffe://example.org/ns/shop/sa/web'],
    load: async () => {
      const { CERTS_REINSTATE_USAGE, certsReinstate } = await import('./certs-revoke.ts');
      return { verb: certsReinstate, usage: CERTS_REINSTATE_USAGE };
    },
  },
  {
    name: 'certs rotate',
    summary: 'have SVIDs replaced now, or take the CA one step on',
    options: [
      ['SPIFFE-ID', 'all its SVIDs; an old one is revoked when its replacement is there'],
      ['SERIAL', 'one SVID'],
      ['--ca STEP', 'prepare, activate, retire; or status, which changes nothing'],
      ['--force', 'the step before its time; see docs/issuer.md'],
      ...ISSUER_HELP,
    ],
    examples: [
      'sallyport certs rotate spiffe://example.org/ns/shop/sa/web',
      'sallyport certs rotate --ca status',
    ],
    load: async () => {
      const { CERTS_ROTATE_USAGE, certsRotate } = await import('./certs-rotate.ts');
      return { verb: certsRotate, usage: CERTS_ROTATE_USAGE };
    },
  },
  {
    name: 'certs audit',
    summary: 'print the audit log, or check that it is whole',
    options: [
      ['--verify', 'recompute the chain of hashes; exit 1 when it is broken'],
      ['--after SEQUENCE', 'entries after that one only'],
      ['--before TIME', 'entries before that time only, RFC 3339'],
      ...ISSUER_HELP,
    ],
    examples: ['sallyport certs audit --verify', 'sallyport certs audit --json --after 4711 >> audit.jsonl'],
    load: async () => {
      const { CERTS_AUDIT_USAGE, certsAudit } = await import('./certs-audit.ts');
      return { verb: certsAudit, usage: CERTS_AUDIT_USAGE };
    },
  },
];
