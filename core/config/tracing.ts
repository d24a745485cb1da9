// `tracing` of the configuration: where spans go, and which requests have one.
import { absentSection, duration, fraction, secretMap, text } from './fields.ts';
import { pathOrNone } from './places.ts';
import type { TextRule } from './text-rule.ts';

const ENDPOINT: TextRule = {
  allowed:
    'an `http://` or `https://` URL with its path and without user, query and fragment, e.g. `http://otel-collector:4318/v1/traces`',
  accepts: isEndpoint,
};

// RFC 9110 section 5.6.2 in any case, without the fields that the request itself needs.
const HEADER_NAME: TextRule = {
  allowed: 'the name of a header that may be added',
  accepts: (t) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(t) && !OWN_HEADERS.has(t.toLowerCase()),
};
const OWN_HEADERS = new Set(
  (
    'accept-encoding connection content-encoding content-length content-type expect host keep-alive ' +
    'proxy-connection te trailer transfer-encoding upgrade'
  ).split(' '),
);
const HEADER_VALUE: TextRule = {
  allowed: 'a header value: 1 to 4096 visible characters, with spaces only between them',
  accepts: (t) => t.length <= 4096 && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(t),
};

/** Absent = off: nothing of it is loaded. */
export const tracing = absentSection(
  {
    endpoint: text(ENDPOINT, 'Where a collector takes OTLP/HTTP with JSON; used as it is.'),
    sample: fraction(
      0.01,
      'Part of the traces that begin here, and of strangers’. An authenticated caller’s trace is sampled as it says.',
    ),
    headers: secretMap(
      { key: HEADER_NAME, value: HEADER_VALUE },
      'Sent with every export, e.g. `authorization`. Values are never shown.',
    ),
    ca: pathOrNone(
      'CA certificates in PEM that an `https` endpoint must have one of; without it those that Node ships. Read at the start.',
    ),
    interval: duration(
      { default: '5s', min: '100ms', max: '1m' },
      'Longest wait of a span; 512 of them go at once.',
    ),
    timeout: duration({ default: '10s', min: '100ms', max: '1m' }, 'For one export.'),
  },
  'OpenTelemetry spans of requests. Without this section there are none, and nothing is loaded for them.',
);

function isEndpoint(text: string): boolean {
  if (text.length > 2048 || !URL.canParse(text)) return false;
  const { protocol, username, password, search, hash, pathname } = new URL(text);
  const bare = username === '' && password === '' && search === '' && hash === '';
  // The most common mistake is the address of the collector alone, which answers 404.
  return (protocol === 'http:' || protocol === 'https:') && bare && pathname !== '/';
}
