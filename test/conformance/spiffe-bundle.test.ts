// SPIFFE bundle documents: go-spiffe reads what is written here, what it writes is read here, and where the
// two readers differ the difference is known.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import type { KeyType } from '../../certs/authority/certificate-profile.ts';
import { openBundleEndpoint } from '../../certs/federation/endpoint-source.ts';
import { readBundleDocument } from '../../certs/federation/read-document.ts';
import { writeBundleDocument } from '../../certs/federation/write-document.ts';
import { Findings } from '../../certs/read-files.ts';
import { findCommand } from '../requirements.ts';
import { PollClock, serving, startWeb } from '../unit/certs/federation/endpoint-stage.ts';

const TD = 'partner.example';
const MAX = 18_446_744_073_709_551_615n;

let authorities: Readonly<Record<KeyType, Authority>>;
beforeAll(async () => {
  const make = (keyType: KeyType) => createAuthority({ trustDomain: TD, keyType });
  authorities = { ec: await make('ec'), rsa: await make('rsa'), ed25519: await make('ed25519') };
});

function program(): string {
  const command = findCommand('spiffe-bundle');
  if (command === undefined) throw new Error('spiffe-bundle is missing: see test/requirements.ts');
  return command;
}

function goSpiffe(args: readonly string[], input: string): { status: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(program(), args, { input, encoding: 'utf8' });
  return { status, out: status === 0 ? stdout : stderr };
}

function ours(text: string) {
  const findings = new Findings();
  const read = readBundleDocument(TD, { file: 'f', bytes: Buffer.from(text) }, Date.now(), findings);
  return {
    authorities: read?.bundle.anchors.map((anchor) => anchor.der.toString('base64')) ?? null,
    sequence: read?.sequence ?? null,
    refreshHintMs: read?.refreshHintMs ?? null,
    findings: findings.list,
  };
}

const SETS: readonly { name: string; kinds: readonly KeyType[]; sequence: bigint; hintSeconds: number }[] = [
  { name: 'one EC root', kinds: ['ec'], sequence: 1n, hintSeconds: 300 },
  { name: 'one RSA root', kinds: ['rsa'], sequence: 2n ** 53n + 1n, hintSeconds: 1 },
  { name: 'one Ed25519 root', kinds: ['ed25519'], sequence: 0n, hintSeconds: 86_400 },
  { name: 'several roots', kinds: ['rsa', 'ec', 'ed25519'], sequence: MAX, hintSeconds: 60 },
];

describe('go-spiffe', () => {
  test.each([...SETS, { name: 'no root', kinds: [], sequence: 3n, hintSeconds: 5 }])(
    'reads what is written: $name',
    ({ kinds, sequence, hintSeconds }) => {
      const rootsDer = kinds.map((kind) => authorities[kind].certificate.der);
      const document = writeBundleDocument({ rootsDer, sequence, refreshHintMs: hintSeconds * 1_000 });
      const { status, out } = goSpiffe(['parse', TD], document);
      expect({ status, out: status === 0 ? JSON.parse(out) : out }).toEqual({
        status: 0,
        out: {
          authorities: rootsDer.map((der) => der.toString('base64')),
          sequence: String(sequence),
          hintSeconds,
        },
      });
    },
  );

  test.each(SETS)('writes what is read: $name', ({ kinds, sequence, hintSeconds }) => {
    const pem = kinds.map((kind) => authorities[kind].certificatePem).join('');
    const { status, out } = goSpiffe(['marshal', TD, String(sequence), String(hintSeconds)], pem);
    expect(status).toBe(0);
    expect(ours(out)).toEqual({
      authorities: kinds.map((kind) => authorities[kind].certificate.der.toString('base64')),
      sequence,
      refreshHintMs: hintSeconds * 1_000,
      findings: [],
    });
  });

  const jwk = (): Record<string, unknown> =>
    JSON.parse(
      writeBundleDocument({ rootsDer: [authorities.ec.certificate.der], sequence: 1, refreshHintMs: 1_000 }),
    ).keys[0];
  const otherX = (): unknown =>
    JSON.parse(
      writeBundleDocument({
        rootsDer: [authorities.ed25519.certificate.der],
        sequence: 1,
        refreshHintMs: 1_000,
      }),
    ).keys[0].x;
  /** `both` where the readers agree; a difference is the stricter reading, or the standard's word. */
  const OPINIONS: readonly { name: string; make: () => string; go: boolean; ours: boolean }[] = [
    {
      name: 'a document with a JWT key',
      make: () => JSON.stringify({ keys: [{ ...jwk(), x5c: undefined, use: 'jwt-svid', kid: 'a' }, jwk()] }),
      go: true,
      ours: true,
    },
    {
      name: 'an unknown use',
      make: () => JSON.stringify({ keys: [{ ...jwk(), use: 'later-svid' }, jwk()] }),
      go: true,
      ours: true,
    },
    {
      name: 'no use',
      make: () => JSON.stringify({ keys: [{ ...jwk(), use: undefined }, jwk()] }),
      go: true,
      ours: true,
    },
    { name: 'no keys', make: () => '{}', go: false, ours: false },
    { name: 'keys that are null', make: () => '{"keys":null}', go: false, ours: false },
    {
      name: 'a cut document',
      make: () => JSON.stringify({ keys: [jwk()] }).slice(0, -3),
      go: false,
      ours: false,
    },
    { name: 'a sequence below 0', make: () => '{"keys":[],"spiffe_sequence":-1}', go: false, ours: false },
    {
      name: 'a sequence with an exponent',
      make: () => '{"keys":[],"spiffe_sequence":1e3}',
      go: false,
      ours: false,
    },
    {
      name: 'a sequence that is a string',
      make: () => '{"keys":[],"spiffe_sequence":"1"}',
      go: false,
      ours: false,
    },
    {
      name: 'a key parameter of another key',
      make: () => JSON.stringify({ keys: [{ ...jwk(), x: otherX() }] }),
      go: false,
      ours: false,
    },
    {
      name: 'a certificate that is none',
      make: () => JSON.stringify({ keys: [{ ...jwk(), x5c: ['AAAA'] }] }),
      go: false,
      ours: false,
    },
    // Stricter: the last of two members would win there, and another reader may take the first.
    {
      name: 'a member twice',
      make: () => '{"keys":[],"spiffe_sequence":9,"spiffe_sequence":1}',
      go: true,
      ours: false,
    },
    { name: 'a hint below 0', make: () => '{"keys":[],"spiffe_refresh_hint":-1}', go: true, ours: false },
    // X509-SVID section 6.2: such an entry MUST be ignored, the document is not.
    {
      name: 'no x5c',
      make: () => JSON.stringify({ keys: [{ ...jwk(), x5c: undefined }, jwk()] }),
      go: false,
      ours: true,
    },
    // Trust Domain and Bundle section 4.2.1: an unknown kty MUST be ignored.
    {
      name: 'a kty of the future',
      make: () => JSON.stringify({ keys: [{ ...jwk(), kty: 'AKP' }, jwk()] }),
      go: false,
      ours: true,
    },
    // RFC 7517 section 4: parameters but `kty` are optional here, since x5c holds the key.
    {
      name: 'no key parameters',
      make: () => JSON.stringify({ keys: [{ ...jwk(), x: undefined, y: undefined }] }),
      go: false,
      ours: true,
    },
  ];
  test.each(OPINIONS)('and this reader on $name', ({ make, go, ours: wanted }) => {
    const text = make();
    const theirs = goSpiffe(['parse', TD], text);
    expect({ go: theirs.status === 0, ours: ours(text).authorities !== null, why: theirs.out }).toEqual({
      go,
      ours: wanted,
      why: expect.anything(),
    });
  });
});

describe('over HTTPS', () => {
  let dir: string;
  let webCa: Authority;
  const file = (name: string): string => join(dir, name);
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-go-spiffe-'));
    webCa = await createAuthority({ trustDomain: 'web.example' });
    const { chainPem, privateKeyPem } = await webCa.issue({
      spiffeId: 'spiffe://web.example/web',
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    });
    await writeFile(file('ca.pem'), webCa.certificatePem);
    await writeFile(file('tls.crt'), chainPem);
    await writeFile(file('tls.key'), privateKeyPem ?? '', { mode: 0o600 });
    return () => rm(dir, { recursive: true });
  });

  test('the endpoint of go-spiffe is followed', async () => {
    const child = spawn(program(), ['serve', TD, file('tls.crt'), file('tls.key'), '7', '60']);
    child.stdin.write(`${authorities.ec.certificatePem}${authorities.rsa.certificatePem}\n`);
    const [address] = await once(child.stdout, 'data');
    const clock = new PollClock();
    const source = await openBundleEndpoint({
      trustDomain: TD,
      url: `https://${String(address).trim()}/`,
      caFile: file('ca.pem'),
      clock,
      random: () => 0,
    });
    const { delayMs } = await clock.poll();
    source.close();
    child.stdin.end();
    await once(child, 'exit');
    expect(source.problems()).toEqual([]);
    expect(
      source
        .current()
        ?.bundles.get(TD)
        ?.anchors.map(({ der }) => der),
    ).toEqual([authorities.ec.certificate.der, authorities.rsa.certificate.der]);
    expect(delayMs).toBe(60_000);
  });

  test('go-spiffe fetches what is written', async () => {
    const web = await startWeb(webCa);
    web.answer = serving([authorities.ec, authorities.ed25519], 9, 120_000);
    const { stdout } = await promisify(execFile)(program(), ['fetch', TD, web.url, file('ca.pem')]);
    await web.close();
    expect(JSON.parse(stdout)).toEqual({
      authorities: [authorities.ec, authorities.ed25519].map((ca) => ca.certificate.der.toString('base64')),
      sequence: '9',
      hintSeconds: 120,
    });
  });
});
