// The static table of RFC 7541 appendix A.
import { type Field, isName, isValue, kindOf, LINE_EXTRA_BYTES } from './field.ts';

/** In the order of the standard: index 1 first. */
const ENTRIES: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** The first index of the dynamic table. */
export const DYNAMIC_FIRST = ENTRIES.length + 1;

/** The entries, each ready to be copied; index 1 is at 0. */
export const STATIC_FIELDS: readonly Field[] = ENTRIES.map(([name, value]) => {
  const source = Buffer.from(`${name}: ${value}\r\n`, 'latin1');
  return {
    source,
    start: 0,
    end: name.length + value.length + LINE_EXTRA_BYTES,
    nameEnd: name.length,
    kind: kindOf(source, 0, name.length),
    malformed: !isName(source, 0, name.length) || !isValue(source, name.length + 2, source.length - 2),
    sensitive: false,
  };
});
