// Binding a server, where failing to is an error for people. What fails after that is another matter: the
// caller listens for it.
import { type AddressInfo, connect, type ListenOptions, type Server } from 'node:net';
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

/** True when somebody answers on the Unix socket `path`. */
export const isServed = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (served: boolean): void => {
      socket.destroy();
      resolve(served);
    };
    socket.on('connect', () => settle(true));
    socket.on('error', () => settle(false));
  });

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
