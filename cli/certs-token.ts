// `sallyport certs token`: a one-time secret with which one workload gets its first SVID.
import { resolve } from 'node:path';
import { askAdmin } from '../certs/issuer/admin/client.ts';
import { loadIssuerConfig } from '../core/issuer-config/load.ts';
import { oneSpiffeId, parseOptions } from './args.ts';
import { adminSocket, author, ISSUER_OPTIONS, ISSUER_USAGE, ttlSeconds } from './certs-admin.ts';
import { issuerAddress, showToken } from './certs-token-show.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_TOKEN_USAGE = `sallyport certs token SPIFFE-ID [--ttl 10m] [--dns NAME]… ${ISSUER_USAGE}`;

/** Prints the token alone where it is not a terminal, so that a script can take it. */
export const certsToken: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ttl: { type: 'string' },
        dns: { type: 'string', multiple: true, default: [] },
        ...ISSUER_OPTIONS,
      },
    },
    CERTS_TOKEN_USAGE,
  );
  const { uri, trustDomain } = oneSpiffeId(positionals, CERTS_TOKEN_USAGE);
  const config = values.config === undefined ? null : await loadIssuerConfig(resolve(io.cwd, values.config));
  const answer = await askAdmin(await adminSocket(io, values), {
    path: '/v1/join-tokens',
    body: {
      spiffeId: uri,
      ...(values.ttl !== undefined && { ttlSeconds: ttlSeconds(values.ttl) }),
      ...(values.dns.length > 0 && { dnsNames: values.dns }),
      author: author(),
    },
  });
  const token = answer.text('token');
  const expiresAt = answer.text('expiresAt');
  if (values.json) io.out(`${JSON.stringify({ spiffeId: uri, token, expiresAt })}\n`);
  else if (!io.isTty) io.out(`${token}\n`);
  else showToken(io, { token, spiffeId: uri, trustDomain, expiresAt, issuer: issuerAddress(config) });
  return 0;
};
