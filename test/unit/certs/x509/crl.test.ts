// Revocation: only CAs with a CRL are asked, and then everything but a fresh, well-signed list refuses.
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../../../certs/authority/authority.ts';
import { buildCrl, keyUsage } from '../../../../certs/authority/build-certificate.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import { DerError } from '../../../../certs/x509/der.ts';
import { ID, said, trust, verifierFor, withCrls, withExtension } from '../make-certificate.ts';

let ca: Authority;
let svid: IssuedSvid;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  svid = await ca.issue({ spiffeId: ID });
});

const verify = (chain: readonly Buffer[], root: Authority, ...crls: readonly Buffer[]): string =>
  said(verifierFor(withCrls(trust(root), ...crls)).verify(chain, Date.now()));

describe('revocation', () => {
  test('a leaf that is not on the list', () => {
    expect(verify(svid.chainDer, ca, ca.issueCrl({ revokedSerials: ['01', 'ff00'] }))).toBe('ok');
  });

  test('a leaf that is', () => {
    expect(verify(svid.chainDer, ca, ca.issueCrl({ revokedSerials: ['01', svid.serial] }))).toMatch(
      /^revoked-certificate: serial [0-9a-f]{40} is revoked by /,
    );
  });

  test('two lists: one of them is enough', () => {
    const lists = [
      ca.issueCrl({ revokedSerials: [] }),
      ca.issueCrl({ revokedSerials: [svid.serial], number: 2 }),
    ];
    expect(verify(svid.chainDer, ca, ...lists)).toMatch(/^revoked-certificate/);
  });

  test('a revoked intermediate', async () => {
    const middle = await ca.createIntermediate();
    const { chainDer } = await middle.issue({ spiffeId: ID });
    const crl = ca.issueCrl({ revokedSerials: [middle.certificate.serial] });
    expect(verify(chainDer, ca, crl)).toMatch(/^revoked-certificate/);
    // The intermediate itself has no list: its leaves are not looked up.
    expect(verify(chainDer, ca, ca.issueCrl({ revokedSerials: [svid.serial] }))).toBe('ok');
  });

  test('a stale list refuses everything of its issuer', () => {
    const old = ca.issueCrl({ revokedSerials: [], thisUpdateMs: Date.now() - 7_200_000, ttlMs: 3_600_000 });
    expect(verify(svid.chainDer, ca, old)).toMatch(/^revoked-certificate: the CRL of .* is stale/);
  });

  test('a list of the future too', () => {
    const early = ca.issueCrl({ revokedSerials: [], thisUpdateMs: Date.now() + 3_600_000 });
    expect(verify(svid.chainDer, ca, early)).toMatch(/^revoked-certificate: the CRL of .* is stale/);
  });

  test('a list with a bad signature refuses', () => {
    const crl = Buffer.from(ca.issueCrl({ revokedSerials: [] }));
    crl[crl.length - 1] = (crl[crl.length - 1] ?? 0) ^ 1;
    expect(verify(svid.chainDer, ca, crl)).toMatch(/^revoked-certificate: the CRL of .* has a bad signature/);
  });

  test('a list of a CA that may not sign lists', async () => {
    const adjust = withExtension((e) => keyUsage(e, ['keyCertSign']));
    const mute = await createAuthority({ trustDomain: 'example.org', adjust });
    const { chainDer } = await mute.issue({ spiffeId: ID });
    expect(verify(chainDer, mute)).toBe('ok');
    expect(verify(chainDer, mute, mute.issueCrl({ revokedSerials: [] }))).toMatch(/lacks key usage cRLSign/);
  });

  test('the list of another CA does not matter', async () => {
    const other = await createAuthority({ trustDomain: 'example.org' });
    expect(verify(svid.chainDer, ca, other.issueCrl({ revokedSerials: [svid.serial] }))).toBe('ok');
  });

  test('a verified leaf is not remembered beyond the list that cleared it', () => {
    const crl = ca.issueCrl({ revokedSerials: [], thisUpdateMs: Date.now() - 60_000, ttlMs: 120_000 });
    const verifier = verifierFor(withCrls(trust(ca), crl));
    expect(said(verifier.verify(svid.chainDer, Date.now()))).toBe('ok');
    expect(said(verifier.verify(svid.chainDer, Date.now() + 120_000))).toMatch(/^revoked-certificate.*stale/);
  });
});

describe('parseCrl', () => {
  const names = { thisUpdateMs: Date.now(), nextUpdateMs: Date.now() + 60_000, revoked: [] };
  const build = (extensions: { oid: string; critical: boolean; value: Buffer }[]): Buffer =>
    buildCrl(
      ca.encoder,
      { ...names, issuer: Buffer.from(ca.certificate.subject, 'latin1'), extensions },
      ca.signer,
    );

  test.each([{ name: 'an unknown critical extension', oid: '1.2.3', value: '0500' }])(
    '$name is refused',
    ({ oid, value }) => {
      const extension = { oid, critical: true, value: Buffer.from(value, 'hex') };
      expect(() => parseCrl(build([extension]))).toThrow(`critical extension ${oid}`);
      expect(parseCrl(build([{ ...extension, critical: false }])).revoked.size).toBe(0);
    },
  );

  test.each([
    { name: 'a delta CRL', oid: '2.5.29.27', value: '020101' },
    { name: 'a partitioned or indirect CRL', oid: '2.5.29.28', value: '3000' },
  ])('$name is refused, critical or not', ({ oid, value }) => {
    for (const critical of [true, false])
      expect(() => parseCrl(build([{ oid, critical, value: Buffer.from(value, 'hex') }]))).toThrow(
        `a delta, indirect or partitioned CRL (extension ${oid})`,
      );
  });

  test.each([
    { name: 'nothing', der: Buffer.alloc(0) },
    { name: 'a certificate', der: null },
  ])('$name is refused', ({ der }) => {
    expect(() => parseCrl(der ?? ca.certificate.der)).toThrow(DerError);
  });

  test('data after the list is refused', () => {
    expect(() => parseCrl(Buffer.concat([ca.issueCrl({ revokedSerials: [] }), Buffer.of(0)]))).toThrow(
      'data is left over',
    );
  });
});
