// `sallyport certs revoke` and `certs reinstate`: withdraw SVIDs, and let an identity back in.
import { askAdmin } from '../certs/issuer/admin/client.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { oneSpiffeId, parseOptions, usage } from './args.ts';
import { adminSocket, author, ISSUER_OPTIONS, ISSUER_USAGE } from './certs-admin.ts';
import type { Io, Verb } from './io.ts';
import { paint } from './paint.ts';

/** One line for `--help`. */
export const CERTS_REVOKE_USAGE = `sallyport certs revoke SPIFFE-ID|SERIAL --reason TEXT ${ISSUER_USAGE}`;
/** One line for `--help`. */
export const CERTS_REINSTATE_USAGE = `sallyport certs reinstate SPIFFE-ID ${ISSUER_USAGE}`;

export const certsRevoke: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { reason: { type: 'string' }, ...ISSUER_OPTIONS },
    },
    CERTS_REVOKE_USAGE,
  );
  const target = readTarget(positionals, CERTS_REVOKE_USAGE);
  if (values.reason === undefined)
    throw usage('`--reason TEXT` is missing', 'it goes to the audit log, for whoever asks later');
  const answer = await askAdmin(await adminSocket(io, values), {
    path: '/v1/revoke',
    body: { target, reason: values.reason, author: author() },
  });
  const serials = answer.texts('revoked');
  if (values.json) io.out(`${JSON.stringify(answer.value)}\n`);
  else tellSerials(io, serials, 'revoked', 'red');
  if (!values.json && target.startsWith('spiffe://'))
    io.out(`it gets no SVID until \`sallyport certs reinstate ${target}\`, or by a new join token\n`);
  return 0;
};

export const certsReinstate: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: ISSUER_OPTIONS },
    CERTS_REINSTATE_USAGE,
  );
  const { uri } = oneSpiffeId(positionals, CERTS_REINSTATE_USAGE);
  const answer = await askAdmin(await adminSocket(io, values), {
    path: '/v1/reinstate',
    body: { spiffeId: uri, author: author() },
  });
  const reinstated = answer.flag('reinstated');
  if (values.json) io.out(`${JSON.stringify(answer.value)}\n`);
  else io.out(reinstated ? `${uri} may attest again\n` : `${uri} was not blocked\n`);
  return reinstated ? 0 : 1;
};

/** A SPIFFE ID, or a serial in hex as `certs inspect` prints it. @throws ERR_USAGE, ERR_SPIFFE_ID */
export function readTarget(positionals: readonly string[], line: string): string {
  const [target, ...extra] = positionals;
  if (target === undefined || extra.length > 0) throw usage('one SPIFFE ID or serial is needed', line);
  if (target.startsWith('spiffe:')) return parseSpiffeId(target).uri;
  const serial = target.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{1,64}$/.test(serial))
    throw usage(`\`${target}\` is neither a SPIFFE ID nor a serial`, '`sallyport certs issued` lists both');
  return serial;
}

/** One line for each serial. */
export function tellSerials(io: Io, serials: readonly string[], what: string, style: 'red' | 'yellow'): void {
  for (const serial of serials) io.out(`${paint(io, style, what)}  ${serial}\n`);
  if (serials.length === 0) io.out(`no SVID is ${what}: none was valid\n`);
}
