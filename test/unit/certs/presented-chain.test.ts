// What a handshake shows of the own chain: all that a peer with the root alone needs, and nothing that
// OpenSSL would have to look for again in every handshake.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect, TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../../certs/authority/authority.ts';
import type { CertificateSpec } from '../../../certs/authority/build-certificate.ts';
import { presentedChain, verifyIdentity } from '../../../certs/identity-material.ts';
import { Findings } from '../../../certs/read-files.ts';
import { chainOf } from '../../../certs/verify-peer.ts';
import { type Certificate, parseCertificate } from '../../../certs/x509/certificate.ts';
import { createOwnIdentity } from '../../../proxy/tls/own-identity.ts';
import { ID, TRUST_DOMAIN, trust } from './make-certificate.ts';

let root: Authority;
let successor: Authority;
let intermediate: Authority;
let foreign: Authority;
beforeAll(async () => {
  let names: Pick<CertificateSpec, 'subject' | 'issuer'> | null = null;
  const adjust = (spec: CertificateSpec): CertificateSpec => {
    names ??= { subject: spec.subject, issuer: spec.issuer };
    return { ...spec, ...names };
  };
  root = await createAuthority({ trustDomain: TRUST_DOMAIN, adjust });
  successor = await createAuthority({ trustDomain: TRUST_DOMAIN, adjust });
  intermediate = await root.createIntermediate();
  foreign = await createAuthority({ trustDomain: 'b.example' });
});

const parsed = (svid: IssuedSvid): Certificate[] => svid.chainDer.map((der) => parseCertificate(der));
const bundleOf = (...anchors: readonly Authority[]) =>
  trust([TRUST_DOMAIN, anchors]).bundles.get(TRUST_DOMAIN);

describe('the presented chain', () => {
  test('of a leaf alone has its CA, the one of that key where several share a name', async () => {
    const [leaf] = parsed(await root.issue({ spiffeId: ID }));
    expect(leaf?.issuer).toBe(successor.certificate.subject);
    for (const anchors of [[root], [root, successor], [successor, root]])
      expect(presentedChain([leaf as Certificate], bundleOf(...anchors))).toEqual([leaf, root.certificate]);
  });

  test('of a leaf below an intermediate that is the anchor has the intermediate', async () => {
    const [leaf] = parsed(await intermediate.issue({ spiffeId: ID }));
    expect(presentedChain([leaf as Certificate], bundleOf(intermediate))).toEqual([
      leaf,
      intermediate.certificate,
    ]);
  });

  test('with intermediates is what it was', async () => {
    const chain = parsed(await intermediate.issue({ spiffeId: ID }));
    expect(chain).toHaveLength(2);
    expect(presentedChain(chain, bundleOf(root))).toBe(chain);
  });

  test('without the CA in the bundle, or without a bundle, is what it was', async () => {
    const chain = parsed(await root.issue({ spiffeId: ID }));
    expect(presentedChain(chain, bundleOf(successor))).toBe(chain);
    expect(presentedChain(chain, undefined)).toBe(chain);
    expect(presentedChain([], bundleOf(root))).toEqual([]);
  });
});

describe('what a peer is sent', () => {
  const rows: { name: string; by: () => Authority; expect: () => readonly Authority[] }[] = [
    { name: 'the leaf and its root', by: () => root, expect: () => [root] },
    { name: 'the leaf and its intermediate, no root', by: () => intermediate, expect: () => [intermediate] },
  ];
  test.each(rows)('$name', async ({ by, expect: cas }) => {
    const svid = await by().issue({ spiffeId: ID });
    const own = createOwnIdentity(stateOf(svid), 'TLSv1.3');
    const server = createServer((raw) => {
      new TLSSocket(raw, { isServer: true, secureContext: own.context }).on('error', () => {});
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    // A client that trusts somebody else only: what it sees was sent, nothing is from its own store.
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      ca: foreign.certificatePem,
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    expect(chainOf(socket)).toEqual([
      svid.certificateDer,
      ...cas().map(({ certificate }) => certificate.der),
    ]);
    socket.destroy();
    server.close();
  });
});

function stateOf(svid: IssuedSvid) {
  const content = (text: string) => ({ file: 'test', bytes: Buffer.from(text) });
  const material = {
    trustDomain: TRUST_DOMAIN,
    certificate: content(svid.chainPem),
    key: content(svid.privateKeyPem ?? ''),
    bundles: new Map([[TRUST_DOMAIN, content(root.certificatePem + successor.certificatePem)]]),
    crls: new Map(),
  };
  const state = verifyIdentity(material, Date.now(), new Findings());
  if (state === null) throw new Error('the set does not verify');
  return { ...state, generation: 1 };
}
