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
  { name: 'a name', account: 'web', expect: ['web.evil', 'web.evil.svc', 'localhost'] },
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

describe('a service account that is called like', () => {
  test.each(ROWS)('$name', ({ account: serviceAccount, namespace = 'evil', expect: expected }) => {
    const issued = t.ask({ kind: 'kubernetes', namespace, serviceAccount, pod: null });
    const names = new X509Certificate(issued.chainPem).subjectAltName ?? '';
    const dns = names.split(', ').flatMap((one) => (one.startsWith('DNS:') ? [one.slice(4)] : []));
    expect(dns).toEqual([...new Set([...expected, 'localhost'])]);
    // Renewed, it has no others.
    expect(new X509Certificate(t.renew(issued).chainPem).subjectAltName).toBe(names);
  });
});
