// `sallyport certs ca`: makes the root of a trust domain, as two files.
import { join } from 'node:path';
import { createAuthority } from '../certs/authority/authority.ts';
import { DEFAULT_TTL_MS } from '../certs/authority/certificate-profile.ts';
import { parseOptions } from './args.ts';
import { parseTtl, writeOutputs } from './certs-arguments.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_CA_USAGE =
  'sallyport certs ca [--trust-domain example.org] [--out DIR] [--ttl 1825d] [--force] [--json]';

/** File names inside a CA's folder. */
export const CA_FILES = { certificate: 'ca.pem', key: 'ca.key' } as const;

export const certsCa: Verb = async (args, io) => {
  const { values } = parseOptions(
    {
      args: [...args],
      options: {
        'trust-domain': { type: 'string', default: 'example.org' },
        out: { type: 'string', default: '.' },
        ttl: { type: 'string' },
        force: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_CA_USAGE,
  );
  const trustDomain = values['trust-domain'];
  const ttlMs = values.ttl === undefined ? DEFAULT_TTL_MS.authority : parseTtl(values.ttl);
  const authority = await createAuthority({ trustDomain, ttlMs });
  await writeOutputs(
    io,
    values.out,
    [
      { name: CA_FILES.certificate, text: authority.certificatePem, secret: false },
      { name: CA_FILES.key, text: authority.privateKeyPem, secret: true },
    ],
    values.force,
  );
  const notAfter = new Date(authority.certificate.notAfterMs).toISOString();
  const certificate = join(values.out, CA_FILES.certificate);
  const key = join(values.out, CA_FILES.key);
  if (values.json) io.out(`${JSON.stringify({ trustDomain, certificate, key, notAfter })}\n`);
  else {
    io.out(`CA of trust domain ${trustDomain}, valid until ${notAfter}\n`);
    io.out(`  ${certificate}  certificate: give it to everyone\n`);
    io.out(`  ${key}  private key, mode 0600: keep it here\n`);
  }
  return 0;
};
