// `sallyport certs verify`: the proxy's own verdict on a certificate file, against bundles and CRLs named on
// the line.

import { CRL_FILE_BYTES_MAX } from '../certs/limits.ts';
import { Findings, readBundle, readCrls } from '../certs/read-files.ts';
import type { TrustBundle } from '../certs/trust-bundle.ts';
import { createPeerVerifier, type TrustState } from '../certs/verify.ts';
import type { Crl } from '../certs/x509/crl.ts';
import { readPem } from '../certs/x509/pem.ts';
import { formatDiagnostic, SallyportError } from '../core/errors.ts';
import { REASONS } from '../core/reasons.ts';
import { parseOptions, usage } from './args.ts';
import { parseDomainFile, readInput } from './certs-arguments.ts';
import type { Io, Verb } from './io.ts';
import { paint } from './paint.ts';

/** One line for `--help`. */
export const CERTS_VERIFY_USAGE =
  'sallyport certs verify FILE --bundle TRUST-DOMAIN=FILE… [--crl [TRUST-DOMAIN=]FILE]… [--purpose client|server] [--json]';

export const certsVerify: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        bundle: { type: 'string', multiple: true, default: [] },
        crl: { type: 'string', multiple: true, default: [] },
        purpose: { type: 'string', default: 'client' },
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
  const nowMs = Date.now();
  const state = await readTrust(io, { bundles: values.bundle, crls: values.crl }, nowMs);
  const chain = readChain((await readInput(io, file)).bytes);
  const verdict = createPeerVerifier(state, { purpose }).verify(chain, nowMs);
  if (values.json) {
    const { ok } = verdict;
    const facts = ok
      ? {
          spiffeId: verdict.identity.spiffeId.uri,
          serial: verdict.identity.serial,
          fingerprintSha256: verdict.identity.fingerprintSha256,
          notAfter: new Date(verdict.identity.notAfterMs).toISOString(),
        }
      : { reason: verdict.reason, message: verdict.message };
    io.out(`${JSON.stringify({ ok, ...facts })}\n`);
  } else if (verdict.ok) {
    const until = new Date(verdict.identity.notAfterMs).toISOString();
    io.out(`${paint(io, 'green', 'ok')}: ${verdict.identity.spiffeId.uri}, valid until ${until}\n`);
  } else {
    io.out(`${paint(io, 'red', 'refused')}: ${verdict.reason}: ${verdict.message}\n`);
    io.out(`    hint: ${REASONS[verdict.reason].hint}\n`);
  }
  return verdict.ok ? 0 : 1;
};

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

async function readTrust(
  io: Io,
  files: { readonly bundles: readonly string[]; readonly crls: readonly string[] },
  nowMs: number,
): Promise<TrustState> {
  const findings = new Findings();
  const bundles = new Map<string, TrustBundle>();
  const crls = new Map<string, readonly Crl[]>();
  for (const pair of files.bundles) {
    const { trustDomain, file } = parseDomainFile(pair, '--bundle');
    if (bundles.has(trustDomain))
      throw usage(`two bundles for \`${trustDomain}\``, 'put both into one PEM file');
    const bundle = readBundle(trustDomain, await readInput(io, file), nowMs, findings);
    if (bundle !== null) bundles.set(trustDomain, bundle);
  }
  for (const crl of files.crls) {
    // Without a trust domain a CRL is for all of them; only the CA that signed it heeds it anyway.
    const pair = crl.includes('=') ? parseDomainFile(crl, '--crl') : { trustDomain: null, file: crl };
    const read = readCrls(await readInput(io, pair.file, CRL_FILE_BYTES_MAX), nowMs, findings);
    for (const trustDomain of pair.trustDomain === null ? bundles.keys() : [pair.trustDomain])
      crls.set(trustDomain, [...(crls.get(trustDomain) ?? []), ...read]);
  }
  for (const warning of findings.list.filter((d) => d.severity !== 'error'))
    io.err(`${formatDiagnostic(warning)}\n`);
  if (findings.errors > 0)
    throw new SallyportError('ERR_BUNDLE', 'the bundles or CRLs cannot be used', {
      diagnostics: findings.list,
    });
  return { bundles, crls };
}
