// Where the Workload API is: `unix:///run/spire/agent.sock`. @see SPIFFE Workload Endpoint section 4
import { SallyportError } from '../../core/errors.ts';

export interface SocketAddress {
  /** As configured, for messages. */
  readonly uri: string;
  /** Absolute. */
  readonly path: string;
}

/** Bytes of a path in `sockaddr_un`, without its final zero (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;

/** @throws ERR_WORKLOAD_API_ADDRESS */
export function parseSocketAddress(uri: string): SocketAddress {
  if (uri.startsWith('tcp:'))
    throw bad(
      uri,
      'is not a Unix socket',
      'over TCP nobody knows who asks: point it to the socket of the agent',
    );
  if (!uri.startsWith('unix:/')) throw bad(uri, 'does not start with `unix:/`', HINT);
  const url = URL.canParse(uri) ? new URL(uri) : null;
  if (url === null || url.host !== '' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw bad(uri, 'has more than a scheme and an absolute path', HINT);
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    throw bad(uri, 'has a bad percent-encoding', HINT);
  }
  if (path === '' || path.endsWith('/') || path.includes('\0'))
    throw bad(uri, 'does not name a socket', HINT);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
    throw bad(
      uri,
      `has a path of more than ${SOCKET_PATH_BYTES_MAX} bytes`,
      'the system allows no longer one',
    );
  return { uri, path };
}

const HINT = 'for example `unix:///run/spire/agent/public/api.sock`';

const bad = (uri: string, fault: string, hint: string): SallyportError =>
  new SallyportError('ERR_WORKLOAD_API_ADDRESS', `the Workload API address \`${uri}\` ${fault}`, { hint });
