// Nothing is said to a server that is not the issuer: every byte that an impostor decrypts is recorded.
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { connectIssuer } from '../../../../certs/issuer-client/connect.ts';
import { IssuerApi } from '../../../../certs/issuer-client/issuer-api.ts';
import type { IssuerTrust } from '../../../../certs/issuer-client/verify-issuer.ts';
import { fingerprintOf } from '../../../../certs/x509/certificate.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import { systemClock } from '../../../../core/clock.ts';
import { ScriptedIssuer, type ScriptedOptions } from './scripted-issuer.ts';

const DAY_MS = 86_400_000;
const ISSUER = 'spiffe://example.org/sallyport/issuer';

let ca: Authority;
let stranger: Authority;
let foreign: Authority;
const running: ScriptedIssuer[] = [];

beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  stranger = await createAuthority({ trustDomain: 'example.org' });
  foreign = await createAuthority({ trustDomain: 'b.example' });
});

afterEach(async () => {
  for (const issuer of running.splice(0)) await issuer.stop();
});

const trusting = (...anchors: Authority[]): IssuerTrust => ({
  trustDomain: 'example.org',
  anchors: anchors.map(({ certificate }) => certificate),
  crls: [],
  pin: null,
});
const pinning = (authority: Authority): IssuerTrust => ({
  ...trusting(),
  pin: fingerprintOf(authority.certificate.der),
});

/** What a server presents that has an SVID from `authority`, and what else it sends. */
async function presenting(
  authority: Authority,
  request: Partial<Parameters<Authority['issue']>[0]> = {},
  ...more: readonly Authority[]
): Promise<Partial<ScriptedOptions>> {
  const svid = await authority.issue({ spiffeId: ISSUER, ...request });
  const rest = more.map(({ certificatePem }) => certificatePem).join('');
  return { chainPem: svid.chainPem + rest, privateKeyPem: svid.privateKeyPem ?? '' };
}

interface Row {
  readonly name: string;
  readonly trust: () => IssuerTrust;
  readonly server: () => Promise<Partial<ScriptedOptions>>;
  readonly says: RegExp;
}

const IMPOSTORS: readonly Row[] = [
  {
    name: 'an SVID of another CA, by the bundle',
    trust: () => trusting(ca),
    server: () => presenting(stranger, {}, stranger),
    says: /untrusted-certificate/,
  },
  {
    name: 'another workload of the own trust domain',
    trust: () => trusting(ca),
    server: () => presenting(ca, { spiffeId: 'spiffe://example.org/ns/shop/sa/web' }, ca),
    says: /it is `spiffe:\/\/example.org\/ns\/shop\/sa\/web`/,
  },
  {
    name: 'an ID that only begins like the issuer’s',
    trust: () => trusting(ca),
    server: () => presenting(ca, { spiffeId: `${ISSUER}s` }, ca),
    says: /it is `spiffe:\/\/example.org\/sallyport\/issuers`/,
  },
  {
    name: 'the issuer of another trust domain',
    trust: () => trusting(ca),
    server: () => presenting(foreign, { spiffeId: 'spiffe://b.example/sallyport/issuer' }, foreign),
    says: /wrong-trust-domain/,
  },
  {
    name: 'an expired SVID',
    trust: () => trusting(ca),
    server: () => presenting(ca, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }, ca),
    says: /expired-certificate/,
  },
  {
    name: 'a revoked SVID',
    trust: () => trusting(ca),
    server: () => presenting(ca, {}, ca),
    says: /revoked-certificate/,
  },
  {
    name: 'a revoked SVID below the pinned root',
    trust: () => ({ ...pinning(ca), anchors: [ca.certificate] }),
    server: () => presenting(ca, {}, ca),
    says: /revoked-certificate/,
  },
  {
    name: 'no bundle and no pin at all',
    trust: () => trusting(),
    server: () => presenting(ca, {}, ca),
    says: /there is no bundle/,
  },
  {
    name: 'a pin of another root',
    trust: () => pinning(stranger),
    server: () => presenting(ca, {}, ca),
    says: /no certificate that it sent is the root/,
  },
  {
    name: 'the pinned root sent along with an SVID that it did not sign',
    trust: () => pinning(ca),
    server: () => presenting(stranger, {}, ca),
    says: /untrusted-certificate/,
  },
  {
    name: 'the pinned root and the stranger’s, in the stranger’s chain',
    trust: () => pinning(ca),
    server: () => presenting(stranger, {}, stranger, ca),
    says: /untrusted-certificate/,
  },
  {
    name: 'a workload below the pinned root',
    trust: () => pinning(ca),
    server: () => presenting(ca, { spiffeId: 'spiffe://example.org/ns/shop/sa/web' }, ca),
    says: /it is `spiffe:/,
  },
  {
    name: 'an expired SVID below the pinned root',
    trust: () => pinning(ca),
    server: () => presenting(ca, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }, ca),
    says: /expired-certificate/,
  },
  {
    name: 'the pinned root without the root itself',
    trust: () => pinning(ca),
    server: () => presenting(ca),
    says: /no certificate that it sent is the root/,
  },
  {
    name: 'a pin of an intermediate, which is no root',
    trust: () => ({ ...trusting(), pin: pinOfIntermediate }),
    server: async () => {
      const below = await ca.createIntermediate();
      pinOfIntermediate = fingerprintOf(below.certificate.der);
      return presenting(below, {}, ca);
    },
    says: /no certificate that it sent is the root/,
  },
];
let pinOfIntermediate = '';

describe('an impostor gets no byte', () => {
  test.each(IMPOSTORS)('$name', async (row) => {
    const server = await ScriptedIssuer.start({ authority: ca, ...(await row.server()) });
    running.push(server);
    let trust = row.trust();
    if (row.says.source === 'revoked-certificate') {
      const serials = await serialOf(server);
      trust = { ...trust, crls: [parseCrl(ca.issueCrl({ revokedSerials: [serials] }))] };
    }
    const api = new IssuerApi({ host: '127.0.0.1', port: server.port }, systemClock);
    const never = new AbortController().signal;
    const access = { trust, svid: null };
    const asked = api.requestSvid({ csr: 'SECRET', joinToken: 'SECRET' }, access, never);
    await expect(asked).rejects.toMatchObject({
      code: 'ERR_ISSUER_CLIENT_UNVERIFIED',
      message: expect.stringMatching(row.says),
    });
    const polled = api.trust({ after: null, waitMs: null, signal: never }, access);
    await expect(polled).rejects.toMatchObject({ code: 'ERR_ISSUER_CLIENT_UNVERIFIED' });
    await server.stop(); // every connection is at its end
    expect({ received: server.received, asked: server.asked, polls: server.polls }).toEqual({
      received: '',
      asked: [],
      polls: [],
    });
  });
});

/** The serial number of what `server` presents. */
async function serialOf({ port }: ScriptedIssuer): Promise<string> {
  const address = { host: '127.0.0.1', port };
  const socket = await connectIssuer({ address, trust: trusting(ca), svid: null, clock: systemClock });
  const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase() ?? '';
  socket.destroy();
  return serial;
}

describe('the issuer is known', () => {
  test.each<Omit<Row, 'says'>>([
    { name: 'by the bundle', trust: () => trusting(ca), server: () => presenting(ca) },
    {
      name: 'by the bundle, with its root sent along',
      trust: () => trusting(ca),
      server: () => presenting(ca, {}, ca),
    },
    {
      name: 'by a bundle of several CAs',
      trust: () => trusting(stranger, ca),
      server: () => presenting(ca, {}, ca),
    },
    {
      name: 'by the bundle over an intermediate',
      trust: () => trusting(ca),
      server: async () => presenting(await ca.createIntermediate(), {}, ca),
    },
    { name: 'by the pin', trust: () => pinning(ca), server: () => presenting(ca, {}, ca) },
    {
      name: 'by the pin over an intermediate',
      trust: () => pinning(ca),
      server: async () => presenting(await ca.createIntermediate(), {}, ca),
    },
    {
      name: 'by the pin, where the bundle is of another CA',
      trust: () => ({ ...pinning(ca), anchors: [stranger.certificate] }),
      server: () => presenting(ca, {}, ca),
    },
    {
      name: 'by the bundle, where its list has ended',
      trust: () => ({
        ...trusting(ca),
        crls: [
          parseCrl(ca.issueCrl({ revokedSerials: [], thisUpdateMs: Date.now() - DAY_MS, ttlMs: 1_000 })),
        ],
      }),
      server: () => presenting(ca, {}, ca),
    },
  ])('$name', async ({ trust, server: present }) => {
    const server = await ScriptedIssuer.start({ authority: ca, ...(await present()) });
    running.push(server);
    const address = { host: '127.0.0.1', port: server.port };
    const socket = await connectIssuer({ address, trust: trust(), svid: null, clock: systemClock });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
  });
});
