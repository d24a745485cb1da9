// The URL of a bundle endpoint: what configuration may name, and where a redirect may lead.
// SPIFFE Federation section 5.2.1.1.
import { SallyportError } from '../../core/errors.ts';

/** A URL that a bundle may be fetched from. */
export interface EndpointUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query, as they are sent. */
  readonly target: string;
  /** For messages: without the query, which may hold the secret of a signed URL. */
  readonly shown: string;
}

const URL_CHARS_MAX = 2_048;

/** Checks a configured URL. @throws ERR_BUNDLE_ENDPOINT_URL */
export function parseEndpointUrl(text: string): EndpointUrl {
  const url = readEndpointUrl(text);
  if (typeof url !== 'string') return url;
  throw new SallyportError('ERR_BUNDLE_ENDPOINT_URL', `the URL of the bundle endpoint ${url}`, {
    hint: 'for example https://spire.partner.example/bundle.json (SPIFFE Federation section 5.2.1.1)',
  });
}

/** The URL, or what is wrong with it; `base`: what a relative one is relative to. */
export function readEndpointUrl(text: string, base?: EndpointUrl): EndpointUrl | string {
  if (text.length > URL_CHARS_MAX) return `is longer than ${URL_CHARS_MAX} characters`;
  // URL strips or encodes these, and a URL that has them is not what somebody meant.
  if ([...text].some((c) => c <= ' ' || c > '~' || c === '\\'))
    return 'has a character outside of ASCII or a space';
  const url = URL.parse(text, base === undefined ? undefined : base.origin + base.target);
  if (url === null) return 'is not a URL';
  if (url.protocol !== 'https:') return 'is not https';
  // Also an empty userinfo: `https://@host/` is somebody's mistake.
  if (url.username !== '' || url.password !== '' || authorityOf(text).includes('@')) return 'has userinfo';
  if (text.includes('#')) return 'has a fragment';
  return { origin: url.origin, target: url.pathname + url.search, shown: url.origin + url.pathname };
}

/** Between `//` and the next slash, question mark or number sign. */
function authorityOf(text: string): string {
  const start = text.indexOf('//');
  if (start < 0) return '';
  const rest = text.slice(start + 2);
  const end = [...rest].findIndex((c) => c === '/' || c === '?' || c === '#');
  return end < 0 ? rest : rest.slice(0, end);
}
