// Answers of a Kubernetes API server to a TokenReview: only a whole and unambiguous yes is one.
import { describe, expect, test } from 'vitest';
import { parseUserName, readReview } from '../../../../../certs/issuer/kubernetes/read-review.ts';

const USER = { username: 'system:serviceaccount:shop:web' };
const STATUS = { authenticated: true, audiences: ['sallyport'], user: USER };
const read = (value: unknown) => readReview(Buffer.from(JSON.stringify(value)), 'sallyport');
const podNamed = (...names: unknown[]) =>
  read({
    status: { ...STATUS, user: { ...USER, extra: { 'authentication.kubernetes.io/pod-name': names } } },
  });

describe('a review', () => {
  test('names the service account, and the pod where there is one', () => {
    const account = { namespace: 'shop', serviceAccount: 'web' };
    expect(read({ status: STATUS })).toEqual({ ok: true, account: { ...account, pod: null } });
    expect(podNamed('web-1')).toEqual({ ok: true, account: { ...account, pod: 'web-1' } });
  });

  test.each([
    ['two pods', ['a', 'b']],
    ['no text', [1]],
    ['no name', ['A\n']],
  ] as const)('has no pod for %s', (_name, names) =>
    expect(podNamed(...names)).toMatchObject({ account: { pod: null } }),
  );

  const REFUSED: readonly { name: string; value: unknown; expect: string }[] = [
    { name: 'null', value: null, expect: 'not authenticated' },
    { name: 'a list', value: [], expect: 'not authenticated' },
    { name: 'no status', value: {}, expect: 'not authenticated' },
    { name: 'false', value: { status: { ...STATUS, authenticated: false } }, expect: 'not authenticated' },
    {
      name: 'yes as a text',
      value: { status: { ...STATUS, authenticated: 'true' } },
      expect: 'not authenticated',
    },
    { name: 'an error', value: { status: { error: 'token has expired' } }, expect: 'token has expired' },
    {
      name: 'yes and an error',
      value: { status: { ...STATUS, error: 'token has expired' } },
      expect: 'token has expired',
    },
    {
      name: 'yes and an error that is no text',
      value: { status: { ...STATUS, error: { toString: 1 } } },
      expect: 'an error',
    },
    { name: 'no audience', value: { status: { ...STATUS, audiences: undefined } }, expect: 'audience' },
    { name: 'another audience', value: { status: { ...STATUS, audiences: ['vault'] } }, expect: 'audience' },
    {
      name: 'an audience as a text',
      value: { status: { ...STATUS, audiences: 'sallyport' } },
      expect: 'audience',
    },
    { name: 'no user', value: { status: { ...STATUS, user: undefined } }, expect: 'service account' },
    {
      name: 'a person',
      value: { status: { ...STATUS, user: { username: 'jo' } } },
      expect: 'service account',
    },
  ];
  test.each(REFUSED)('is refused with $name', ({ value, expect: said }) => {
    expect(read(value)).toEqual({ ok: false, message: expect.stringContaining(said) });
  });

  test('that is no JSON is refused', () => {
    expect(readReview(Buffer.from('{'), 'sallyport')).toEqual({
      ok: false,
      message: 'the answer is not JSON',
    });
  });
});

describe('a user name', () => {
  test.each([
    'system:serviceaccount:a:b',
    'system:serviceaccount:kube-system:a.b-c',
    `system:serviceaccount:a:${'b'.repeat(253)}`,
  ])('%s is a service account', (name) => expect(parseUserName(name)).not.toBeNull());
  test.each([
    '',
    'system:serviceaccount:',
    'system:serviceaccount:a',
    'system:serviceaccount:a:',
    'system:serviceaccount::b',
    'system:serviceaccount:a:b:c',
    'System:serviceaccount:a:b',
    ' system:serviceaccount:a:b',
    'system:serviceaccount:a:b ',
    'system:serviceaccount:a:b\n',
    'system:serviceaccount:a.b:c',
    'system:serviceaccount:A:b',
    'system:serviceaccount:-a:b',
    'system:serviceaccount:a-:b',
    'system:serviceaccount:a:b/../c',
    'system:serviceaccount:a:b%2f',
    'system:serviceaccount:a:..',
    'system:serviceaccount:ä:b',
    `system:serviceaccount:${'a'.repeat(64)}:b`,
    `system:serviceaccount:a:${'b'.repeat(254)}`,
    'system:node:a',
    'system:serviceaccounts:a:b',
  ])('%j is none', (name) => expect(parseUserName(name)).toBeNull());
});
