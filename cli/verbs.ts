// Every verb that exists: its name, what `--help` says about it, and how its file is loaded when it is
// called.
import { ISSUER_VERBS } from './certs-verbs.ts';
import { FLOWS_VERBS } from './flows/verbs.ts';
import type { Verb } from './io.ts';
import { POLICY_VERBS } from './policy/verbs.ts';

/** What a verb's file gives: the verb, and its one line of usage. */
export interface LoadedVerb {
  readonly verb: Verb;
  readonly usage: string;
  /** What `--help` prints below its own text, for a verb whose options another program knows. */
  readonly moreHelp?: () => Promise<string>;
}

/** One row of the command line. */
export interface VerbEntry {
  /** `policy check`. */
  readonly name: string;
  /** One line, lower case, no final period. */
  readonly summary: string;
  /** Arguments and options with their meaning. */
  readonly options: readonly (readonly [string, string])[];
  readonly examples: readonly string[];
  readonly load: () => Promise<LoadedVerb>;
}

const JSON_OPTION = ['--json', 'print JSON'] as const;

/** In the order of `--help`. */
export const VERBS: readonly VerbEntry[] = [
  {
    name: 'init',
    summary: 'set up a CA, identities, a configuration and a first policy',
    options: [
      ['DIR', 'the folder to make'],
      ['--service NAME', 'service account of the service behind the proxy; default app'],
      ['--client NAME', 'service account of the caller that may GET; default client'],
      ['--namespace NS', 'default `default`'],
      ['--trust-domain TD', 'default example.org'],
      ['--listen ADDRESS', 'where the proxy listens; default 127.0.0.1:8443'],
      ['--upstream ADDRESS', 'where the service listens; default 127.0.0.1:8080'],
      ['--force', 'replace what is there; replaced keys cannot be recovered'],
    ],
    examples: ['sallyport init ./mine --upstream 127.0.0.1:3000'],
    load: async () => {
      const { INIT_USAGE, init } = await import('./init.ts');
      return { verb: init, usage: INIT_USAGE };
    },
  },
  {
    name: 'demo',
    summary: 'show it all on a real application, in under a minute',
    options: [['--keep', 'leave it running and print the curl lines to try']],
    examples: ['sallyport demo'],
    load: async () => {
      const { DEMO_USAGE, demo } = await import('./demo.ts');
      return { verb: demo, usage: DEMO_USAGE };
    },
  },
  {
    name: 'proxy',
    summary: 'run the proxy until SIGTERM',
    options: [['--config FILE', 'the configuration; docs/config.md describes it']],
    examples: ['sallyport proxy --config sallyport.yaml'],
    load: async () => {
      const { PROXY_USAGE, proxy } = await import('./proxy.ts');
      return { verb: proxy, usage: PROXY_USAGE };
    },
  },
  {
    name: 'config check',
    summary: 'validate a configuration',
    options: [
      ['FILE', 'the configuration'],
      ['--strict', 'exit 1 when a file that it names is missing'],
      JSON_OPTION,
    ],
    examples: ['sallyport config check sallyport.yaml'],
    load: async () => {
      const { CONFIG_CHECK_USAGE, configCheck } = await import('./config-check.ts');
      return { verb: configCheck, usage: CONFIG_CHECK_USAGE };
    },
  },
  {
    name: 'config schema',
    summary: 'print the JSON Schema of the configuration',
    options: [JSON_OPTION],
    examples: ['sallyport config schema > sallyport.schema.json'],
    load: async () => {
      const { CONFIG_SCHEMA_USAGE, configSchemaVerb } = await import('./config-schema.ts');
      return { verb: configSchemaVerb, usage: CONFIG_SCHEMA_USAGE };
    },
  },
  {
    name: 'config explain',
    summary: 'print every effective value and where it came from',
    options: [['FILE', 'the configuration'], JSON_OPTION],
    examples: ['sallyport config explain sallyport.yaml'],
    load: async () => {
      const { CONFIG_EXPLAIN_USAGE, configExplain } = await import('./config-explain.ts');
      return { verb: configExplain, usage: CONFIG_EXPLAIN_USAGE };
    },
  },
  ...POLICY_VERBS,
  ...FLOWS_VERBS,
  {
    name: 'certs ca',
    summary: 'make the CA of a trust domain',
    options: [
      ['--trust-domain TD', 'default example.org'],
      ['--out DIR', 'where ca.pem and ca.key go; default the current folder'],
      ['--ttl 1825d', 'how long it is valid'],
      ['--force', 'replace files that exist'],
      JSON_OPTION,
    ],
    examples: ['sallyport certs ca --trust-domain example.org --out pki'],
    load: async () => {
      const { CERTS_CA_USAGE, certsCa } = await import('./certs-ca.ts');
      return { verb: certsCa, usage: CERTS_CA_USAGE };
    },
  },
  {
    name: 'certs issue',
    summary: 'issue an X509-SVID',
    options: [
      ['SPIFFE-ID', 'whom it is for'],
      ['--ca DIR', 'the folder of ca.pem and ca.key'],
      ['--out DIR', 'where tls.crt and tls.key go; default the current folder'],
      ['--dns NAME', 'a DNS name beside the ID; may be repeated'],
      ['--ip ADDRESS', 'an IP address beside the ID; may be repeated'],
      ['--ttl 24h', 'how long it is valid'],
      ['--force', 'replace files that exist'],
      JSON_OPTION,
    ],
    examples: ['sallyport certs issue spiffe://example.org/ns/shop/sa/web --ca pki --out web'],
    load: async () => {
      const { CERTS_ISSUE_USAGE, certsIssue } = await import('./certs-issue.ts');
      return { verb: certsIssue, usage: CERTS_ISSUE_USAGE };
    },
  },
  {
    name: 'certs client',
    summary: 'get an X509-SVID from the embedded issuer and keep it new in files',
    options: [
      ['--issuer HOST:PORT', 'where the issuer listens'],
      ['--trust-domain TD', 'of the issuer and of the SVID'],
      ['--join-token-file FILE', 'prove who this is with a one-time join token'],
      ['--service-account-token-file FILE', 'or with a token of Kubernetes, also after the SVID expired'],
      ['--bundle FILE', 'CA certificates to know the issuer by; a join token knows its issuer'],
      ['--out DIR', 'where tls.crt, tls.key, ca.pem, crl.pem and federated/ go'],
      ['--state DIR', 'what is kept over a restart, for this client alone; default `.issuer` in --out'],
      ['--key-type TYPE', 'ec-p256, ec-p384, rsa-2048, rsa-3072 or ed25519; default ec-p256'],
      ['--key-mode MODE', 'of tls.key; default 0600'],
      ['--group GROUP', 'whose files they are'],
      ['--on-renew CMD', 'run after every change, without a shell: words between blanks'],
      ['--signal PIDFILE:SIGNAL', 'or send a signal'],
      ['--once', 'end when the files are written'],
      ['--timeout 60s', 'how long --once waits for the issuer'],
      ['--json', 'print JSON lines'],
    ],
    examples: [
      'sallyport certs client --issuer issuer.example:8444 --trust-domain example.org --join-token-file token --out /run/web',
      'sallyport certs client --issuer issuer.example:8444 --trust-domain example.org --out /run/web --signal /run/nginx.pid:SIGHUP',
    ],
    load: async () => {
      const { CERTS_CLIENT_USAGE, certsClient } = await import('./certs-client.ts');
      return { verb: certsClient, usage: CERTS_CLIENT_USAGE };
    },
  },
  {
    name: 'certs inspect',
    summary: 'show what is in certificates, CRLs and keys, or what a server presents',
    options: [
      ['FILE…', 'PEM or DER; `-` is standard input'],
      ['HOST:PORT', 'a TLS server: its certificates, verified by nobody'],
      ['--servername NAME', 'the name to ask that server for; default HOST'],
      ['--timeout 5s', 'how long its handshake may take'],
      JSON_OPTION,
    ],
    examples: [
      'sallyport certs inspect tls.crt tls.key',
      'sallyport certs inspect cart.shop:8443 --servername cart.shop',
    ],
    load: async () => {
      const { CERTS_INSPECT_USAGE, certsInspect } = await import('./certs-inspect.ts');
      return { verb: certsInspect, usage: CERTS_INSPECT_USAGE };
    },
  },
  {
    name: 'certs verify',
    summary: 'judge a certificate as the proxy would',
    options: [
      ['FILE', 'the chain, PEM or DER, the leaf first; `-` is standard input'],
      [
        '--bundle TD=FILE',
        'the CA certificates of a trust domain, PEM or a SPIFFE bundle document; may be repeated',
      ],
      ['--intermediates FILE', 'more certificates, as if the peer had sent them; may be repeated'],
      ['--crl TD=FILE', 'the revocation list of a trust domain; may be repeated'],
      ['--purpose client', 'client or server'],
      ['--at 2026-01-01T00:00:00Z', 'another time than now'],
      JSON_OPTION,
    ],
    examples: ['sallyport certs verify tls.crt --bundle example.org=ca.pem'],
    load: async () => {
      const { CERTS_VERIFY_USAGE, certsVerify } = await import('./certs-verify.ts');
      return { verb: certsVerify, usage: CERTS_VERIFY_USAGE };
    },
  },
  ...ISSUER_VERBS,
  {
    name: 'bench',
    summary: 'measure what the proxy costs, beside other proxies on this machine',
    options: [['SCENARIO, OPTION', 'as listed below; docs/benchmarks.md tells what they measure']],
    examples: ['sallyport bench --quick'],
    load: async () => {
      const { BENCH_USAGE, bench, benchHelp } = await import('./bench.ts');
      return { verb: bench, usage: BENCH_USAGE, moreHelp: benchHelp };
    },
  },
];
