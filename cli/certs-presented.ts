// The certificates that a server presents, whoever it is: a handshake that verifies and sends nothing.
import tls from 'node:tls';
import { chainOf } from '../certs/verify-peer.ts';

/** `host:port`, `[::1]:port`; null for anything else. */
export function parseEndpoint(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^/:[\]\s]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}

/** What a handshake showed. */
export type Presented =
  | {
      readonly ok: true;
      readonly chain: readonly Buffer[];
      readonly protocol: string;
      readonly alpn: string | null;
    }
  | { readonly ok: false; readonly error: string };

/** Shakes hands with a server and hangs up. `servername` null: none is sent. */
export function presentedBy(
  at: { readonly host: string; readonly port: number },
  options: { readonly servername: string | null; readonly timeoutMs: number },
): Promise<Presented> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      ...at,
      // Only looked at: `certs verify` judges.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      ...(options.servername === null ? {} : { servername: options.servername }),
    });
    const end = (result: Presented): void => {
      socket.destroy();
      resolve(result);
    };
    // From the first packet on, and never by a server that sends a byte now and then.
    const timer = setTimeout(() => end({ ok: false, error: 'no handshake in time' }), options.timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      end({ ok: false, error: error.code ?? error.message });
    });
    socket.on('secureConnect', () => {
      clearTimeout(timer);
      const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null;
      end({ ok: true, chain: chainOf(socket), protocol: socket.getProtocol() ?? 'TLS', alpn });
    });
  });
}
