// What the `policy` verbs share: policies from paths or a configuration, the options that go with them, and
// findings.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { leafFindings } from '../../certs/svid.ts';
import { parseCertificate } from '../../certs/x509/certificate.ts';
import { readPem } from '../../certs/x509/pem.ts';
import { type Config, resolveWorkload } from '../../core/config/config.ts';
import { loadConfig } from '../../core/config/load.ts';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../../core/errors.ts';
import type { PathMode } from '../../core/path.ts';
import { parseTrustDomain } from '../../core/spiffe-id.ts';
import type { PolicyOptions, Workload } from '../../policy/model.ts';
import { type ParsedPolicies, type PolicyFile, parsePolicies } from '../../policy/parse.ts';
import { readPolicyFiles } from '../../policy/read-files.ts';
import type { Io } from '../io.ts';
import { policyOptionsOf } from './options.ts';

/** Options every `policy` verb takes, for `parseArgs`. */
export const POLICY_OPTIONS = {
  policy: { type: 'string', multiple: true },
  config: { type: 'string' },
  'root-namespace': { type: 'string' },
  'trust-domain': { type: 'string' },
} as const;

/** The values of `POLICY_OPTIONS`. */
export interface PolicyArguments {
  readonly policy?: readonly string[] | undefined;
  readonly config?: string | undefined;
  readonly 'root-namespace'?: string | undefined;
  readonly 'trust-domain'?: string | undefined;
}

/** Policies with what they are judged by. */
export interface PolicyInput {
  readonly files: readonly PolicyFile[];
  readonly parsed: ParsedPolicies;
  readonly options: PolicyOptions;
  /** The configuration's workload; null when a request's `destination` says which. */
  readonly workload: Workload | null;
  readonly nowMs: number;
  /** The path mode of the listener that serves `port`. */
  pathMode(port: number | null): PathMode;
}

/** The configuration of a command line, read once; null without `--config`. */
export async function readConfiguration(args: PolicyArguments, io: Io): Promise<Config | null> {
  return args.config === undefined ? null : loadConfig(resolve(io.cwd, args.config));
}

/**
 * Reads and parses the policies. `trustDomain` stands in when neither `--trust-domain` nor a configuration
 * names one.
 * @throws ERR_POLICY_FILE, ERR_CONFIG_…, ERR_SPIFFE_ID
 */
export async function readPolicies(
  args: PolicyArguments,
  io: Io,
  from: { config: Config | null; trustDomain: string; nowMs: number },
): Promise<PolicyInput> {
  const { config, nowMs } = from;
  const paths = args.policy?.length ? args.policy : (config?.policy.files ?? []);
  const read = await readPolicyFiles(paths, io.cwd);
  printFindings(io, read.notices);
  const options: PolicyOptions = {
    ...(config === null ? DEFAULT_OPTIONS : policyOptionsOf(config)),
    localTrustDomain: parseTrustDomain(
      args['trust-domain'] ?? config?.identity.trustDomain ?? from.trustDomain,
    ),
  };
  const rootNamespace = args['root-namespace'] ?? options.rootNamespace;
  const all = { ...options, rootNamespace };
  const listeners = config?.listeners ?? [];
  return {
    files: read.files,
    parsed: parsePolicies(read.files, all, nowMs),
    options: all,
    workload: config === null ? null : await workloadOf(config),
    nowMs,
    pathMode: (port) =>
      (listeners.find((listener) => listener.port === port) ?? listeners[0])?.paths.ambiguous ?? 'reject',
  };
}

/** Findings with their source lines, on standard error. */
export function printFindings(io: Io, findings: readonly Diagnostic[]): void {
  for (const finding of findings) io.err(`${formatDiagnostic(finding)}\n`);
}

/** Without a configuration. */
export const DEFAULT_OPTIONS: Omit<PolicyOptions, 'localTrustDomain'> = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 24 * 3_600_000,
  acceptsPlaintext: false,
  tcpPorts: [],
};

/** The configured workload; what it leaves out is taken from the certificate, as the proxy does. */
async function workloadOf(config: Config): Promise<Workload> {
  const { namespace, serviceAccount, labels } = config.workload;
  if (namespace !== undefined) return { namespace, serviceAccount: serviceAccount ?? null, labels };
  const file = config.identity.files?.certificate;
  const hint = 'set workload.namespace, or check the certificate with `sallyport certs inspect`';
  if (file === undefined)
    throw new SallyportError('ERR_CONFIG_WORKLOAD', 'the SVID is not in a file, so it is not known here', {
      hint: 'set workload.namespace and workload.serviceAccount',
    });
  const spiffeId = await readSpiffeId(file);
  if (spiffeId === null)
    throw new SallyportError('ERR_CONFIG_WORKLOAD', `no SPIFFE ID could be read from \`${file}\``, { hint });
  return resolveWorkload(config, spiffeId);
}

async function readSpiffeId(file: string) {
  try {
    const pem = readPem(await readFile(file, 'latin1'));
    const leaf = pem.blocks.find((block) => block.label === 'CERTIFICATE');
    return leaf === undefined ? null : leafFindings(parseCertificate(leaf.der)).spiffeId;
  } catch {
    return null; // whatever is wrong with the file, the caller names it and the two ways out
  }
}
