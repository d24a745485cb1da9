// The source of one bundle endpoint over its life: polls, sequences, redirects, and what survives a restart.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Authority } from '../../../../certs/authority/authority.ts';
import type {
  BundleEndpointOptions,
  BundleEndpointSource,
} from '../../../../certs/federation/endpoint-source.ts';
import type { TrustState } from '../../../../certs/verify.ts';
import { said, verifierFor } from '../make-certificate.ts';
import {
  type Answer,
  anchorsOf,
  createCas,
  documentOf,
  openPolled,
  PARTNER,
  type Polled,
  serving,
  startWeb,
  type Web,
} from './endpoint-stage.ts';

let cas: { web: Authority; partner: Authority; next: Authority };
let dir: string;
let caFile: string;
let cacheFile: string;
let web: Web;
const sources: BundleEndpointSource[] = [];

beforeAll(async () => {
  cas = await createCas();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-endpoint-'));
  caFile = join(dir, 'web.pem');
  cacheFile = join(dir, 'bundle.json');
  await writeFile(caFile, cas.web.certificatePem);
  web = await startWeb(cas.web);
});
afterEach(async () => {
  for (const source of sources.splice(0)) source.close();
  await web.close();
  await rm(dir, { recursive: true });
});

async function open(more: Partial<BundleEndpointOptions> = {}): Promise<Polled> {
  const polled = await openPolled(web.url, { caFile, ...more });
  sources.push(polled.source);
  return polled;
}

const codes = (source: BundleEndpointSource): string[] => source.problems().map(({ code }) => code);
const text =
  (body: string): Answer =>
  (_, response) =>
    response.end(body);
const ders = (...authorities: readonly Authority[]): Buffer[] => authorities.map((a) => a.certificate.der);

describe('polls', () => {
  test('opening waits for nobody; the first bundle comes when the endpoint answers', async () => {
    web.answer = serving([cas.partner]);
    const { clock, source } = await open();
    expect(source.current()).toBeNull();
    expect(source.fetchedAtMs()).toBeNull();
    expect(source.problems()).toEqual([]);
    expect(web.requests).toHaveLength(0);
    const states: TrustState[] = [];
    source.onChange((state) => states.push(state));
    await clock.poll();
    expect(states).toEqual([source.current()]);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
    expect([...(source.current()?.bundles.keys() ?? [])]).toEqual([PARTNER]);
    expect(source.fetchedAtMs()).toBe(clock.nowMs);
  });

  test('come by the hint of the document, sooner after a failure, and by the hint again', async () => {
    web.answer = serving([cas.partner], 1, 60_000);
    const { clock } = await open();
    const delays: number[] = [];
    const next = async (answer?: Answer): Promise<void> => {
      if (answer !== undefined) web.answer = answer;
      delays.push((await clock.poll()).delayMs);
    };
    await next();
    await next();
    await next(text('no'));
    await next();
    await next();
    await next();
    await next(serving([cas.partner], 2, 3_600_000));
    await next(text(documentOf([cas.partner], 3).replace(/,"spiffe_refresh_hint":\d+/, '')));
    expect(delays).toEqual([60_000, 60_000, 10_000, 20_000, 40_000, 60_000, 3_600_000, 300_000]);
  });

  test('of the same certificates change nothing, whatever else the document says', async () => {
    web.answer = serving([cas.partner, cas.next], 1);
    const { clock, source } = await open();
    await clock.poll();
    const state = source.current();
    source.onChange(() => expect.unreachable());
    web.answer = serving([cas.next, cas.partner], 2, 1_000);
    clock.nowMs += 5_000;
    await clock.poll();
    expect(source.current()).toBe(state);
    expect(source.fetchedAtMs()).toBe(clock.nowMs);
  });

  test('that fail alike are told once, and again when the bundle is an hour older', async () => {
    web.answer = serving([cas.partner]);
    const { clock, source } = await open();
    await clock.poll();
    const told: string[] = [];
    source.onProblem((problems) => told.push(problems.at(-1)?.message ?? ''));
    web.answer = (_, response) => response.writeHead(500).end();
    for (let minutes = 0; minutes < 130; minutes += 10) {
      await clock.poll();
      clock.nowMs += 600_000;
    }
    expect(told.map((message) => message.split(', ').at(-1))).toEqual([
      'less than an hour ago',
      '1 h ago',
      '2 h ago',
    ]);
    clock.nowMs += 4 * 86_400_000;
    await clock.poll();
    expect(told.at(-1)).toContain(', 4 days ago');
  });

  test('go on when the clock jumps, back or forth', async () => {
    web.answer = serving([cas.partner], 1);
    const { clock, source } = await open();
    await clock.poll();
    clock.nowMs -= 30 * 365 * 86_400_000;
    web.answer = serving([cas.next], 2);
    await clock.poll();
    expect(anchorsOf(source.current())).toEqual(ders(cas.next));
    clock.nowMs = cas.partner.certificate.notAfterMs;
    web.answer = serving([cas.partner], 3);
    await clock.poll();
    // An anchor that expired verifies nothing; that it has, everybody sees.
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
    expect(codes(source)).toEqual(['LINT_BUNDLE_EXPIRED']);
  });

  test('use a CA file that was renewed meanwhile', async () => {
    web.answer = serving([cas.partner]);
    await writeFile(caFile, cas.next.certificatePem);
    const { clock, source } = await open();
    await clock.poll();
    expect(codes(source)).toEqual(['ERR_BUNDLE_ENDPOINT_TLS']);
    await rm(caFile);
    await clock.poll();
    expect(codes(source)).toEqual(['ERR_IDENTITY_FILE', 'ERR_BUNDLE_ENDPOINT_CA']);
    await writeFile(caFile, cas.web.certificatePem);
    await clock.poll();
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });
});

describe('the trust that a document gives', () => {
  test('is that of its trust domain alone, and ends with an empty document', async () => {
    web.answer = serving([cas.partner], 1);
    const { clock, source } = await open();
    await clock.poll();
    const peer = await cas.partner.issue({ spiffeId: `spiffe://${PARTNER}/web` });
    const verdict = (): string => {
      const state = source.current();
      return state === null ? 'no state' : said(verifierFor(state).verify(peer.chainDer, Date.now()));
    };
    expect(verdict()).toBe('ok');
    web.answer = serving([], 2);
    await clock.poll();
    expect(codes(source)).toEqual(['LINT_BUNDLE_EMPTY']);
    // The bundle is there, and empty: it replaces what an earlier source said about the trust domain.
    expect(anchorsOf(source.current())).toEqual([]);
    expect(verdict()).toMatch(/^untrusted-certificate/);
  });
});

describe('sequences', () => {
  const ROWS: readonly { name: string; next: () => string; taken: boolean; codes: readonly string[] }[] = [
    { name: 'one more', next: () => documentOf([cas.next], 8), taken: true, codes: [] },
    { name: 'many more', next: () => documentOf([cas.next], 2 ** 53), taken: true, codes: [] },
    {
      name: 'the same, other contents',
      next: () => documentOf([cas.next], 7),
      taken: true,
      codes: ['LINT_BUNDLE_SEQUENCE'],
    },
    {
      name: 'the same, a root less',
      next: () => documentOf([], 7),
      taken: true,
      codes: ['LINT_BUNDLE_EMPTY', 'LINT_BUNDLE_SEQUENCE'],
    },
    {
      name: 'none any more',
      next: () => documentOf([cas.next], 8).replace('spiffe_sequence', 'other'),
      taken: true,
      codes: ['LINT_BUNDLE_SEQUENCE'],
    },
    {
      name: 'the same, the same contents',
      next: () => documentOf([cas.partner], 7),
      taken: false,
      codes: [],
    },
    {
      name: 'one less, other contents',
      next: () => documentOf([cas.next], 6),
      taken: false,
      codes: ['ERR_BUNDLE_ENDPOINT_ROLLBACK'],
    },
    {
      name: 'one less, the same contents',
      next: () => documentOf([cas.partner], 6),
      taken: false,
      codes: ['ERR_BUNDLE_ENDPOINT_ROLLBACK'],
    },
    {
      name: '0',
      next: () => documentOf([cas.next], 0),
      taken: false,
      codes: ['ERR_BUNDLE_ENDPOINT_ROLLBACK'],
    },
    {
      name: 'one less, no roots',
      next: () => documentOf([], 6),
      taken: false,
      codes: ['LINT_BUNDLE_EMPTY', 'ERR_BUNDLE_ENDPOINT_ROLLBACK'],
    },
    {
      name: 'one that is none',
      next: () => '{"keys":[],"spiffe_sequence":-1}',
      taken: false,
      codes: ['ERR_BUNDLE_DOCUMENT', 'LINT_BUNDLE_EMPTY', 'ERR_BUNDLE_ENDPOINT_DOCUMENT'],
    },
  ];
  test.each(ROWS)('after 7: $name', async ({ next, taken, codes: wanted }) => {
    web.answer = serving([cas.partner], 7);
    const { clock, source } = await open();
    await clock.poll();
    const before = source.current();
    web.answer = text(next());
    await clock.poll();
    expect(codes(source)).toEqual(wanted);
    expect(source.current() !== before).toBe(taken);
  });

  test('a sequence that is gone for a while is not forgotten', async () => {
    web.answer = serving([cas.partner], 7);
    const { clock, source } = await open();
    await clock.poll();
    web.answer = text(documentOf([cas.partner]).replace('spiffe_sequence', 'other'));
    await clock.poll();
    web.answer = serving([cas.next], 6);
    await clock.poll();
    expect(codes(source)).toEqual(['ERR_BUNDLE_ENDPOINT_ROLLBACK']);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });
});

describe('redirects', () => {
  test('are followed, and asked for again with each poll', async () => {
    const cdn = await startWeb(cas.web);
    cdn.answer = serving([cas.partner]);
    web.answer = (_, response) => response.writeHead(308, { location: cdn.url }).end();
    const { clock, source } = await open();
    await clock.poll();
    await clock.poll();
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
    expect([web.requests.length, cdn.requests.length]).toEqual([2, 2]);
    await cdn.close();
  });

  test('within the limit', async () => {
    web.answer = (request, response) => {
      const hop = Number(request.url?.slice('/'.length) ?? 0) || 0;
      if (hop === 3) serving([cas.partner])(request, response);
      else response.writeHead(302, { location: `/${hop + 1}` }).end();
    };
    const { clock, source } = await open({ url: `https://localhost:${web.port}/0` });
    await clock.poll();
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });
});

describe('a restart while the endpoint is down', () => {
  const down: Answer = ({ socket }) => socket.destroy();

  async function run(more: Partial<BundleEndpointOptions> = {}): Promise<number> {
    const { clock, source } = await open({ cacheFile, ...more });
    await clock.poll();
    source.close();
    return clock.nowMs;
  }

  test('has the last good bundle at once, with its time', async () => {
    web.answer = serving([cas.partner], 7, 60_000);
    const fetchedAtMs = await run();
    web.answer = down;
    const { clock, source } = await open({ cacheFile });
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
    expect(source.fetchedAtMs()).toBe(fetchedAtMs);
    expect(source.problems()).toEqual([]);
    await clock.poll();
    expect(codes(source)).toEqual(['ERR_BUNDLE_ENDPOINT_CONNECT']);
    expect(source.problems()[0]?.message).toContain(`fetched at ${new Date(fetchedAtMs).toISOString()}`);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
    expect((await stat(cacheFile)).mode & 0o777).toBe(0o600);
  });

  test('does not make an older document acceptable', async () => {
    web.answer = serving([cas.partner], 7);
    await run();
    web.answer = serving([cas.next], 6);
    const { clock, source } = await open({ cacheFile });
    await clock.poll();
    expect(codes(source)).toEqual(['ERR_BUNDLE_ENDPOINT_ROLLBACK']);
    expect(source.problems()[0]?.hint).toContain(`remove \`${cacheFile}\` and restart`);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });

  test('nor one that was older than a document without sequence', async () => {
    web.answer = serving([cas.partner], 7);
    const { clock, source } = await open({ cacheFile });
    await clock.poll();
    web.answer = text(documentOf([cas.partner]).replace('spiffe_sequence', 'other'));
    await clock.poll();
    source.close();
    web.answer = serving([cas.next], 6);
    const again = await open({ cacheFile });
    await again.clock.poll();
    expect(codes(again.source)).toEqual(['ERR_BUNDLE_ENDPOINT_ROLLBACK']);
  });

  const FORGOTTEN: readonly { name: string; more: () => Partial<BundleEndpointOptions> }[] = [
    { name: 'another trust domain', more: () => ({ trustDomain: 'other.example' }) },
    { name: 'another URL', more: () => ({ url: `${web.url}?other` }) },
    { name: 'no cache', more: () => ({ cacheFile: undefined }) },
  ];
  test.each(FORGOTTEN)('a configuration with $name begins anew', async ({ more }) => {
    web.answer = serving([cas.partner], 7);
    await run();
    web.answer = serving([cas.next], 6);
    const { clock, source } = await open({ cacheFile, ...more() });
    expect(source.current()).toBeNull();
    await clock.poll();
    // That the document is of another trust domain is a word of warning, no rollback.
    expect(codes(source).filter((code) => code !== 'LINT_BUNDLE_TRUST_DOMAIN')).toEqual([]);
    expect(source.current()).not.toBeNull();
  });

  const BROKEN: readonly { name: string; harm: () => Promise<unknown>; code: string }[] = [
    {
      name: 'was cut',
      harm: async () => writeFile(cacheFile, (await readFile(cacheFile)).subarray(0, 99)),
      code: 'LINT_BUNDLE_CACHE',
    },
    { name: 'is empty', harm: () => writeFile(cacheFile, ''), code: 'LINT_BUNDLE_CACHE' },
    { name: 'is an array', harm: () => writeFile(cacheFile, '[]'), code: 'LINT_BUNDLE_CACHE' },
    { name: 'has no time', harm: () => edit('fetchedAt', 'x'), code: 'LINT_BUNDLE_CACHE' },
    { name: 'has a sequence that is none', harm: () => edit('sequence', '-1'), code: 'LINT_BUNDLE_CACHE' },
    {
      name: 'has a broken document',
      harm: () => edit('document', Buffer.from('{"keys":[').toString('base64')),
      code: 'ERR_BUNDLE_DOCUMENT',
    },
    { name: 'has no document', harm: () => edit('document', undefined), code: 'ERR_BUNDLE_DOCUMENT' },
    { name: 'can be written by others', harm: () => chmod(cacheFile, 0o602), code: 'LINT_BUNDLE_CACHE' },
    { name: 'can be written by a group', harm: () => chmod(cacheFile, 0o620), code: 'LINT_BUNDLE_CACHE' },
    {
      name: 'is too large',
      harm: () => writeFile(cacheFile, ' '.repeat(2 ** 21 + 1)),
      code: 'LINT_BUNDLE_CACHE',
    },
    {
      name: 'is a folder',
      harm: async () => {
        await rm(cacheFile);
        await mkdir(cacheFile, { mode: 0o700 });
      },
      code: 'LINT_BUNDLE_CACHE',
    },
  ];
  async function edit(name: string, value: string | undefined): Promise<void> {
    const cached = JSON.parse(await readFile(cacheFile, 'utf8'));
    await writeFile(cacheFile, JSON.stringify({ ...cached, [name]: value }));
  }
  test.each(BROKEN)('a cache that $name trusts nobody and stops nobody', async ({ harm, code }) => {
    web.answer = serving([cas.partner], 7);
    await run();
    await harm();
    const { clock, source } = await open({ cacheFile });
    expect(source.current()).toBeNull();
    expect(source.problems()).toEqual([expect.objectContaining({ severity: 'warning', code })]);
    await clock.poll();
    expect(codes(source).filter((one) => one !== 'LINT_BUNDLE_CACHE')).toEqual([]);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });

  test('a cache that cannot be written is a warning, and leaves nothing behind', async () => {
    web.answer = serving([cas.partner], 7);
    const { clock, source } = await open({ cacheFile: join(dir, 'none', 'bundle.json') });
    await clock.poll();
    expect(codes(source)).toEqual(['LINT_BUNDLE_CACHE']);
    expect(anchorsOf(source.current())).toEqual(ders(cas.partner));
  });
});

describe('what cannot be opened', () => {
  const ROWS: readonly { name: string; more: () => Partial<BundleEndpointOptions>; code: string }[] = [
    { name: 'http', more: () => ({ url: 'http://localhost/' }), code: 'ERR_BUNDLE_ENDPOINT_URL' },
    {
      name: 'a URL with a password',
      more: () => ({ url: 'https://a:b@localhost/' }),
      code: 'ERR_BUNDLE_ENDPOINT_URL',
    },
    { name: 'a trust domain that is none', more: () => ({ trustDomain: 'Partner' }), code: 'ERR_SPIFFE_ID' },
    {
      name: 'a CA file that is not there',
      more: () => ({ caFile: join(dir, 'none') }),
      code: 'ERR_BUNDLE_ENDPOINT_CA',
    },
    {
      name: 'a CA file without certificate',
      more: () => ({ caFile: join(import.meta.dirname, 'endpoint-stage.ts') }),
      code: 'ERR_BUNDLE_ENDPOINT_CA',
    },
  ];
  test.each(ROWS)('$name', async ({ more, code }) => {
    await expect(open(more())).rejects.toMatchObject({ code });
  });
});
