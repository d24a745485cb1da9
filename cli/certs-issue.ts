// `sallyport certs issue`: an X509-SVID from a CA made by `sallyport certs ca`, as the files a configuration
// names.
import { join, resolve } from 'node:path';
import { openAuthority } from '../certs/authority/authority.ts';
import { DEFAULT_TTL_MS, defaultDnsNames, isDnsName } from '../certs/authority/certificate-profile.ts';
import { SallyportError } from '../core/errors.ts';
import { oneSpiffeId, parseOptions, usage } from './args.ts';
import { type OutputFile, parseTtl, readInput, writeOutputs } from './certs-arguments.ts';
import { CA_FILES } from './certs-ca.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_ISSUE_USAGE =
  'sallyport certs issue SPIFFE-ID --ca DIR [--out DIR] [--dns NAME]… [--ip ADDRESS]… [--ttl 30d] [--force] [--json]';

export const certsIssue: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ca: { type: 'string' },
        out: { type: 'string', default: '.' },
        dns: { type: 'string', multiple: true },
        ip: { type: 'string', multiple: true, default: [] },
        ttl: { type: 'string' },
        force: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_ISSUE_USAGE,
  );
  const spiffeId = oneSpiffeId(positionals, CERTS_ISSUE_USAGE);
  const { uri: id } = spiffeId;
  if (values.ca === undefined)
    throw usage('`--ca DIR` is missing', 'make a CA with `sallyport certs ca --out DIR`');
  const dnsNames = values.dns ?? defaultDnsNames(spiffeId);
  const wrong = dnsNames.find((name) => !isDnsName(name));
  if (wrong !== undefined) throw usage(`\`--dns ${wrong}\` is not a DNS name`, 'lower case, without a port');
  const caPem = await readInput(io, join(values.ca, CA_FILES.certificate));
  const authority = await openAuthority({
    certificatePem: caPem.bytes.toString('latin1'),
    privateKeyPem: (await readInput(io, join(values.ca, CA_FILES.key))).bytes.toString('latin1'),
  });
  if (authority.certificate.notAfterMs <= Date.now())
    throw new SallyportError('ERR_CERT_REQUEST', 'the CA has expired', {
      hint: 'make a new one: `sallyport certs ca`',
    });
  const svid = await authority.issue({
    spiffeId: id,
    dnsNames,
    ipAddresses: values.ip,
    ttlMs: values.ttl === undefined ? DEFAULT_TTL_MS.svid : parseTtl(values.ttl),
  });
  const files: OutputFile[] = [
    { name: 'tls.crt', text: svid.chainPem, secret: false },
    { name: 'tls.key', text: svid.privateKeyPem ?? '', secret: true },
  ];
  await writeOutputs(io, values.out, files, values.force);
  const sameFolder = resolve(io.cwd, values.ca) === resolve(io.cwd, values.out);
  // The bundle is public and belongs beside the SVID; it is replaced freely, but never over the CA's own
  // file.
  if (!sameFolder)
    await writeOutputs(
      io,
      values.out,
      [{ name: CA_FILES.certificate, text: caPem.bytes.toString('latin1'), secret: false }],
      true,
    );
  const notAfter = new Date(svid.notAfterMs).toISOString();
  const path = (name: string): string => join(values.out, name);
  if (values.json) {
    const result = { spiffeId: id, dnsNames, serial: svid.serial, notAfter, certificate: path('tls.crt') };
    io.out(`${JSON.stringify({ ...result, key: path('tls.key'), bundle: path(CA_FILES.certificate) })}\n`);
    return 0;
  }
  io.out(`X509-SVID ${id}, valid until ${notAfter}\n`);
  io.out(`  ${path('tls.crt')}  certificate for ${dnsNames.join(', ')}\n`);
  io.out(`  ${path('tls.key')}  private key, mode 0600\n`);
  io.out(`  ${path(CA_FILES.certificate)}  bundle of ${spiffeId.trustDomain}\n`);
  return 0;
};
