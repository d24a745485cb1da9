// `sallyport certs token`: a one-time secret with which one workload gets its first SVID.
import { askAdmin } from '../certs/issuer/admin/client.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { parseOptions, usage } from './args.ts';
import { adminSocket, author, fromNow, ISSUER_OPTIONS, ISSUER_USAGE, ttlSeconds } from './certs-admin.ts';
import type { Verb } from './io.ts';
import { paint } from './paint.ts';

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
  const [id, ...extra] = positionals;
  if (id === undefined || extra.length > 0) throw usage('exactly one SPIFFE ID is needed', CERTS_TOKEN_USAGE);
  const { uri, trustDomain } = parseSpiffeId(id);
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
  else {
    const until = `${expiresAt}, ${fromNow(Date.parse(expiresAt), Date.now())}`;
    io.out(`join token of ${paint(io, 'bold', uri)}, for one use until ${until}\n\n  ${token}\n\n`);
    io.out('on the machine of the workload, with the address of the issuer for HOST:\n\n');
    for (const line of clientCommands(token, trustDomain)) io.out(`  ${paint(io, 'green', line)}\n`);
  }
  return 0;
};

/** The token goes to a file: what is on a command line, everybody on the machine sees. */
const clientCommands = (token: string, trustDomain: string): readonly string[] => [
  `(umask 077; printf %s ${token} > join-token)`,
  `sallyport certs client --issuer HOST:8444 --trust-domain ${trustDomain} --join-token-file join-token --out DIR`,
];
