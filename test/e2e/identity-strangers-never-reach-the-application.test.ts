// Certificates that are not an acceptable X509-SVID: each is refused with its reason, and never a byte
// arrives.
import { writeFileSync } from 'node:fs';
import type tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { basicConstraints, keyUsage, subjectAltName } from '../../certs/authority/build-certificate.ts';
import { EXTENSION } from '../../certs/x509/extensions.ts';
import { withExtension, withoutExtension } from '../unit/certs/make-certificate.ts';
import { run } from './stage/foreign.ts';
import { eventually, handshakes, openConnections } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const PARTNER_WEB = 'spiffe://partner.example/ns/shop/sa/web';
const DAY_MS = 86_400_000;
const IDENTITY = `trustDomain: example.org
files:
  certificate: server.pem
  key: server.key
  bundles: { example.org: ca.pem, partner.example: partner.pem, stale.example: stale.pem }
  crls: { example.org: ca.crl, stale.example: stale.crl }`;
const ALLOW_ANY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: any, namespace: shop }
spec: { action: ALLOW, rules: [{ from: [{ source: { principals: ["*"] } }] }] }
`;

/** The CAs that play a part. */
interface Cast {
  readonly own: Authority;
  readonly intermediate: Authority;
  readonly partner: Authority;
  readonly stale: Authority;
  readonly unknown: Authority;
}

interface Stranger {
  readonly name: string;
  readonly reason: string;
  /** A part of the log line's message. */
  readonly says: string;
  issue(cast: Cast, name: string): Promise<SvidFiles>;
}

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let cast: Cast;
let revoked: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  cast = {
    own: stage.authority,
    intermediate: await stage.authority.createIntermediate(),
    partner: await createAuthority({ trustDomain: 'partner.example' }),
    stale: await createAuthority({ trustDomain: 'stale.example' }),
    unknown: await createAuthority({ trustDomain: 'example.org' }),
  };
  const issued = await cast.own.issue({ spiffeId: WEB });
  revoked = {
    certificate: stage.write('revoked.pem', issued.chainPem),
    key: stage.write('revoked.key', issued.privateKeyPem ?? ''),
    certificatePem: issued.chainPem,
    keyPem: issued.privateKeyPem ?? '',
  };
  stage.write('partner.pem', cast.partner.certificatePem);
  stage.write('stale.pem', cast.stale.certificatePem);
  writeFileSync(stage.path('ca.crl'), cast.own.issueCrl({ revokedSerials: [issued.serial] }));
  const ended = { revokedSerials: [], thisUpdateMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS };
  writeFileSync(stage.path('stale.crl'), cast.stale.issueCrl(ended));
  proxy = await stage.start({
    upstreamPort: application.port,
    identity: IDENTITY,
    policies: { 'any.yaml': ALLOW_ANY },
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const svid = (name: string, options: Parameters<Stage['svid']>[2] = {}): Promise<SvidFiles> =>
  stage.svid(name, WEB, options);

const STRANGERS: readonly Stranger[] = [
  {
    name: 'an expired certificate',
    reason: 'expired-certificate',
    says: 'the certificate expired at',
    issue: (_, name) => svid(name, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }),
  },
  {
    name: 'a certificate that is not valid yet',
    reason: 'expired-certificate',
    says: 'is not valid before',
    issue: (_, name) => svid(name, { nowMs: Date.now() + DAY_MS }),
  },
  {
    name: 'a trust domain without a bundle',
    reason: 'wrong-trust-domain',
    says: 'no bundle for trust domain `evil.example`',
    issue: async (_, name) =>
      stage.svid(name, 'spiffe://evil.example/ns/shop/sa/web', {
        authority: await createAuthority({ trustDomain: 'evil.example' }),
      }),
  },
  {
    name: 'our ID signed by the CA of a federated trust domain',
    reason: 'wrong-trust-domain',
    says: 'an ID of trust domain `example.org` is signed by the bundle of `partner.example`',
    issue: ({ partner }, name) =>
      stage.svid(name, PARTNER_WEB, {
        authority: partner,
        adjust: withExtension((e) => subjectAltName(e, { uris: [WEB] })),
      }),
  },
  {
    name: 'an ID of the federated trust domain signed by our CA',
    reason: 'wrong-trust-domain',
    says: 'is signed by the bundle of `example.org`',
    issue: (_, name) =>
      svid(name, { adjust: withExtension((e) => subjectAltName(e, { uris: [PARTNER_WEB] })) }),
  },
  {
    name: 'a CA of the same name that nobody knows',
    reason: 'untrusted-certificate',
    says: 'no path from the certificate',
    issue: ({ unknown }, name) => svid(name, { authority: unknown }),
  },
  {
    name: 'a missing intermediate',
    reason: 'untrusted-certificate',
    says: 'no path from the certificate',
    issue: async ({ intermediate }, name) => {
      const files = await svid(name, { authority: intermediate });
      const leaf = `${files.certificatePem.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n`;
      return { ...files, certificate: stage.write(`${name}.pem`, leaf), certificatePem: leaf };
    },
  },
  {
    name: 'a leaf that is a CA',
    reason: 'invalid-svid',
    says: 'it is a CA',
    issue: (_, name) => svid(name, { adjust: withExtension((e) => basicConstraints(e, true, null)) }),
  },
  {
    name: 'the CA itself',
    reason: 'invalid-svid',
    says: 'X509-SVID section',
    issue: async ({ own }) => ({
      certificate: stage.path('ca.pem'),
      key: stage.write('ca.key', own.privateKeyPem),
      certificatePem: own.certificatePem,
      keyPem: own.privateKeyPem,
    }),
  },
  {
    name: 'no SAN at all',
    reason: 'invalid-svid',
    says: 'it has no URI SAN',
    issue: (_, name) => svid(name, { adjust: withoutExtension(EXTENSION.subjectAltName) }),
  },
  {
    name: 'DNS names only',
    reason: 'invalid-svid',
    says: 'it has no URI SAN',
    issue: (_, name) =>
      svid(name, { adjust: withExtension((e) => subjectAltName(e, { dnsNames: ['web'] })) }),
  },
  {
    name: 'two URI SANs',
    reason: 'invalid-svid',
    says: '2 URI SANs',
    issue: (_, name) =>
      svid(name, { adjust: withExtension((e) => subjectAltName(e, { uris: [WEB, `${WEB}2`] })) }),
  },
  {
    name: 'a URI that is no SPIFFE ID',
    reason: 'invalid-svid',
    says: 'X509-SVID section 5.2',
    issue: (_, name) =>
      svid(name, { adjust: withExtension((e) => subjectAltName(e, { uris: [`${WEB}/../admin`] })) }),
  },
  {
    name: 'a leaf that may sign certificates',
    reason: 'invalid-svid',
    says: 'keyCertSign',
    issue: (_, name) =>
      svid(name, { adjust: withExtension((e) => keyUsage(e, ['digitalSignature', 'keyCertSign'])) }),
  },
  {
    name: 'a certificate on the CRL',
    reason: 'revoked-certificate',
    says: 'is revoked by',
    issue: () => Promise.resolve(revoked),
  },
  {
    name: 'a certificate of a CA whose CRL is stale',
    reason: 'revoked-certificate',
    says: 'is stale',
    issue: ({ stale }, name) =>
      stage.svid(name, 'spiffe://stale.example/ns/shop/sa/web', { authority: stale }),
  },
];

test.each(STRANGERS.map((stranger, index) => ({ ...stranger, index })))(
  '$name is refused as $reason',
  async ({ issue, reason, says, index }) => {
    const files = await issue(cast, `stranger-${index}`);
    const before = await handshakes(stage, reason);
    // An address of its own: refusals of one address and reason share a line.
    const localAddress = `127.0.1.${index + 1}`;
    const caller = await call(stage, files, { localAddress } as tls.ConnectionOptions);
    caller.send(get('/items/1'));
    expect(await caller.end()).toBe('');
    const line = await proxy.line((one) => JSON.stringify(one).includes(`"${localAddress}"`));
    expect(line).toMatchObject({ verdict: 'deny', reason, source: { principal: null } });
    expect(line['message']).toContain(says);
    await eventually(
      () => handshakes(stage, reason),
      (n) => n === before + 1,
    );
  },
);

test('openssl as a stranger learns nothing from the application either', async () => {
  const files = await svid('expired', { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS });
  const target = ['-connect', `127.0.0.1:${stage.port}`, '-CAfile', stage.path('ca.pem'), '-ign_eof'];
  const { out } = await run(
    'openssl',
    ['s_client', ...target, '-cert', files.certificate, '-key', files.key],
    {
      input: get('/'),
    },
  );
  expect(out).not.toContain('HTTP/1.1');
});

test('not one of them made a connection to the application, and none is left open', async () => {
  expect(application.connections).toEqual([]);
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
});

test.each([
  { name: 'a certificate of the own CA', issue: () => svid('friend') },
  {
    name: 'a certificate below an intermediate that is sent',
    issue: () => svid('below', { authority: cast.intermediate }),
  },
  {
    name: 'a certificate of the federated trust domain, signed by its CA',
    issue: () => stage.svid('partner-web', PARTNER_WEB, { authority: cast.partner }),
  },
])('$name reaches it', async ({ issue }) => {
  const caller = await call(stage, await issue());
  caller.send(get('/', 'Connection: close\r\n'));
  expect(await caller.end()).toMatch(/^HTTP\/1\.1 200 OK/);
});
