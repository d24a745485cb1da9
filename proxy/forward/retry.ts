// When a request may be sent a second time: a pooled connection that the application closed just then (RFC
// 9112 section 9.3.1).
import type { UpstreamConnection } from './upstream-connection.ts';

// RFC 9110 section 9.2.2, without TRACE, which is never forwarded.
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * True when `connection` had been used before and `method` is idempotent; the caller knows that no byte
 * moved.
 */
export function mayRetryAfter(connection: UpstreamConnection, method: string): boolean {
  return connection.served > 0 && IDEMPOTENT.has(method);
}
