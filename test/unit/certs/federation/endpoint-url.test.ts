// URLs of bundle endpoints: what may be configured, and where a redirect may lead.
import { describe, expect, test } from 'vitest';
import { parseEndpointUrl, readEndpointUrl } from '../../../../certs/federation/endpoint-url.ts';

const GOOD = [
  {
    name: 'host and path',
    text: 'https://a.example/bundle.json',
    expect: ['https://a.example', '/bundle.json'],
  },
  { name: 'no path', text: 'https://a.example', expect: ['https://a.example', '/'] },
  { name: 'a port', text: 'https://a.example:8443/b', expect: ['https://a.example:8443', '/b'] },
  {
    name: 'a query',
    text: 'https://a.example/b?sig=x%2Fy@z',
    expect: ['https://a.example', '/b?sig=x%2Fy@z'],
  },
  { name: 'an IPv4 address', text: 'https://192.0.2.1/b', expect: ['https://192.0.2.1', '/b'] },
  {
    name: 'an IPv6 address',
    text: 'https://[2001:db8::1]:8443/b',
    expect: ['https://[2001:db8::1]:8443', '/b'],
  },
  { name: 'an at sign in the path', text: 'https://a.example/@b', expect: ['https://a.example', '/@b'] },
] as const;

const BAD = [
  { name: 'nothing', text: '', expect: 'is not a URL' },
  { name: 'a path alone', text: '/bundle.json', expect: 'is not a URL' },
  { name: 'no host', text: 'https:///', expect: 'is not a URL' },
  { name: 'http', text: 'http://a.example/b', expect: 'is not https' },
  { name: 'a file', text: 'file:///etc/b', expect: 'is not https' },
  { name: 'spiffe', text: 'spiffe://a.example', expect: 'is not https' },
  { name: 'a data URL', text: 'data:application/json,{}', expect: 'is not https' },
  { name: 'a user', text: 'https://user@a.example/b', expect: 'has userinfo' },
  { name: 'a user and a password', text: 'https://u:p@a.example/b', expect: 'has userinfo' },
  { name: 'an empty user', text: 'https://@a.example/b', expect: 'has userinfo' },
  { name: 'an empty user and password', text: 'https://:@a.example/b', expect: 'has userinfo' },
  { name: 'a host that looks like another', text: 'https://a.example@b.example/', expect: 'has userinfo' },
  { name: 'a fragment', text: 'https://a.example/b#c', expect: 'has a fragment' },
  { name: 'an empty fragment', text: 'https://a.example/b#', expect: 'has a fragment' },
  { name: 'a space', text: 'https://a.example/b c', expect: 'has a character outside of ASCII or a space' },
  { name: 'a newline', text: 'https://a.example/b\nc', expect: 'has a character' },
  { name: 'a tab in the scheme', text: 'ht\ttps://a.example/b', expect: 'has a character' },
  { name: 'a backslash', text: 'https:\\\\a.example/b', expect: 'has a character' },
  { name: 'another alphabet', text: 'https://а.example/b', expect: 'has a character' },
  { name: 'a port that is none', text: 'https://a.example:99999/', expect: 'is not a URL' },
  {
    name: 'too many characters',
    text: `https://a.example/${'x'.repeat(2_048)}`,
    expect: 'is longer than 2048',
  },
];

describe('a configured URL', () => {
  test.each(GOOD)('with $name is taken', ({ text, expect: [origin, target] }) => {
    expect(parseEndpointUrl(text)).toMatchObject({ origin, target });
  });

  test.each(BAD)('with $name is refused', ({ text, expect: why }) => {
    expect(() => parseEndpointUrl(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_BUNDLE_ENDPOINT_URL',
        message: expect.stringContaining(why),
        hint: expect.stringContaining('https://'),
      }),
    );
  });

  test('is shown without its query, which may be a secret', () => {
    expect(parseEndpointUrl('https://a.example/b?token=x').shown).toBe('https://a.example/b');
  });
});

describe('a Location', () => {
  const base = parseEndpointUrl('https://a.example:8443/x/bundle.json?a');
  test.each([
    { name: 'a path', text: '/c', expect: 'https://a.example:8443/c' },
    { name: 'a relative path', text: 'c?d', expect: 'https://a.example:8443/x/c?d' },
    { name: 'another host', text: 'https://b.example/c', expect: 'https://b.example/c' },
    { name: 'another host without scheme', text: '//b.example/c', expect: 'https://b.example/c' },
  ])('that is $name is followed', ({ text, expect: wanted }) => {
    const url = readEndpointUrl(text, base);
    expect(typeof url === 'string' ? url : url.origin + url.target).toBe(wanted);
  });

  test.each([
    { name: 'http', text: 'http://a.example/c', expect: 'is not https' },
    { name: 'a user without scheme', text: '//u@b.example/c', expect: 'has userinfo' },
    { name: 'a script', text: 'javascript:0', expect: 'is not https' },
    { name: 'a header that goes on', text: '/c\r\nx: y', expect: 'has a character' },
  ])('that is $name is not', ({ text, expect: why }) => expect(readEndpointUrl(text, base)).toContain(why));
});
