// `sallyport certs bundle`: the CA certificates by which workloads without a join token know the issuer, and
// partners its workloads.
import { askAdmin } from '../certs/issuer/admin/client.ts';
import { parseOptions } from './args.ts';
import { adminSocket, ISSUER_OPTIONS, ISSUER_USAGE } from './certs-admin.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_BUNDLE_USAGE = `sallyport certs bundle ${ISSUER_USAGE}`;

/** Prints PEM: while the CA rotates, more than one certificate. */
export const certsBundle: Verb = async (args, io) => {
  const { values } = parseOptions({ args: [...args], options: ISSUER_OPTIONS }, CERTS_BUNDLE_USAGE);
  const answer = await askAdmin(await adminSocket(io, values), { path: '/v1/bundle' });
  const bundle = answer.text('bundle');
  io.out(values.json ? `${JSON.stringify({ trustDomain: answer.text('trustDomain'), bundle })}\n` : bundle);
  return 0;
};
