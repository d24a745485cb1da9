// `sallyport certs inspect`: what is in a certificate file, and in words whether each is a valid X509-SVID
// and why not.

import { type Inspection, inspectCertificate } from '../certs/inspect.ts';
import { type Certificate, parseCertificate } from '../certs/x509/certificate.ts';
import { DerError } from '../certs/x509/der.ts';
import { readPem } from '../certs/x509/pem.ts';
import { parseOptions, usage } from './args.ts';
import { readInput } from './certs-arguments.ts';
import type { Io, Verb } from './io.ts';
import { paint } from './paint.ts';

/** One line for `--help`. */
export const CERTS_INSPECT_USAGE = 'sallyport certs inspect FILE [--json]';

/** One certificate of the file, read or not. */
type Entry =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly error: string };

export const certsInspect: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: { json: { type: 'boolean', default: false } } },
    CERTS_INSPECT_USAGE,
  );
  const [file, ...extra] = positionals;
  if (file === undefined || extra.length > 0) throw usage('exactly one file is needed', CERTS_INSPECT_USAGE);
  const { bytes } = await readInput(io, file);
  const nowMs = Date.now();
  const results = readEntries(bytes).map((entry) =>
    entry.ok ? inspectCertificate(entry.certificate, nowMs) : { valid: false, error: entry.error },
  );
  if (values.json) io.out(`${JSON.stringify({ file, certificates: results })}\n`);
  else {
    for (const [i, result] of results.entries()) {
      if (results.length > 1) io.out(`${paint(io, 'dim', `certificate ${i + 1} of ${results.length}`)}\n`);
      if ('error' in result) io.out(`  ${paint(io, 'red', 'not a certificate')}: ${result.error}\n`);
      else show(io, result);
    }
    if (results.length === 0) io.out(`${paint(io, 'red', 'no certificate')} in ${file}\n`);
  }
  return results.length > 0 && results.every((result) => result.valid) ? 0 : 1;
};

/** PEM when there is any, else the whole file as DER. */
function readEntries(bytes: Buffer): readonly Entry[] {
  const { blocks, fault } = readPem(bytes.toString('latin1'));
  const ders = blocks.filter((block) => block.label.endsWith('CERTIFICATE')).map((block) => block.der);
  const broken: Entry[] =
    fault === null ? [] : [{ ok: false, error: `line ${fault.line}: ${fault.message}` }];
  if (blocks.length === 0 && fault === null && bytes.length > 0) ders.push(bytes);
  return [...ders.map(readEntry), ...broken];
}

function readEntry(der: Buffer): Entry {
  try {
    return { ok: true, certificate: parseCertificate(der) };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { ok: false, error: error.message };
  }
}

function show(io: Io, inspection: Inspection): void {
  const rows: (readonly [string, string])[] = [
    ['SPIFFE ID', inspection.uris.join(', ') || '(none)'],
    ['subject', inspection.subject || '(empty)'],
    ['issuer', inspection.issuer],
    ['serial', inspection.serial],
    ['valid from', inspection.notBefore],
    ['valid until', inspection.notAfter],
    ['key', `${inspection.key}, signed with ${inspection.signature}`],
    ['key usage', [...inspection.keyUsage, ...inspection.extendedKeyUsage].join(', ') || '(none)'],
    ['other names', [...inspection.dnsNames, ...inspection.ipAddresses].join(', ') || '(none)'],
    ['SHA-256', inspection.fingerprintSha256],
  ];
  for (const [name, value] of rows) io.out(`  ${paint(io, 'dim', name.padEnd(12))} ${value}\n`);
  const what = inspection.kind === 'ca' ? 'signing certificate (CA), for validation only' : 'X509-SVID';
  if (inspection.valid) io.out(`  ${paint(io, 'green', `a valid ${what}`)}\n`);
  else io.out(`  ${paint(io, 'red', `not a valid ${what}`)}\n`);
  for (const { severity, message, rule } of inspection.findings)
    io.out(`    ${paint(io, severity === 'error' ? 'red' : 'yellow', severity)}: ${message} (${rule})\n`);
}
