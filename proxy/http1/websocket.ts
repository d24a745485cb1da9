// Upgrade (RFC 9110 section 7.8): websocket (RFC 6455 section 4.2.1) or nothing.

import { SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION } from './known-headers.ts';
import type { MessageHead } from './message-head.ts';
import { everyMember } from './tokens.ts';

/** base64 of 16 bytes. */
const KEY_CHARS = 24;

/**
 * `websocket` when the request asks for it and may have it; '' when it names only other protocols, which are
 * stripped (h2c among them); null when it asks for websocket in a form that only some applications accept.
 */
export function readUpgrade(head: MessageHead & { readonly method: string }): 'websocket' | '' | null {
  let websocket = false;
  for (const value of head.headerValues('upgrade') ?? []) {
    everyMember(value, (member) => {
      if (member.toLowerCase() === 'websocket') websocket = true;
      return true;
    });
  }
  if (!websocket) return '';
  const allowed =
    head.method === 'GET' &&
    head.minor === 1 &&
    !head.chunked &&
    head.contentLength <= 0 &&
    head.connectionNames.includes('upgrade') &&
    head.soleValue(SEC_WEBSOCKET_VERSION) === '13' &&
    isKey(head.soleValue(SEC_WEBSOCKET_KEY));
  return allowed ? 'websocket' : null;
}

function isKey(key: string | null): boolean {
  if (key === null || key.length !== KEY_CHARS || !key.endsWith('==')) return false;
  return isBase64(key, KEY_CHARS - 2);
}

function isBase64(text: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i);
    const letter = c | 0x20;
    const alphanumeric = (c >= 0x30 && c <= 0x39) || (letter >= 0x61 && letter <= 0x7a);
    if (!alphanumeric && c !== 0x2b && c !== 0x2f) return false;
  }
  return true;
}
