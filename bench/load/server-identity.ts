// Whom the other end of a connection must be: by host name, or by its SPIFFE ID (X509-SVID section 5.2).
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import { parseCertificate } from '../../certs/x509/certificate.ts';
import { printable } from '../../certs/x509/names.ts';
import { SallyportError } from '../../core/errors.ts';

/** How the server of a target is verified, beside the chain of its certificate. */
export interface ServerIdentity {
  /** Host name or address: sent as SNI when it is a name, and looked for in the certificate. */
  readonly name: string;
  /** The SPIFFE ID that is looked for instead of the name; null = none. */
  readonly spiffeId: string | null;
  /** True when nothing is verified at all: `--insecure`. */
  readonly insecure: boolean;
}

/** Options of node:tls that verify `server`; nothing in the environment turns them off. */
export function verification(server: ServerIdentity): ConnectionOptions {
  const { name, spiffeId } = server;
  return {
    rejectUnauthorized: !server.insecure,
    ALPNProtocols: ['http/1.1'],
    // RFC 6066 section 3: SNI holds no addresses
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_name, certificate) =>
      spiffeId === null ? nameFault(name, certificate) : spiffeIdFault(spiffeId, certificate),
  };
}

/** URI SANs of a certificate; empty also when it cannot be read: it then names nobody. */
export function uriNames(certificate: PeerCertificate): readonly string[] {
  try {
    return parseCertificate(certificate.raw).extensions.subjectAltName?.names.uris ?? [];
  } catch {
    return []; // a certificate that our own parser refuses
  }
}

function nameFault(name: string, certificate: PeerCertificate): SallyportError | undefined {
  if (checkServerIdentity(name, certificate) === undefined) return undefined;
  const [spiffeId] = uriNames(certificate);
  const names = certificate.subjectaltname ?? '';
  const known = names === '' ? 'without any name' : `for \`${printable(names)}\``;
  const hint = spiffeId === undefined ? '`--servername NAME`' : `\`--server-id ${printable(spiffeId)}\``;
  return new SallyportError('ERR_BENCH_SERVER_NAME', `the certificate is ${known}, not for \`${name}\``, {
    hint: `if that is the server you mean: ${hint}`,
  });
}

/** X509-SVID section 2: exactly one URI SAN. */
function spiffeIdFault(expected: string, certificate: PeerCertificate): SallyportError | undefined {
  const uris = uriNames(certificate);
  if (uris.length === 1 && uris[0] === expected) return undefined;
  const shown = uris.length === 0 ? 'without a SPIFFE ID' : `\`${printable(uris.join(', '))}\``;
  return new SallyportError('ERR_BENCH_SERVER_ID', `the server is ${shown}, not \`${expected}\``, {
    hint: 'this is another workload, or `--server-id` names the wrong one',
  });
}
