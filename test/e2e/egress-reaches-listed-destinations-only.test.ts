// The egress proxy: CONNECT to a listed name with that very name in its ClientHello, and plain requests that
// leave as verified TLS. Policies decide about both; everything else is refused and told.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { DnsServer } from './stage/dns.ts';
import { adminPage, eventually } from './stage/observe.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { OK, Wire } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: egress, namespace: shop }
spec:
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to:
        - operation: { hosts: ["tunnel.test", "*.wild.test", "hidden.test"], methods: [CONNECT] }
        - operation: { hosts: ["pay.test"], methods: [GET, POST], paths: ["/v1/*"] }
`;

const MOVED =
  'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n';

let stage: Stage;
let proxy: RunningProxy;
let dns: DnsServer;
let server: tls.Server;
let outside: SvidFiles;
let ca: string;
/** What the server outside decrypted. */
const got: string[] = [];
let connections = 0;

beforeAll(async () => {
  stage = await Stage.create({ account: 'web' });
  const web = await createAuthority({ trustDomain: 'outside.test' });
  ca = web.certificatePem;
  const names = ['tunnel.test', 'a.wild.test', 'pay.test', 'hidden.test'];
  outside = await stage.svid('outside', 'spiffe://outside.test/server', { authority: web, dnsNames: names });
  server = tls.createServer({ cert: outside.certificatePem, key: outside.keyPem }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk.toString('latin1'));
      socket.write(chunk.includes('/v1/moved') ? MOVED : OK);
    });
  });
  server.on('connection', () => connections++);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lead = ['127.0.0.1'];
  dns = await DnsServer.start({
    'tunnel.test': lead,
    'a.wild.test': lead,
    'pay.test': lead,
    'wrong.test': lead,
    'hidden.test': lead,
  });
  stage.write('outside-ca.pem', ca);
  const here = `port: ${port()}, addresses: ["127.0.0.0/8"]`;
  proxy = await stage.start({
    egress: true,
    listener: `direction: outbound
dnsServers: ["${dns.address}"]
timeouts: { handshake: 1s }
destinations:
  - { host: tunnel.test, ${here} }
  - { host: "*.wild.test", ${here} }
  - { host: hidden.test, ${here} }
  - { host: pay.test, ${here}, tls: originate, ca: outside-ca.pem }
  - { host: wrong.test, ${here}, tls: originate, ca: outside-ca.pem }`,
    policies: { 'egress.yaml': POLICY },
  });
});

afterAll(async () => {
  await stage.close();
  server.close();
  dns.close();
});

function port(): number {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function connect(): Wire {
  const wire = new Wire(net.connect({ host: '127.0.0.1', port: stage.port, allowHalfOpen: true }));
  return wire;
}

/** Opens a tunnel to `host` and speaks TLS to `servername` in it. */
async function through(host: string, servername: string): Promise<tls.TLSSocket> {
  const wire = connect();
  wire.send(`CONNECT ${host}:${port()} HTTP/1.1\r\nHost: ${host}:${port()}\r\n\r\n`);
  await wire.until((text) => text.endsWith('\r\n\r\n'));
  expect(wire.text).toMatch(/^HTTP\/1\.1 200 /);
  wire.socket.removeAllListeners('data');
  return tls.connect({ socket: wire.socket, servername, ca });
}

async function ask(request: string): Promise<string> {
  const wire = connect();
  wire.send(request);
  const answer = await wire.end();
  wire.socket.destroy();
  return answer;
}

const plain = (url: string, host: string, lines = ''): Promise<string> =>
  ask(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${lines}Connection: close\r\n\r\n`);

const told = (wanted: (line: LogLine) => boolean): Promise<LogLine> => proxy.line(wanted);

test.each(['tunnel.test', 'a.wild.test'])('a tunnel to %s', async (host) => {
  const seen = got.length;
  const socket = await through(host, host);
  await once(socket, 'secureConnect');
  socket.write('hello through the tunnel');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toBe(OK);
  expect(got.slice(seen)).toEqual(['hello through the tunnel']);
  socket.destroy();
  expect(await told((line) => (line['destination'] as LogLine | undefined)?.['host'] === host)).toMatchObject(
    {
      direction: 'outbound',
      verdict: 'allow',
      source: { principal: 'spiffe://example.org/ns/shop/sa/web' },
      destination: { host, port: port() },
      http: { method: 'CONNECT', path: '', status: 200 },
    },
  );
});

test('a plain request leaves as verified TLS, and tells nothing about its caller', async () => {
  const seen = got.length;
  const lines =
    'Proxy-Authorization: Basic c2VjcmV0\r\nX-Forwarded-For: 10.1.1.1\r\nProxy-Connection: keep-alive\r\n';
  expect(await plain('http://pay.test/v1/charge?x=1', 'pay.test', lines)).toMatch(/^HTTP\/1\.1 200 OK/);
  const [request = ''] = got.slice(seen);
  expect(request).toMatch(/^GET \/v1\/charge\?x=1 HTTP\/1\.1\r\nHost: pay\.test\r\n/);
  expect(request.toLowerCase()).not.toMatch(
    /proxy-|x-forwarded|x-real-ip|forwarded|10\.1\.1\.1|127\.0\.0\.1/,
  );
  expect(
    await told((line) => (line['http'] as LogLine | undefined)?.['path'] === '/v1/charge'),
  ).toMatchObject({
    verdict: 'allow',
    destination: { host: 'pay.test', port: port() },
  });
});

test('a redirect is the caller’s to follow, and leads nowhere', async () => {
  const answer = await plain('http://pay.test/v1/moved', 'pay.test');
  expect(answer).toMatch(/^HTTP\/1\.1 302 Found/);
  const url = /^location: (.*)\r$/im.exec(answer)?.[1] ?? '';
  expect(await plain(url, '169.254.169.254')).toContain('"code":"unlisted-destination"');
});

test.each([
  { name: 'another path', url: 'http://pay.test/v2/x', host: 'pay.test', code: 'default-deny' },
  { name: 'another host', url: 'http://other.test/v1/x', host: 'other.test', code: 'unlisted-destination' },
  { name: 'another port', url: 'http://pay.test:81/v1/x', host: 'pay.test:81', code: 'unlisted-destination' },
  { name: 'a tunnel host', url: 'http://tunnel.test/', host: 'tunnel.test', code: 'unlisted-destination' },
  {
    name: 'a name that no policy allows',
    url: 'http://wrong.test/',
    host: 'wrong.test',
    code: 'default-deny',
  },
])('a plain request for $name is refused', async ({ url, host, code }) => {
  const before = connections;
  expect(await plain(url, host)).toMatch(new RegExp(`^HTTP/1\\.1 403 [\\s\\S]*"code":"${code}"`));
  expect(connections).toBe(before);
});

test.each([
  { name: 'the same without its port', target: 'tunnel.test', status: 400, code: 'bad-target' },
  { name: 'another host', target: 'other.test:443', status: 403, code: 'unlisted-destination' },
  { name: 'another port', target: 'tunnel.test:22', status: 403, code: 'unlisted-destination' },
  { name: 'the name above a wildcard', target: 'wild.test:PORT', status: 403, code: 'unlisted-destination' },
  { name: 'a name that ends alike', target: 'evilwild.test:PORT', status: 403, code: 'unlisted-destination' },
  {
    name: 'a destination of plain requests',
    target: 'pay.test:PORT',
    status: 403,
    code: 'unlisted-destination',
  },
])('CONNECT to $name is refused', async ({ target, status, code }) => {
  const to = target.replace('PORT', String(port()));
  const before = connections;
  const answer = await ask(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*"code":"${code}"`));
  expect(connections).toBe(before);
});

test.each([
  { name: 'another name', servername: 'pay.test' },
  { name: 'no name', servername: '' },
])('a ClientHello with $name ends the tunnel, and the server gets no byte', async ({ servername }) => {
  const seen = got.length;
  const socket = await through('tunnel.test', servername);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(got.length).toBe(seen);
  await told((line) => line['reason'] === 'sni-mismatch');
});

test('what is no TLS does not go through a tunnel', async () => {
  const raw: string[] = [];
  const listen = (socket: net.Socket): void => void socket.on('data', (d: Buffer) => raw.push(d.toString()));
  server.on('connection', listen);
  const wire = connect();
  wire.send(`CONNECT tunnel.test:${port()} HTTP/1.1\r\nHost: tunnel.test:${port()}\r\n\r\n`);
  await wire.until((text) => text.endsWith('\r\n\r\n'));
  wire.send('SSH-2.0-anything\r\n');
  await eventually(
    () => wire.closed,
    (closed) => closed,
  );
  await told((line) => line['reason'] === 'tunnel-not-tls');
  expect(raw).toEqual([]);
  server.off('connection', listen);
});

test('a tunnel in which nothing is said ends after timeouts.handshake', async () => {
  const wire = connect();
  wire.send(`CONNECT tunnel.test:${port()} HTTP/1.1\r\nHost: tunnel.test:${port()}\r\n\r\n`);
  await wire.until((text) => text.endsWith('\r\n\r\n'));
  await eventually(
    () => wire.closed,
    (closed) => closed,
    4_000,
  );
  await told((line) => line['reason'] === 'handshake-timeout');
});

test('a server that is not who the URL says gets no request', async () => {
  stage.write(
    'policies/wrong.yaml',
    POLICY.replace('name: egress', 'name: wrong')
      .replace('"pay.test"', '"wrong.test"')
      .replace('/v1/*', '/*'),
  );
  await proxy.line((line) => line['msg'] === 'policy swapped');
  const seen = got.length;
  expect(await plain('http://wrong.test/', 'wrong.test')).toMatch(
    /^HTTP\/1\.1 502 [\s\S]*"code":"upstream-untrusted"/,
  );
  expect(got.length).toBe(seen);
});

test('a name that nobody knows is told', async () => {
  const to = `nobody.wild.test:${port()}`;
  const answer = await ask(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 502 [\s\S]*"code":"upstream-unresolved"/);
});

test('flows tell the destinations apart', async () => {
  const flows = JSON.parse((await adminPage(stage, '/flows')).text) as LogLine[];
  const hosts = flows.map((flow) => (flow['destination'] as LogLine)['host']);
  expect(hosts).toEqual(expect.arrayContaining(['tunnel.test', 'a.wild.test', 'pay.test', 'other.test']));
});
