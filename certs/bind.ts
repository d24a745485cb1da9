// Binding a server, where failing to is an error for people. What fails after that is another matter: the
// caller listens for it.
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { SallyportError } from '../core/errors.ts';

/** Resolves when `server` listens. @throws what `refusal` makes of the system's error */
export function bind(
  server: Server,
  where: ListenOptions,
  refusal: (cause: Error) => SallyportError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(refusal(cause));
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** Binds a TCP address that configuration names under `key`; the port. @throws ERR_LISTEN_FAILED */
export async function bindAddress(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  key: string,
): Promise<number> {
  await bind(server, { host, port }, (cause) => {
    const message = `cannot listen on \`${host}:${port}\` (\`${key}\`): ${cause.message}`;
    const hint = 'another process may listen there; `ss -ltnp` names it';
    return new SallyportError('ERR_LISTEN_FAILED', message, { hint, cause });
  });
  return (server.address() as AddressInfo).port;
}
