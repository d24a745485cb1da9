// What go-spiffe and OpenSSL say of one row of the corpus.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePem } from '../../../certs/x509/pem.ts';
import type { Cast, Sample } from '../../conformance/certificates/sample.ts';
import type { ForeignVerifier } from './foreign-verifier.ts';

/** An opinion: true = accepted. */
export interface Opinion {
  readonly ok: boolean;
  readonly says: string;
}

const rootsOf = (cast: Cast, { roots }: Sample): readonly Buffer[] => roots ?? [cast.root.certificate.der];
const base64 = (ders: readonly Buffer[]): string[] => ders.map((der) => der.toString('base64'));

/** x509svid.ParseAndVerify with the same bundles. */
export async function goSpiffe(verifier: ForeignVerifier, cast: Cast, sample: Sample): Promise<Opinion> {
  const Bundles = {
    'b.example': base64([cast.partner.certificate.der]),
    'example.org': base64([cast.root.certificate.der]),
    [sample.trustDomain ?? 'example.org']: base64(rootsOf(cast, sample)),
  };
  const { Ok, Error: says } = await verifier.ask({ Do: 'verify', Chain: base64(sample.chain), Bundles });
  return { ok: Ok, says };
}

/** `openssl verify` of the chain against the bundle, as a TLS client, with the CRLs there are. */
export function openssl(folder: string, cast: Cast, sample: Sample): Promise<Opinion> {
  const write = (name: string, label: string, ders: readonly Buffer[]): string => {
    const path = join(folder, name);
    writeFileSync(path, ders.map((der) => writePem(label, der)).join(''));
    return path;
  };
  const [leaf = Buffer.alloc(0), ...rest] = sample.chain;
  const { crls = [] } = sample;
  const args = ['verify', '-partial_chain', '-purpose', 'sslclient', '-no-CApath', '-no-CAstore'];
  args.push('-CAfile', write('roots.pem', 'CERTIFICATE', rootsOf(cast, sample)));
  if (rest.length > 0) args.push('-untrusted', write('rest.pem', 'CERTIFICATE', rest));
  if (crls.length > 0) args.push('-crl_check', '-CRLfile', write('list.pem', 'X509 CRL', crls));
  args.push(write('leaf.pem', 'CERTIFICATE', [leaf]));
  return new Promise((resolve) => {
    execFile('openssl', args, { timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, says: `${stdout}${stderr}` }),
    );
  });
}
