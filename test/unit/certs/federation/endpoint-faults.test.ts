// Every way in which a bundle endpoint fails: the last good bundle stays, the failure has its code and says
// how old that bundle is, and the next good answer is taken. Real HTTPS servers.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { subjectAltName } from '../../../../certs/authority/build-certificate.ts';
import type {
  BundleEndpointOptions,
  BundleEndpointSource,
} from '../../../../certs/federation/endpoint-source.ts';
import {
  type Answer,
  anchorsOf,
  createCas,
  documentOf,
  openPolled,
  PARTNER,
  type PollClock,
  type Polled,
  serving,
  startWeb,
  type Web,
} from './endpoint-stage.ts';

const DAY_MS = 86_400_000;

let cas: { web: Authority; partner: Authority; next: Authority };
let dir: string;
let caFile: string;
let web: Web;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  cas = await createCas();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-endpoint-'));
  caFile = join(dir, 'web.pem');
  await writeFile(caFile, cas.web.certificatePem);
  web = await startWeb(cas.web);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await web.close();
  await rm(dir, { recursive: true });
});

async function open(url: string, more: Partial<BundleEndpointOptions> = {}): Promise<Polled> {
  const polled = await openPolled(url, { caFile, ...more });
  closing.push(() => polled.source.close());
  return polled;
}

const said = (source: BundleEndpointSource): string =>
  source
    .problems()
    .map(({ code, message }) => `${code} ${message}`)
    .join('\n');

const roots = (source: BundleEndpointSource): unknown => anchorsOf(source.current());

/** What a server does to HTTP. `hangs`: only the end of the fetch's time ends it. */
interface HttpRow {
  readonly name: string;
  readonly answer: Answer;
  readonly expect: string;
  readonly hangs?: boolean;
  readonly more?: Partial<BundleEndpointOptions>;
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end('{"keys":[]}');
const redirect = (location: string): Answer => status(307, { location });
const body =
  (text: string | Buffer): Answer =>
  (_, response) =>
    response.end(text);
/** Writes for as long as the other side reads. */
const endless: Answer = (_, response) => {
  const chunk = Buffer.alloc(65_536, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
};
const raw =
  (bytes: string, end = true): Answer =>
  ({ socket }) => {
    socket.write(bytes);
    if (end) socket.end();
  };
const OK = 'HTTP/1.1 200 OK\r\n';

const HTTP: readonly HttpRow[] = [
  ...[201, 204, 206, 304, 400, 401, 403, 404, 429, 500, 503].map((code) => ({
    name: `status ${code}`,
    answer: status(code),
    expect: `STATUS the bundle endpoint of \`${PARTNER}\` answered ${code};`,
  })),
  {
    name: 'a redirect to http',
    answer: redirect('http://localhost/b'),
    expect: 'REDIRECT … answered 307, and the Location is not https',
  },
  {
    name: 'a redirect with userinfo',
    answer: redirect('https://a:b@localhost/b'),
    expect: 'REDIRECT … answered 307, and the Location has userinfo',
  },
  {
    name: 'a redirect with a fragment',
    answer: redirect('/b#c'),
    expect: 'REDIRECT … and the Location has a fragment',
  },
  { name: 'a redirect to a file', answer: redirect('file:///etc/passwd'), expect: 'REDIRECT … is not https' },
  {
    name: 'a redirect without Location',
    answer: status(302),
    expect: 'REDIRECT … answered 302, without one Location',
  },
  {
    name: 'a redirect in a circle',
    answer: redirect('/bundle.json'),
    expect: 'REDIRECT … after 3 redirects',
  },
  {
    name: 'a redirect where none is wanted',
    answer: redirect('/good.json'),
    more: { redirects: 'refuse' },
    expect: 'REDIRECT … and redirects are not followed here',
  },
  { name: 'no answer', answer: () => undefined, hangs: true, expect: 'TIMEOUT … did not answer within 30 s' },
  {
    name: 'half an answer',
    answer: (_, response) => response.write('{"keys":'),
    hangs: true,
    expect: 'TIMEOUT',
  },
  { name: 'half a head', answer: raw(OK, false), hangs: true, expect: 'TIMEOUT' },
  { name: 'an endless body', answer: endless, expect: 'TOO_LARGE … sent more than 1048576 bytes' },
  {
    name: 'a long Content-Length',
    answer: (request, response) => {
      response.setHeader('content-length', 2 ** 40);
      endless(request, response);
    },
    expect: 'TOO_LARGE',
  },
  {
    name: 'an endless head',
    answer: ({ socket }) => {
      socket.write(OK);
      endless(new net.Socket() as never, socket as unknown as ServerResponse);
    },
    expect: 'STATUS … answered with something that is not HTTP',
  },
  {
    name: 'a compressed bomb',
    answer: (_, response) =>
      response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(50_000_000))),
    expect: 'ENCODING … sent a compressed document',
  },
  {
    name: 'a compressed document that does not say so',
    answer: body(gzipSync('{"keys":[]}')),
    expect: 'DOCUMENT … sent a document that cannot be used',
  },
  {
    name: 'a body that breaks off',
    answer: raw(`${OK}content-length: 100\r\n\r\n{"keys":[]}`),
    expect: 'CONNECT … cannot be reached: UND_ERR',
  },
  {
    name: 'chunks that break off',
    answer: raw(`${OK}transfer-encoding: chunked\r\n\r\nb\r\n{"keys":[]}`),
    expect: 'CONNECT',
  },
  {
    name: 'no HTTP',
    answer: raw('SSH-2.0-OpenSSH_9.2\r\n'),
    expect: 'STATUS … answered with something that is not HTTP',
  },
  { name: 'a closed connection', answer: ({ socket }) => socket.destroy(), expect: 'CONNECT' },
  { name: 'nothing with status 200', answer: body(''), expect: 'DOCUMENT' },
  { name: 'a login page', answer: body('<html>'), expect: 'DOCUMENT' },
  { name: 'a cut document', answer: body('{"keys":['), expect: 'ERR_BUNDLE_DOCUMENT the text ends' },
  { name: 'wrong types', answer: body('{"keys":{}}'), expect: 'ERR_BUNDLE_DOCUMENT `keys` is an object' },
  { name: 'a NUL', answer: body('{"keys":[]}\0'), expect: 'ERR_BUNDLE_DOCUMENT something follows' },
  {
    name: 'deep nesting',
    answer: body('['.repeat(100_000)),
    expect: 'ERR_BUNDLE_DOCUMENT more than 16 levels',
  },
  {
    name: 'a member twice',
    answer: body('{"keys":[],"keys":[]}'),
    expect: 'ERR_BUNDLE_DOCUMENT the member `keys`',
  },
  {
    name: '10,000 keys',
    answer: body(JSON.stringify({ keys: Array.from({ length: 10_000 }, () => ({})) })),
    expect: 'ERR_BUNDLE_DOCUMENT `keys` has 10000 entries',
  },
];

describe('an endpoint that answers with', () => {
  test.each(HTTP)('$name: the last good bundle stays, and the next one is taken', async (row) => {
    web.answer = serving([cas.partner], 5);
    const { clock, source } = await open(web.url, row.more);
    await clock.poll();
    const good = source.current();
    expect(roots(source)).toEqual([cas.partner.certificate.der]);
    const since = new Date(clock.nowMs).toISOString();
    clock.nowMs += 3 * 3_600_000;

    await fail(row, clock);
    expectCode(source, row.expect);
    expect(said(source)).toContain(`the bundle in use was fetched at ${since}, 3 h ago`);
    expect(source.current()).toBe(good);

    web.answer = serving([cas.next], 6);
    await clock.poll();
    expect(source.problems()).toEqual([]);
    expect(roots(source)).toEqual([cas.next.certificate.der]);
  });

  test.each(HTTP)('$name, the first time: nobody is trusted, and the next one is taken', async (row) => {
    const { clock, source } = await open(web.url, row.more);
    expect(source.current()).toBeNull();
    const told = new Promise((resolve) => source.onProblem(resolve));
    await fail(row, clock);
    await told;
    expectCode(source, row.expect);
    expect(said(source)).toContain('there is no bundle, and nobody of it is accepted');
    expect(source.current()).toBeNull();
    web.answer = serving([cas.partner]);
    await clock.poll();
    expect(roots(source)).toEqual([cas.partner.certificate.der]);
  });

  async function fail({ answer, hangs = false }: HttpRow, clock: PollClock): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      web.answer = (request, response) => {
        answer(request, response);
        resolve();
      };
    });
    const polled = clock.poll();
    await asked;
    if (hangs) clock.expire();
    await polled;
  }

  function expectCode(source: BundleEndpointSource, wanted: string): void {
    for (const part of wanted.split(' … ')) expect(said(source)).toContain(part);
    expect(source.problems().map(({ code }) => code)).toContainEqual(
      expect.stringMatching(/^ERR_BUNDLE_ENDPOINT_[A-Z_]+$/),
    );
  }
});

/** What a server is, before HTTP. */
interface TlsRow {
  readonly name: string;
  readonly start: () => Promise<string>;
  readonly expect: string;
  readonly hangs?: boolean;
}

async function webWith(...args: Parameters<typeof startWeb>): Promise<string> {
  const other = await startWeb(...args);
  closing.push(() => other.close());
  other.answer = serving([cas.partner]);
  return other.url;
}

async function tcp(onConnection: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `https://localhost:${port}/`;
}

const TLS: readonly TlsRow[] = [
  {
    name: 'a certificate of another CA',
    start: () => webWith(cas.next),
    expect: 'TLS … UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    name: 'the CA of the bundle itself',
    start: () => webWith(cas.partner),
    expect: 'TLS … UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    name: 'a self-signed certificate',
    start: async () => {
      const own = await createAuthority({
        trustDomain: 'web.example',
        adjust: (spec, e) => ({ ...spec, extensions: [subjectAltName(e, { dnsNames: ['localhost'] })] }),
      });
      return webWith(cas.web, {}, { cert: own.certificatePem, key: own.privateKeyPem });
    },
    expect: 'TLS … DEPTH_ZERO_SELF_SIGNED_CERT',
  },
  {
    name: 'an expired certificate',
    start: () => webWith(cas.web, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }),
    expect: 'TLS … CERT_HAS_EXPIRED',
  },
  {
    name: 'a certificate of the future',
    start: () => webWith(cas.web, { nowMs: Date.now() + DAY_MS }),
    expect: 'TLS … CERT_NOT_YET_VALID',
  },
  {
    name: 'a certificate for another host',
    start: () => webWith(cas.web, { dnsNames: ['other.example'] }),
    expect: 'TLS … ERR_TLS_CERT_ALTNAME_INVALID',
  },
  {
    name: 'TLS 1.1',
    start: () =>
      webWith(cas.web, {}, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    expect: 'TLS',
  },
  {
    name: 'a wish for a client certificate',
    start: () =>
      webWith(cas.web, {}, { requestCert: true, rejectUnauthorized: true, ca: cas.web.certificatePem }),
    expect: 'ERR_BUNDLE_ENDPOINT_',
  },
  {
    name: 'plaintext HTTP',
    start: () => tcp((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n{"keys":[]}')),
    expect: 'TLS … TLS fails: ERR_SSL_',
  },
  {
    name: 'a connection closed in the handshake',
    start: () => tcp((socket) => socket.destroy()),
    expect: 'CONNECT … ECONNRESET',
  },
  {
    name: 'no listener',
    start: async () => {
      const url = await tcp(() => undefined);
      await closing.pop()?.();
      return url;
    },
    expect: 'CONNECT … ECONNREFUSED',
  },
  { name: 'silence in the handshake', start: async () => silent(), hangs: true, expect: 'TIMEOUT' },
];

let connected: Promise<void>;
function silent(): Promise<string> {
  let tell = (): void => undefined;
  connected = new Promise((resolve) => {
    tell = resolve;
  });
  return tcp((socket) => {
    socket.on('data', tell);
  });
}

describe('a server with', () => {
  test.each(TLS)('$name is not believed', async ({ start, hangs = false, expect: wanted }) => {
    const { clock, source } = await open(await start());
    const polled = clock.poll();
    if (hangs) {
      await connected;
      clock.expire();
    }
    await polled;
    for (const part of wanted.split(' … ')) expect(said(source)).toContain(part);
    expect(source.current()).toBeNull();
  });

  test('a CA that is not given is not believed', async () => {
    web.answer = serving([cas.partner]);
    const { clock, source } = await open(web.url, { caFile: undefined });
    await clock.poll();
    expect(said(source)).toContain('ERR_BUNDLE_ENDPOINT_TLS');
    expect(source.current()).toBeNull();
  });

  test('an untrusted certificate behind a redirect is not believed', async () => {
    const other = await webWith(cas.next);
    web.answer = redirect(other);
    const { clock, source } = await open(web.url);
    await clock.poll();
    expect(said(source)).toContain('ERR_BUNDLE_ENDPOINT_TLS');
    expect(source.current()).toBeNull();
  });
});

describe('the environment', () => {
  const set = (name: string, value: string): void => {
    const before = process.env[name];
    process.env[name] = value;
    closing.push(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  };

  test('cannot switch verification off', async () => {
    set('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { clock, source } = await open(await webWith(cas.next));
    await clock.poll();
    expect(said(source)).toContain('ERR_BUNDLE_ENDPOINT_TLS');
  });

  test('cannot put a proxy in between', async () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY']) set(name, 'http://127.0.0.1:9');
    set('NODE_USE_ENV_PROXY', '1');
    web.answer = serving([cas.partner]);
    const { clock, source } = await open(web.url);
    await clock.poll();
    expect(roots(source)).toEqual([cas.partner.certificate.der]);
  });
});

test('a closed source ends its fetch and reports nothing', async () => {
  const asked = new Promise<net.Socket>((resolve) => {
    web.answer = ({ socket }) => resolve(socket);
  });
  const { clock, source } = await open(web.url);
  source.onProblem(() => expect.unreachable());
  (await clock.nextPoll()).start();
  const socket = await asked;
  const gone = new Promise((resolve) => socket.on('close', resolve));
  source.close();
  source.close();
  await gone;
  expect(source.problems()).toEqual([]);
});

test('one GET of the configured path is sent, uncompressed and without credentials', async () => {
  web.answer = (_, response) => response.end(documentOf([cas.partner]));
  const { clock, source } = await open(`https://localhost:${web.port}/a/b.json?x=1`);
  await clock.poll();
  expect(source.current()).not.toBeNull();
  const { method, url, headers, httpVersion } = web.requests.at(-1) ?? {};
  expect({ method, url, httpVersion, headers }).toEqual({
    method: 'GET',
    url: '/a/b.json?x=1',
    httpVersion: '1.1',
    headers: {
      host: `localhost:${web.port}`,
      connection: 'keep-alive',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'sallyport',
    },
  });
});
