// The certificates of one run: a P-256 authority, the proxy's and the caller's X509-SVIDs, and a stranger's.
import { createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../certs/authority/authority.ts';

/** Paths of PEM files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Pki {
  readonly trustDomain: string;
  /** Path of the PEM file that both sides trust. */
  readonly authority: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
  /** The caller's SPIFFE ID, but of an authority that the proxy does not know. */
  readonly stranger: KeyPair;
  /** Another workload of the same authority, which no rule names. */
  readonly other: KeyPair;
  /** Another workload of the same authority, at another host than the rest. */
  readonly elsewhere: KeyPair;
  /** The server's SPIFFE ID and host, but of an authority that the proxy does not know. */
  readonly strangeServer: KeyPair;
  /** SPIFFE ID of the caller without its scheme. */
  readonly clientPrincipal: string;
  readonly serverPrincipal: string;
  readonly namespace: string;
  /** Signs what a scenario needs besides these. */
  readonly issuer: Authority;
}

/** TLS material of a client, ready for node:tls; an empty certificate is none. */
export interface ClientMaterial {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const TRUST_DOMAIN = 'bench.example';
const NAMESPACE = 'bench';

/** Makes everything below `directory`. */
export async function makePki(directory: string): Promise<Pki> {
  const authority = await createAuthority({ trustDomain: TRUST_DOMAIN });
  const strangers = await createAuthority({ trustDomain: TRUST_DOMAIN });
  const authorityFile = join(directory, 'authority.pem');
  writeFileSync(authorityFile, authority.certificatePem);
  const clientPrincipal = `${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/caller`;
  const serverPrincipal = `${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/web`;
  return {
    trustDomain: TRUST_DOMAIN,
    namespace: NAMESPACE,
    authority: authorityFile,
    server: await issue(authority, serverPrincipal, join(directory, 'server')),
    client: await issue(authority, clientPrincipal, join(directory, 'client')),
    other: await issue(authority, `${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/other`, join(directory, 'other')),
    stranger: await issue(strangers, clientPrincipal, join(directory, 'stranger')),
    elsewhere: await issue(
      authority,
      `${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/elsewhere`,
      join(directory, 'elsewhere'),
      'elsewhere',
    ),
    strangeServer: await issue(strangers, serverPrincipal, join(directory, 'strange-server')),
    clientPrincipal,
    serverPrincipal,
    issuer: authority,
  };
}

/** Reads what a client needs to call the proxy as `pair`, or as nobody. */
export function clientMaterial(pki: Pki, pair: KeyPair | null): ClientMaterial {
  const read = (path: string | undefined): string => (path === undefined ? '' : readFileSync(path, 'utf8'));
  return { authority: read(pki.authority), certificate: read(pair?.certificate), key: read(pair?.key) };
}

/** PEM of `count` certificates of the caller, all of its one key, each with a serial number of its own. */
export async function leafCertificates(pki: Pki, count: number): Promise<string[]> {
  const publicKeySpki = createPublicKey(readFileSync(pki.client.key)).export({ format: 'der', type: 'spki' });
  const spiffeId = `spiffe://${pki.clientPrincipal}`;
  const certificates: string[] = [];
  for (let i = 0; i < count; i++) {
    const { chainPem } = await pki.issuer.issue({ spiffeId, publicKeySpki, dnsNames: ['localhost'] });
    certificates.push(chainPem);
  }
  return certificates;
}

async function issue(
  authority: Authority,
  principal: string,
  path: string,
  host = 'localhost',
): Promise<KeyPair> {
  const pair = { certificate: `${path}.pem`, key: `${path}.key` };
  const svid = await authority.issue({ spiffeId: `spiffe://${principal}`, dnsNames: [host] });
  writeFileSync(pair.certificate, svid.chainPem);
  writeFileSync(pair.key, svid.privateKeyPem ?? '', { mode: 0o600 });
  return pair;
}
