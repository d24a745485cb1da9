// The names that nobody may smuggle past a policy or the application.
import { describe, expect, test } from 'vitest';
import { ProtectedNames } from '../../../../proxy/http1/protected-names.ts';

const names = new ProtectedNames(['x-user', 'x_id', 'x-a_b']);

describe('isLookAlike', () => {
  test.each([
    'x_user',
    'X_User',
    'x-id',
    'X-ID',
    'x-a-b',
    'x_a_b',
    'x_a-b',
    'x_forwarded_client_cert',
    'Content_Length',
  ])('%s', (name) => expect(names.isLookAlike(name)).toBe(true));
  test.each([
    'x-user',
    'X-User',
    'x_id',
    'x-a_b',
    'x-forwarded-client-cert',
    'content-length',
    'x_other',
    'xuser',
    'x--user',
  ])('not %s', (name) => expect(names.isLookAlike(name)).toBe(false));
});

test('only a policy name with `_` makes every name worth a look', () => {
  expect(names.everyName).toBe(true);
  expect(new ProtectedNames(['x-user']).everyName).toBe(false);
});

test('Connection', () => {
  for (const name of [
    'host',
    'content-length',
    'transfer-encoding',
    'authorization',
    'cookie',
    'x-user',
    'x_id',
  ])
    expect(names.refusedInConnection(name), name).toBe(true);
  for (const name of ['te', 'upgrade', 'x-other', 'keep-alive', 'x-forwarded-client-cert'])
    expect(names.refusedInConnection(name), name).toBe(false);
});

test('trailers', () => {
  for (const name of [
    'host',
    'content-md5',
    'content_type',
    'x-user',
    'x_user',
    'x-id',
    'sec-x',
    'proxy-x',
    'set-cookie',
  ])
    expect(names.refusedInTrailers(name), name).toBe(true);
  for (const name of ['grpc-status', 'grpc-message', 'server-timing', 'etag', 'x-checksum', 'digest'])
    expect(names.refusedInTrailers(name), name).toBe(false);
});
