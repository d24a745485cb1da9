// The DNS names of an SVID are for programs that know no SPIFFE IDs: whoever may create a service account in
// one namespace must not get the name of a service in another, or on the internet.
import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { openTestIssuer, type TestIssuer } from './open-test-issuer.ts';

let t: TestIssuer;
beforeEach(async () => {
  t = await openTestIssuer();
});

const ROWS: readonly { name: string; account: string; namespace?: string; expect: string[] }[] = [
  { name: 'a name', account: 'web', expect: ['web.evil', 'web.evil.svc'] },
  { name: 'a host of the internet', account: 'www.bank.example', expect: ['www.bank.example.evil.svc'] },
  { name: 'a service elsewhere', account: 'web.shop.svc', expect: ['web.shop.svc.evil.svc'] },
  { name: 'a service elsewhere, shorter', account: 'web.shop', expect: ['web.shop.evil.svc'] },
  {
    name: 'a service of a namespace `svc`',
    account: 'web.shop',
    namespace: 'svc',
    expect: ['web.shop.svc.svc'],
  },
  { name: 'the issuer', account: 'issuer.sallyport.svc', expect: ['issuer.sallyport.svc.evil.svc'] },
  { name: 'an address', account: '10.0.0.1', expect: ['10.0.0.1.evil.svc'] },
  { name: 'too long a name', account: `a.${'b'.repeat(63)}.${'c'.repeat(180)}`, expect: [] },
];

const namesIn = (chainPem: string): readonly string[] =>
  (new X509Certificate(chainPem).subjectAltName ?? '')
    .split(', ')
    .flatMap((one) => (one.startsWith('DNS:') ? [one.slice(4)] : []));

// Whoever has it could be the server at the other end of a `kubectl port-forward`, or any on a shared host.
describe('nobody is `localhost` unless an operator said so', () => {
  test.each([
    { id: 'spiffe://example.org/ns/shop/sa/web', expect: ['web', 'web.shop', 'web.shop.svc'] },
    { id: 'spiffe://example.org/host/backup', expect: ['backup'] },
    { id: 'spiffe://example.org/ns/shop/sa/localhost', expect: ['localhost.shop', 'localhost.shop.svc'] },
    { id: 'spiffe://example.org/host/localhost', expect: [] },
  ])('$id', ({ id, expect: expected }) => {
    expect(namesIn(t.join(id).chainPem)).toEqual(expected);
    expect(namesIn(t.ask({ kind: 'local', spiffeId: id, detail: '' }).chainPem)).toEqual(expected);
  });

  test('a token with the name', () => {
    const request = { spiffeId: 'spiffe://example.org/w', ttlMs: 60_000, author: 'test' };
    const { token } = t.issuer.createJoinToken({ ...request, dnsNames: ['localhost'] });
    expect(namesIn(t.ask({ kind: 'join-token', token }).chainPem)).toEqual(['localhost']);
  });
});

describe('a service account that is called like', () => {
  test.each(ROWS)('$name', ({ account: serviceAccount, namespace = 'evil', expect: expected }) => {
    const issued = t.ask({ kind: 'kubernetes', namespace, serviceAccount, pod: null });
    expect(namesIn(issued.chainPem)).toEqual(expected);
    // Renewed, it has no others.
    expect(namesIn(t.renew(issued).chainPem)).toEqual(expected);
  });
});
