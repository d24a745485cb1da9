// `sallyport certs inspect` for people: the chain as a tree, then each certificate, CRL and key.
import type { CrlInspection, Inspection } from '../certs/inspect.ts';
import type { Inspected, KeyInspection } from './certs-inspect.ts';
import { paintedRow, row, tree, validityBar, wrapped } from './certs-show.ts';
import type { Io } from './io.ts';
import { paint } from './paint.ts';

/** Prints everything that one file or server holds. */
export function showInspected(io: Io, inspected: Inspected): void {
  const { file, connection, certificates, crls, keys, document, faults } = inspected;
  const spoken = connection === null ? '' : `, ${connection.protocol}, ALPN ${connection.alpn ?? 'none'}`;
  io.out(`${paint(io, 'bold', file)}${spoken}\n`);
  if (document !== null) {
    const { sequence, refreshHintSeconds: hint } = document;
    row(
      io,
      'bundle',
      `sequence ${sequence ?? '(none)'}, refresh hint ${hint === null ? '(none)' : `${hint} s`}`,
    );
  }
  const readable = certificates.flatMap((one) => ('error' in one ? [] : [one]));
  if (readable.length > 1) tree(io, branches(readable));
  for (const [i, one] of certificates.entries()) {
    if (certificates.length > 1)
      io.out(`${paint(io, 'dim', `certificate ${i + 1} of ${certificates.length}`)}\n`);
    if ('error' in one) {
      io.out(`  ${paint(io, 'red', 'not a certificate')}\n`);
      row(io, 'because', one.error);
    } else showCertificate(io, one);
  }
  for (const crl of crls) showCrl(io, crl);
  for (const key of keys) showKey(io, key, certificates.length > 0);
  for (const { line, what, error } of faults) {
    const where = line === 0 ? '' : `line ${line}: `;
    const [first = '', ...rest] = wrapped(`${where}${what}: ${error}`, 70);
    io.out(`  ${paint(io, 'red', 'error')}: ${first}\n`);
    for (const more of rest) io.out(`    ${more}\n`);
  }
  const found = certificates.length + crls.length + keys.length + faults.length;
  if (found === 0) io.out(`  ${paint(io, 'red', 'no certificate')}\n`);
}

const branches = (certificates: readonly Inspection[]) =>
  certificates.map((one, i) => {
    const issuer = certificates.findIndex((other) => other.subject === one.issuer);
    const by =
      one.subject === one.issuer ? 'signed by itself' : issuer < 0 ? 'issuer not here' : `by ${issuer + 1}`;
    const name = one.spiffeId ?? (one.subject || '(no name)');
    return { name: `${i + 1} ${name}`, role: `${one.kind}, ${by}`, validity: one.validity };
  });

function showCertificate(io: Io, one: Inspection): void {
  row(io, 'SPIFFE ID', one.uris.join(', ') || '(none)');
  row(io, 'subject', one.subject || '(empty)');
  row(io, 'issuer', one.issuer || '(empty)');
  paintedRow(io, 'validity', validityBar(io, one.validity));
  row(io, 'valid from', one.notBefore);
  row(io, 'valid until', one.notAfter);
  row(io, 'key', `${one.key}, signed with ${one.signature}`);
  row(io, 'key usage', [...one.keyUsage, ...one.extendedKeyUsage].join(', ') || '(none)');
  if (one.pathLength !== null) row(io, 'path length', String(one.pathLength));
  row(io, 'other names', [...one.dnsNames, ...one.ipAddresses, ...one.emails].join(', ') || '(none)');
  row(io, 'serial', one.serial);
  row(io, 'SHA-256', one.fingerprintSha256);
  const what = one.kind === 'ca' ? 'signing certificate (CA), for validation only' : 'X509-SVID';
  if (one.valid) io.out(`  ${paint(io, 'green', `a valid ${what}`)}\n`);
  else io.out(`  ${paint(io, 'red', `not a valid ${what}`)}\n`);
  for (const { severity, message, rule } of one.findings) {
    const [first = '', ...rest] = wrapped(`${message} (${rule})`, 66);
    io.out(`    ${paint(io, severity === 'error' ? 'red' : 'yellow', severity)}: ${first}\n`);
    for (const line of rest) io.out(`      ${line}\n`);
  }
}

function showCrl(io: Io, crl: CrlInspection): void {
  io.out(`${paint(io, 'dim', 'certificate revocation list')}\n`);
  row(io, 'issuer', crl.issuer);
  paintedRow(io, 'validity', validityBar(io, crl.validity));
  row(io, 'since', crl.thisUpdate);
  row(io, 'next update', crl.nextUpdate);
  row(io, 'revoked', `${crl.revoked} certificate${crl.revoked === 1 ? '' : 's'}`);
  row(io, 'signature', crl.signature);
  if (!crl.valid) io.out(`  ${paint(io, 'red', 'stale: every certificate of its issuer is refused')}\n`);
}

function showKey(io: Io, { key, encrypted, belongsTo }: KeyInspection, paired: boolean): void {
  row(io, 'private key', `${key}; it is not shown`);
  if (belongsTo !== null) row(io, 'belongs to', belongsTo);
  else if (encrypted) row(io, 'belongs to', 'unknown: `openssl pkey -in KEY -out NEW` decrypts it');
  else {
    const none = paired ? 'no certificate of this file' : 'no certificate given beside it';
    row(io, 'belongs to', none);
  }
}
