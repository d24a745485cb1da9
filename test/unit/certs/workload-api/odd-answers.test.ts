// What the client of the Workload API makes of answers: which SVID it uses, where the CRLs go, and what it
// refuses.
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type IssuedSvid } from '../../../../certs/authority/authority.ts';
import { writeX509SvidResponse, type X509SvidResponse } from '../../../../certs/workload-api/messages.ts';
import { SETTINGS_ACK, settings } from '../../../e2e/stage/http2-frames.ts';
import { ID } from '../make-certificate.ts';
import { Answers, Asking, type Change, saying, sayingMessage } from './asking.ts';
import { answer, dataOf, framed } from './scripted-agent.ts';

let answers: Answers;
let stranger: IssuedSvid;
beforeAll(async () => {
  answers = await Answers.create();
  stranger = await answers.ca.issue({ spiffeId: ID });
});
const asking = new Asking();
afterEach(() => asking.close());

/** The list, of a version that there is not: its issuer can be read, and nothing else counts. */
function ofVersion7(crl: Buffer): Buffer {
  const changed = Buffer.from(crl);
  changed[crl.indexOf(Buffer.from('020101', 'hex')) + 2] = 7;
  return changed;
}

interface AnswerRow {
  readonly name: string;
  readonly make: () => X509SvidResponse;
  readonly code: string;
  readonly says: string;
}

const lacks = (field: string, change: Change): AnswerRow => ({
  name: `an SVID without ${field}`,
  make: () => answers.message({}, change),
  code: 'ERR_WORKLOAD_API_EMPTY',
  says: `without \`${field}\``,
});

const NOTHING = Buffer.alloc(0);
const ANSWERS: readonly AnswerRow[] = [
  { name: 'no SVID', make: () => answers.message(), code: 'ERR_WORKLOAD_API_EMPTY', says: 'no SVID' },
  lacks('spiffe_id', { spiffeId: '' }),
  lacks('x509_svid', { x509Svid: NOTHING }),
  lacks('x509_svid_key', { x509SvidKey: NOTHING }),
  lacks('bundle', { bundle: NOTHING }),
  {
    name: 'the key of another SVID',
    make: () => answers.message({ x509SvidKey: answers.of(stranger).x509SvidKey }),
    code: 'ERR_KEY_MISMATCH',
    says: 'does not belong',
  },
  {
    name: 'a key that is none',
    make: () => answers.message({ x509SvidKey: Buffer.from('secret') }),
    code: 'ERR_KEY_MALFORMED',
    says: 'cannot be read',
  },
  {
    name: 'a certificate that is none',
    make: () => answers.message({ x509Svid: Buffer.from('certificate') }),
    code: 'ERR_CERTIFICATE_MALFORMED',
    says: 'cannot be read',
  },
  {
    name: 'a certificate with something behind it',
    make: () => answers.message({ x509Svid: Buffer.concat([answers.svid.certificateDer, Buffer.of(0)]) }),
    code: 'ERR_CERTIFICATE_MALFORMED',
    says: 'cannot be read',
  },
  {
    name: 'another ID than the certificate has',
    make: () => answers.message({ spiffeId: 'spiffe://example.org/admin' }),
    code: 'ERR_WORKLOAD_API_ID',
    says: 'spiffe://example.org/admin',
  },
  {
    name: 'an ID that is none',
    make: () => answers.message({ spiffeId: 'https://example.org/a' }),
    code: 'ERR_WORKLOAD_API_ID',
    says: 'https://example.org/a',
  },
  {
    name: 'a CRL that is none',
    make: () => ({ ...answers.message({}), crls: [Buffer.from('30030201ff', 'hex')] }),
    code: 'ERR_CRL_MALFORMED',
    says: 'CRL cannot be read',
  },
  {
    name: 'an own CRL of a version to come',
    make: () => ({ ...answers.message({}), crls: [ofVersion7(answers.ca.issueCrl({ revokedSerials: [] }))] }),
    code: 'ERR_CRL_MALFORMED',
    says: 'unknown version',
  },
  {
    name: 'a CRL that is cut off: whose it is cannot be said',
    make: () => ({
      ...answers.message({}),
      crls: [answers.ca.issueCrl({ revokedSerials: [] }).subarray(0, -1)],
      federatedBundles: new Map([['spiffe://b.example', answers.ca.certificate.der]]),
    }),
    code: 'ERR_CRL_MALFORMED',
    says: 'CRL cannot be read',
  },
];

const FOREIGN: readonly AnswerRow[] = [
  {
    name: 'a foreign bundle by the ID of a workload',
    make: () => ({
      ...answers.message({}),
      federatedBundles: new Map([['spiffe://b.example/x', answers.ca.certificate.der]]),
    }),
    code: 'ERR_WORKLOAD_API_ID',
    says: 'not the ID of a trust domain',
  },
  {
    name: 'a foreign bundle with a leaf',
    make: () => ({
      ...answers.message({}),
      federatedBundles: new Map([['spiffe://b.example', answers.svid.certificateDer]]),
    }),
    code: 'ERR_BUNDLE_CERTIFICATE',
    says: 'not a CA',
  },
];

describe('an answer of which a foreign bundle is refused', () => {
  test.each(FOREIGN)('$name: reported, and all else is taken', async ({ make, code, says }) => {
    const { source } = await asking.ask([
      (say) => say(Buffer.concat([answer(), dataOf(framed(writeX509SvidResponse(make())))])),
    ]);
    const got = await source;
    expect([...(got.current()?.bundles.keys() ?? [])]).toEqual(['example.org']);
    const problem = got.problems().find((one) => one.code === code);
    expect(problem).toMatchObject({ severity: 'error', message: expect.stringContaining(says) });
  });
});

describe('an answer that is refused', () => {
  test.each(ANSWERS)(
    '$name: reported, and the next one on the stream is taken',
    async ({ make, code, says }) => {
      let sayMore: ((bytes: Buffer) => void) | undefined;
      const { source, agent, waits } = await asking.ask([
        (say) => {
          say(Buffer.concat([answer(), dataOf(framed(writeX509SvidResponse(make())))]));
          sayMore = say;
        },
      ]);
      await expect.poll(() => waits.map((problem) => problem.code)).toContain(code);
      expect(waits.find((problem) => problem.code === code)?.message).toContain(says);
      expect(JSON.stringify(waits)).not.toContain((answers.svid.privateKeyPem ?? '').split('\n')[1]);
      sayMore?.(dataOf(answers.good()));
      const got = await source;
      expect(got.current()?.spiffeId.uri).toBe(ID);
      expect(got.problems()).toEqual([]);
      expect(agent.connections).toBe(1);
    },
  );

  test('an SVID of another trust domain is one mistake: its bundle is not missed as well', async () => {
    const other = await createAuthority({ trustDomain: 'other.example' });
    const spiffeId = 'spiffe://other.example/web';
    const theirs = {
      ...answers.of(await other.issue({ spiffeId })),
      spiffeId,
      bundle: other.certificate.der,
    };
    const bytes = framed(writeX509SvidResponse(answers.message(theirs)));
    let sayMore: ((bytes: Buffer) => void) | undefined;
    const { source, waits } = await asking.ask([
      (say) => {
        say(Buffer.concat([answer(), dataOf(bytes)]));
        sayMore = say;
      },
    ]);
    await expect.poll(() => waits.map(({ code }) => code)).toEqual(['ERR_IDENTITY_TRUST_DOMAIN']);
    sayMore?.(dataOf(answers.good()));
    await source;
  });
});

describe('a good answer', () => {
  test('in pieces of one byte', async () => {
    const bytes = Buffer.concat([answer(), ...[...answers.good()].map((byte) => dataOf(Buffer.of(byte)))]);
    const { source } = await asking.ask([saying(() => bytes)]);
    expect((await source).current()?.spiffeId.uri).toBe(ID);
  });

  test('two at once: the last one counts', async () => {
    const second = framed(
      writeX509SvidResponse(
        answers.message({ x509Svid: stranger.certificateDer, x509SvidKey: answers.of(stranger).x509SvidKey }),
      ),
    );
    const { source } = await asking.ask([
      saying(() => Buffer.concat([answer(), dataOf(Buffer.concat([answers.good(), second]))])),
    ]);
    const got = await source;
    await expect.poll(() => got.current()?.generation).toBe(2);
  });

  test('with fields of a later version', async () => {
    const later = Buffer.from('f8ff03012a03616263', 'hex'); // a number, and bytes in field 5
    const bytes = framed(Buffer.concat([later, writeX509SvidResponse(answers.message({}))]));
    const { source } = await asking.ask([saying(() => Buffer.concat([answer(), dataOf(bytes)]))]);
    expect((await source).current()?.spiffeId.uri).toBe(ID);
  });

  test('after settings of every kind', async () => {
    const greeting = {
      bytes: Buffer.concat([settings([1, 0], [3, 1], [4, 1_000_000], [5, 16_384]), SETTINGS_ACK]),
    };
    const { source } = await asking.ask([answers.sayGood], { greetings: [greeting] });
    expect((await source).current()?.spiffeId.uri).toBe(ID);
  });
});

describe('several SVIDs', () => {
  const rows: readonly { name: string; hints: readonly string[]; hint?: string; used: number }[] = [
    { name: 'without a hint the first is used', hints: ['internal', 'external'], used: 0 },
    { name: 'the one with the hint', hints: ['internal', 'external'], hint: 'external', used: 1 },
    {
      name: 'of two with the hint the first',
      hints: ['', 'external', 'external'],
      hint: 'external',
      used: 1,
    },
  ];
  test.each(rows)('$name', async ({ hints, hint, used }) => {
    const issued = await Promise.all(hints.map(() => answers.ca.issue({ spiffeId: ID })));
    const changes = issued.map((svid, i): Change => ({ ...answers.of(svid), hint: hints[i] ?? '' }));
    const { source } = await asking.ask(
      [sayingMessage(() => answers.message(...changes))],
      hint === undefined ? {} : { hint },
    );
    expect((await source).current()?.certificateChainPem).toBe(issued[used]?.chainPem);
  });

  test('a hint that no SVID has is waited for', async () => {
    const { source, waits } = await asking.ask(
      [
        (say) => {
          say(
            Buffer.concat([
              answer(),
              dataOf(framed(writeX509SvidResponse(answers.message({}, { hint: 'b' })))),
            ]),
          );
          say(dataOf(framed(writeX509SvidResponse(answers.message({ hint: 'a' })))));
        },
      ],
      { hint: 'a' },
    );
    expect((await source).current()?.spiffeId.uri).toBe(ID);
    expect(waits[0]).toMatchObject({
      code: 'ERR_WORKLOAD_API_HINT',
      message: 'no SVID has the hint `a`; there are ``, `b`',
    });
  });
});

describe('trust', () => {
  test('a foreign bundle never replaces the own one', async () => {
    const impostor = await createAuthority({ trustDomain: 'example.org' });
    const other = await createAuthority({ trustDomain: 'b.example' });
    const federatedBundles = new Map([
      ['spiffe://example.org', impostor.certificate.der],
      ['spiffe://b.example', other.certificate.der],
      ['c.example', other.certificate.der],
      ['spiffe://empty.example', NOTHING],
    ]);
    const { source } = await asking.ask([
      sayingMessage(() => ({ ...answers.message({}), federatedBundles })),
    ]);
    const got = await source;
    const bundles = got.current()?.bundles;
    expect([...(bundles?.keys() ?? [])].sort()).toEqual(['b.example', 'c.example', 'example.org']);
    expect(bundles?.get('example.org')?.anchors.map(({ der }) => der)).toEqual([answers.ca.certificate.der]);
    // The empty one, and b.example's CA for c.example.
    const said = got.problems().map(({ code }) => code);
    expect(said).toEqual(['LINT_WORKLOAD_API_BUNDLE', 'LINT_BUNDLE_TRUST_DOMAIN']);
  });

  const UNREADABLE = [
    { name: 'with bytes left over', spoil: (crl: Buffer) => Buffer.concat([crl, Buffer.alloc(1)]) },
    { name: 'of a version to come', spoil: ofVersion7 },
  ];
  test.each(UNREADABLE)('a CRL $name refuses its issuer’s trust domains and no other', async ({ spoil }) => {
    const [other, good] = [
      await createAuthority({ trustDomain: 'b.example' }),
      await createAuthority({ trustDomain: 'd.example' }),
    ];
    const [own, spoiled, fresh] = [answers.ca, other, good].map((ca) => ca.issueCrl({ revokedSerials: [] }));
    if (own === undefined || spoiled === undefined || fresh === undefined) throw new Error('three lists');
    const federatedBundles = new Map([
      ['spiffe://b.example', other.certificate.der],
      ['spiffe://c.example', other.certificate.der],
      ['spiffe://d.example', good.certificate.der],
    ]);
    const message = { ...answers.message({}), crls: [own, spoil(spoiled), fresh], federatedBundles };
    const { source } = await asking.ask([sayingMessage(() => message)]);
    const got = await source;
    expect([...(got.current()?.bundles.keys() ?? [])].sort()).toEqual(['d.example', 'example.org']);
    expect([...(got.current()?.crls.keys() ?? [])].sort()).toEqual(['d.example', 'example.org']);
    const found = got.problems().filter(({ severity }) => severity === 'error');
    expect(found).toMatchObject([
      { code: 'ERR_CRL_MALFORMED', trustDomain: 'b.example' },
      { code: 'ERR_CRL_MALFORMED', trustDomain: 'c.example' },
    ]);
  });

  test('a CRL goes to the trust domain of its issuer', async () => {
    const other = await createAuthority({ trustDomain: 'b.example' });
    const middle = await answers.ca.createIntermediate();
    const crls = [answers.ca, other, middle].map((authority) =>
      authority.issueCrl({ revokedSerials: [answers.svid.serial] }),
    );
    const federatedBundles = new Map([['spiffe://b.example', other.certificate.der]]);
    const { source } = await asking.ask([
      sayingMessage(() => ({ ...answers.message({}), crls, federatedBundles })),
    ]);
    const state = (await source).current();
    const issuers = (domain: string): (string | undefined)[] =>
      (state?.crls.get(domain) ?? []).map(({ issuer }) => issuer);
    expect(issuers('example.org')).toEqual([answers.ca.certificate.subject, middle.certificate.subject]);
    expect(issuers('b.example')).toEqual([other.certificate.subject]);
  });
});

test('an SVID that is not valid yet is used as soon as it is', async () => {
  const nowMs = Date.now();
  const svid = await answers.ca.issue({ spiffeId: ID, nowMs: nowMs + 60_000 + 4_000, ttlMs: 3_600_000 });
  const { source, waits } = await asking.ask([sayingMessage(() => answers.message(answers.of(svid)))]);
  expect((await source).current()?.certificateChainPem).toBe(svid.chainPem);
  expect(waits.map(({ code }) => code)).toContain('ERR_IDENTITY_REFUSED');
});
