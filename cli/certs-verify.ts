// `sallyport certs verify`: the proxy's own verdict on a certificate chain, against bundles and CRLs named on
// the line. Its exit code and its JSON are stable: outside test suites ask the verifier through it.

import { readBundleDocument } from '../certs/federation/read-document.ts';
import { CRL_FILE_BYTES_MAX } from '../certs/limits.ts';
import { Findings, isJsonObject, readBundle, readCrls } from '../certs/read-files.ts';
import type { PeerPurpose } from '../certs/svid.ts';
import { tracePath } from '../certs/trace-path.ts';
import type { TrustBundle } from '../certs/trust-bundle.ts';
import { createPeerVerifier, type PeerVerdict, type TrustState } from '../certs/verify.ts';
import type { Certificate } from '../certs/x509/certificate.ts';
import type { Crl } from '../certs/x509/crl.ts';
import { readPem } from '../certs/x509/pem.ts';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../core/errors.ts';
import { parseOptions, parseTime, usage } from './args.ts';
import { parseDomainFile, readInput } from './certs-arguments.ts';
import { showVerdict, verdictJson } from './certs-verify-show.ts';
import type { Io, Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_VERIFY_USAGE =
  'sallyport certs verify FILE --bundle TRUST-DOMAIN=FILE… [--intermediates FILE]… [--crl [TRUST-DOMAIN=]FILE]… [--purpose client|server] [--at RFC3339] [--json]';

/** Everything that the answer is made of. */
export interface Verified {
  readonly verdict: PeerVerdict;
  readonly purpose: PeerPurpose;
  readonly nowMs: number;
  /** Leaf to anchor; empty when refused. */
  readonly path: readonly Certificate[];
  /** Where the anchor stands; null when refused. */
  readonly anchor: {
    readonly file: string;
    readonly certificate: number;
    readonly trustDomain: string;
  } | null;
  /** As given, the leaf first. */
  readonly chain: readonly Buffer[];
}

export const certsVerify: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        bundle: { type: 'string', multiple: true, default: [] },
        intermediates: { type: 'string', multiple: true, default: [] },
        crl: { type: 'string', multiple: true, default: [] },
        purpose: { type: 'string', default: 'client' },
        at: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_VERIFY_USAGE,
  );
  const [file, ...extra] = positionals;
  if (file === undefined || extra.length > 0) throw usage('exactly one file is needed', CERTS_VERIFY_USAGE);
  if (values.bundle.length === 0) throw usage('`--bundle` is missing', CERTS_VERIFY_USAGE);
  const { purpose } = values;
  if (purpose !== 'client' && purpose !== 'server')
    throw usage(`\`--purpose ${purpose}\` is not known`, 'client or server');
  const nowMs = values.at === undefined ? Date.now() : parseTime('--at', values.at);
  const chain: Buffer[] = [];
  for (const name of [file, ...values.intermediates])
    chain.push(...readChain((await readInput(io, name)).bytes));
  const trust = await readTrust(io, { bundles: values.bundle, crls: values.crl }, nowMs);
  const verified: Verified =
    'broken' in trust
      ? { verdict: refusedTrust(trust.broken), purpose, nowMs, path: [], anchor: null, chain }
      : judge(chain, trust, { purpose, nowMs });
  if (values.json) io.out(`${JSON.stringify(verdictJson(verified))}\n`);
  else showVerdict(io, verified);
  return verified.verdict.ok ? 0 : 1;
};

function judge(
  chain: readonly Buffer[],
  trust: Trust,
  at: { readonly purpose: PeerPurpose; readonly nowMs: number },
): Verified {
  const verdict = createPeerVerifier(trust.state, at).verify(chain, at.nowMs);
  const path = verdict.ok ? (tracePath(chain, trust.state, at) ?? []) : [];
  const last = path.at(-1);
  const trustDomain = verdict.ok ? verdict.identity.spiffeId.trustDomain : '';
  const anchors = trust.state.bundles.get(trustDomain)?.anchors ?? [];
  const index = anchors.findIndex(({ fingerprintSha256 }) => fingerprintSha256 === last?.fingerprintSha256);
  const file = trust.files.get(trustDomain) ?? '';
  const anchor = index < 0 ? null : { file, certificate: index + 1, trustDomain };
  return { verdict, ...at, path, anchor, chain };
}

/** A bundle or CRL that breaks a rule verifies nobody: that is a verdict too, not wrong usage. */
function refusedTrust({ message, at }: Diagnostic): PeerVerdict {
  const where = at === undefined ? '' : `${at.file}${at.line === undefined ? '' : `:${at.line}`}: `;
  return {
    ok: false,
    reason: 'untrusted-certificate',
    message: `${where}${message}`,
    rule: 'the bundle or CRL itself',
  };
}

/**
 * The certificates as a peer would send them: PEM in file order, or one DER. What is not a certificate is
 * refused.
 */
function readChain(bytes: Buffer): readonly Buffer[] {
  const { blocks, fault } = readPem(bytes.toString('latin1'));
  if (blocks.length === 0 && fault === null) return bytes.length === 0 ? [] : [bytes];
  const chain = blocks.filter((block) => block.label.endsWith('CERTIFICATE')).map((block) => block.der);
  // A damaged block stands for a damaged certificate: the verifier says so.
  return fault === null ? chain : [...chain, Buffer.alloc(0)];
}

interface Trust {
  readonly state: TrustState;
  /** File names by trust domain. */
  readonly files: ReadonlyMap<string, string>;
}

/** What certificates and lists have against themselves; all else is a file that is not what it should be. */
const BROKEN: ReadonlySet<string> = new Set([
  'ERR_BUNDLE_CERTIFICATE',
  'ERR_CERTIFICATE_MALFORMED',
  'ERR_CRL_MALFORMED',
]);

async function readTrust(
  io: Io,
  named: { readonly bundles: readonly string[]; readonly crls: readonly string[] },
  nowMs: number,
): Promise<Trust | { readonly broken: Diagnostic }> {
  const findings = new Findings();
  const bundles = new Map<string, TrustBundle>();
  const crls = new Map<string, readonly Crl[]>();
  const files = new Map<string, string>();
  for (const pair of named.bundles) {
    const { trustDomain, file } = parseDomainFile(pair, '--bundle');
    if (files.has(trustDomain))
      throw usage(`two bundles for \`${trustDomain}\``, 'put both into one PEM file');
    files.set(trustDomain, file);
    const content = await readInput(io, file);
    const bundle = isJsonObject(content.bytes)
      ? (readBundleDocument(trustDomain, content, nowMs, findings)?.bundle ?? null)
      : readBundle(trustDomain, content, nowMs, findings);
    if (bundle !== null) bundles.set(trustDomain, bundle);
  }
  for (const crl of named.crls) {
    // Without a trust domain a CRL is for all of them; only the CA that signed it heeds it anyway.
    const pair = crl.includes('=') ? parseDomainFile(crl, '--crl') : { trustDomain: null, file: crl };
    const read = readCrls(await readInput(io, pair.file, CRL_FILE_BYTES_MAX), nowMs, findings);
    for (const trustDomain of pair.trustDomain === null ? bundles.keys() : [pair.trustDomain])
      crls.set(trustDomain, [...(crls.get(trustDomain) ?? []), ...read]);
  }
  for (const warning of findings.list.filter((d) => d.severity !== 'error'))
    io.err(`${formatDiagnostic(warning)}\n`);
  const errors = findings.list.filter((d) => d.severity === 'error');
  const [broken] = errors;
  if (broken === undefined) return { state: { bundles, crls }, files };
  if (errors.every(({ code }) => BROKEN.has(code))) return { broken };
  throw new SallyportError('ERR_BUNDLE', 'the bundles or CRLs cannot be used', {
    diagnostics: findings.list,
  });
}
