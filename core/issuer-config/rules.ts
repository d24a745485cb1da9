// What the texts in the issuer's configuration must be, in words and as tests.
import type { TextRule } from '../config/text-rule.ts';
import { isDnsName } from '../config/values.ts';
import { parseSpiffeId } from '../spiffe-id.ts';

export const SPIFFE_ID: TextRule = {
  allowed: 'a SPIFFE ID with a path, e.g. `spiffe://example.org/ns/shop/sa/web`',
  accepts(t) {
    try {
      return parseSpiffeId(t).path !== '';
    } catch {
      return false; // the caller names the key and says what is allowed
    }
  },
};

export const DNS_NAME: TextRule = {
  allowed: 'a DNS name in lower case',
  accepts: (t) => t === t.toLowerCase() && isDnsName(t),
};

/** A file name and no path: sockets stand in one folder. Linux leaves 107 bytes for the whole path. */
export const SOCKET_NAME: TextRule = {
  allowed: 'a file name of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, at most 64 characters',
  accepts: (t) => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(t),
};

export const HINT: TextRule = {
  allowed: 'a text of 1 to 256 visible characters',
  accepts: (t) => /^[\x21-\x7e]{1,256}$/.test(t),
};

export const HTTPS_ORIGIN: TextRule = {
  allowed: 'an `https://` URL of a host and a port, without path, e.g. `https://kubernetes.default.svc`',
  accepts(t) {
    if (t.length > 512 || !URL.canParse(t)) return false;
    const { protocol, pathname, search, hash, username, password } = new URL(t);
    const bare = search === '' && hash === '' && username === '' && password === '';
    return protocol === 'https:' && pathname === '/' && bare && !t.includes('?') && !t.includes('#');
  },
};
