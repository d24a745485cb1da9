// When a request may be sent a second time: a pooled connection that the application closed just then (RFC
// 9112 section 9.3.1), or its word that it did nothing (RFC 9113 section 8.7).
import type { Reason } from '../../core/reasons.ts';
import type { UpstreamLink } from './upstream-link.ts';

// RFC 9110 section 9.2.2, without TRACE, which is never forwarded.
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * True when `link` had been used before and `method` is idempotent; the caller knows that no byte
 * moved.
 */
export function mayRetryAfter(link: UpstreamLink, method: string): boolean {
  return link.unprocessed || (link.used && IDEMPOTENT.has(method));
}

/** Why a request failed whose link is gone without a fault of its own. */
export const failureOf = (link: UpstreamLink): Reason =>
  link.unprocessed ? 'upstream-refused' : 'upstream-reset';
