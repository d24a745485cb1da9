// Which workload a proxy stands for, and how values are written.
import { describe, expect, it } from 'vitest';
import { resolveWorkload } from '../../../../core/config/config.ts';
import { configKeys } from '../../../../core/config/keys.ts';
import {
  formatAddress,
  formatDuration,
  formatSize,
  isLoopback,
  parseConnectAddress,
  parseDuration,
  parseListenAddress,
  parseSize,
} from '../../../../core/config/values.ts';
import { parseSpiffeId } from '../../../../core/spiffe-id.ts';

describe('resolveWorkload', () => {
  const labels = { app: 'web' };
  const web = 'spiffe://example.org/ns/shop/sa/web';
  const accepted = [
    { name: 'both from the SVID', id: web, said: {}, expect: ['shop', 'web'] },
    {
      name: 'both said and equal',
      id: web,
      said: { namespace: 'shop', serviceAccount: 'web' },
      expect: ['shop', 'web'],
    },
    {
      name: 'an SVID without a namespace',
      id: 'spiffe://example.org/web',
      said: { namespace: 'shop' },
      expect: ['shop', null],
    },
  ];
  it.each(accepted)('$name', ({ id, said, expect: [namespace, serviceAccount] }) => {
    expect(resolveWorkload({ workload: { labels, ...said } }, parseSpiffeId(id))).toEqual({
      namespace,
      serviceAccount,
      labels,
    });
  });

  const refused = [
    {
      name: 'another namespace',
      id: web,
      said: { namespace: 'bank' },
      expect: 'workload.namespace is `bank`',
    },
    {
      name: 'another account',
      id: web,
      said: { serviceAccount: 'db' },
      expect: 'workload.serviceAccount is `db`',
    },
    { name: 'no namespace anywhere', id: 'spiffe://example.org/web', said: {}, expect: 'names no namespace' },
    {
      name: 'six segments are no namespace',
      id: 'spiffe://example.org/ns/shop/sa/web/x',
      said: {},
      expect: 'names no namespace',
    },
  ];
  it.each(refused)('refuses $name', ({ id, said, expect: expected }) => {
    expect(() => resolveWorkload({ workload: { labels, ...said } }, parseSpiffeId(id))).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_WORKLOAD', message: expect.stringContaining(expected) }),
    );
  });
});

describe('values', () => {
  it.each([
    ['0s', 0],
    ['1ms', 1],
    ['500ms', 500],
    ['30s', 30_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
  ])('duration %s', (text, value) => expect(parseDuration(text)).toEqual({ value }));

  it.each([
    [0, '0s'],
    [500, '500ms'],
    [30_000, '30s'],
    [90_000, '90s'],
    [300_000, '5m'],
    [86_400_000, '1d'],
    [Number.POSITIVE_INFINITY, 'none'],
  ])('%d ms is written %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it.each([
    [0, '0B'],
    [1000, '1000B'],
    [65_536, '64KiB'],
    [1024 ** 3, '1GiB'],
    [Number.POSITIVE_INFINITY, 'none'],
  ])('%d bytes are written %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));

  it.each([
    '',
    '5',
    's',
    '5 s',
    '5S',
    '-5s',
    '1.5s',
    '1e3s',
    '5sec',
    '5M',
    '0x5s',
    '5s5s',
    'none',
    '9999999999999999s',
  ])('no duration: %j', (text) => expect(parseDuration(text)).toHaveProperty('fault'));

  it.each(['', '5', 'KiB', '5KB', '5kib', '5 KiB', '-5B', '5K', '5TiB', '5toString', '5constructor'])(
    'no size: %j',
    (text) => expect(parseSize(text)).toHaveProperty('fault'),
  );

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::]:8443', { host: '::', port: 8443 }],
  ])('listen %s', (text, value) => {
    expect(parseListenAddress(text)).toEqual({ value });
    expect(formatAddress(value)).toBe(text);
  });

  it.each([
    '',
    ':',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:x',
    '127.0.0.1:65536',
    '127.0.0.1:999999',
    '127.0.0.1:-1',
    '127.0.0.01:80',
    '[127.0.0.1]:80',
    '[::1]',
    '::1:80',
    '[::1%eth0]:80',
    'web:80',
    'localhost:80',
    '127.0.0.1:80 ',
    'unix:/run/x.sock',
  ])('no listen address: %j', (text) => expect(parseListenAddress(text)).toHaveProperty('fault'));

  it.each(['a.b:80', 'web-1:80', 'x_y:80', '10.0.0.1:80', '[fe80::1]:80'])('connect %s', (text) =>
    expect(parseConnectAddress(text)).toHaveProperty('value'),
  );

  it.each([
    'web',
    'web:0',
    '-web:80',
    'web-:80',
    'a..b:80',
    '.a:80',
    'a.:80',
    '10.0.0.256:80',
    '10.0.0:80',
    'ü:80',
    'http://web:80',
    `${'a'.repeat(64)}:80`,
  ])('no connect address: %j', (text) => expect(parseConnectAddress(text)).toHaveProperty('fault'));

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
    ['localhost', false],
  ])('%s is loopback: %s', (host, expected) => expect(isLoopback(host)).toBe(expected));
});

it('every key is described, and every one that is not a section says what it takes', () => {
  const keys = configKeys();
  expect(keys.filter((k) => k.description === '').map((k) => k.path)).toEqual([]);
  expect(keys.filter((k) => k.facts === undefined).map((k) => k.path)).toEqual([
    'workload',
    'identity',
    'identity.files',
    'identity.workloadApi',
    'identity.issuer',
    'identity.federation[]',
    'listeners[]',
    'listeners[].upstream',
    'listeners[].destinations[]',
    'listeners[].limits',
    'listeners[].timeouts',
    'listeners[].paths',
    'listeners[].proxyProtocol',
    'policy',
    'status',
    'admin',
    'log',
    'flows',
    'tracing',
    'shutdown',
  ]);
});
