// Server-side request forgery through the egress proxy: every spelling of an inner address, every name that
// leads to one, and names that change their mind. Nothing inside gets a connection.
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DnsServer, type Zone } from './stage/dns.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';
import { Wire } from './stage/wire.ts';

// 127.0.0.1 stands for a public address here: it is listed. 127.0.0.2 is an inner service.
const OUTSIDE = '127.0.0.1';
const INSIDE = '127.0.0.2';
const METADATA = '169.254.169.254';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop }
spec: { rules: [{}] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: not-there, namespace: shop }
spec:
  action: DENY
  rules: [{ to: [{ operation: { hosts: ["127.0.0.1", "[::1]", "port.allowed.test:PORT"] } }] }]
`;

/** Names below the allowed wildcard and where they lead. */
const ZONE = {
  metadata: [METADATA],
  loopback: [INSIDE],
  'loopback-v6': ['::1'],
  zero: ['0.0.0.0'],
  'zero-v6': ['::'],
  'private-10': ['10.0.0.7'],
  'private-172': ['172.16.3.4'],
  'private-192': ['192.168.1.1'],
  'carrier-nat': ['100.64.0.1'],
  'link-local-v6': ['fe80::1'],
  'unique-local-v6': ['fd00:ec2::254'],
  'mapped-loopback': ['::ffff:127.0.0.2'],
  'mapped-metadata': ['::ffff:169.254.169.254'],
  'compatible-v6': ['::169.254.169.254'],
  nat64: ['64:ff9b::a9fe:a9fe'],
  'local-nat64': ['64:ff9b:1::a9fe:a9fe'],
  '6to4': ['2002:a9fe:a9fe::1'],
  teredo: ['2001:0:a9fe:a9fe::1'],
  'site-local-v6': ['fec0::1'],
  multicast: ['224.0.0.1'],
  'multicast-v6': ['ff02::1'],
  broadcast: ['255.255.255.255'],
  reserved: ['240.0.0.1'],
  benchmark: ['198.18.0.1'],
  documentation: ['192.0.2.1'],
  'documentation-v6': ['2001:db8::1'],
  'protocol-assignments': ['192.0.0.8'],
  'public-then-private': [OUTSIDE, INSIDE],
  'private-then-public': [INSIDE, OUTSIDE],
  'public-v4-private-v6': [OUTSIDE, '::1'],
  nothing: [],
};
/** Refused for where they lead, not as unlisted. */
const NAMES = Object.entries(ZONE);

let stage: Stage;
let proxy: RunningProxy;
let dns: DnsServer;
let outside: net.Server;
let inside: net.Server;
let port = 0;
let reached: string[] = [];

beforeAll(async () => {
  const serve = (name: string): net.Server =>
    net.createServer((socket) => {
      reached.push(name);
      socket.on('error', () => undefined);
      socket.on('data', () => socket.end(REDIRECT));
    });
  outside = serve('outside');
  inside = serve('inside');
  await new Promise<void>((resolve) => outside.listen(0, OUTSIDE, resolve));
  port = (outside.address() as net.AddressInfo).port;
  await new Promise<void>((resolve) => inside.listen(port, INSIDE, resolve));
  const zone: Zone = {
    ...Object.fromEntries(NAMES.map(([name, to]) => [`${name}.allowed.test`, to])),
    'fine.allowed.test': [OUTSIDE],
    'rebinding.allowed.test': [[OUTSIDE], [INSIDE]],
    'port.allowed.test': [OUTSIDE],
  };
  dns = await DnsServer.start(zone);
  stage = await Stage.create({ account: 'web' });
  const here = `port: ${port}, addresses: ["${OUTSIDE}"]`;
  proxy = await stage.start({
    egress: true,
    listener: `direction: outbound
dnsServers: ["${dns.address}"]
destinations:
  - { host: "*.allowed.test", ${here} }
  - { host: "*.allowed.test", ${here}, tls: originate }
  - { host: ${OUTSIDE}, port: ${port} }
  - { host: "::1", port: ${port} }`,
    policies: { 'all.yaml': POLICY.replace('PORT', String(port)) },
  });
});

afterAll(async () => {
  await stage.close();
  outside.close();
  inside.close();
  dns.close();
});

const REDIRECT = 'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n';

async function ask(request: string): Promise<string> {
  const wire = new Wire(net.connect({ host: '127.0.0.1', port: stage.port, allowHalfOpen: true }));
  wire.send(request);
  const answer = await wire.end();
  wire.socket.destroy();
  return answer;
}

/** `authority` with a CONNECT and in a plain request; PORT stands for the port of the services. */
const FORMS = {
  CONNECT: (to: string) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n\r\n`,
  GET: (to: string) =>
    `GET http://${to}/latest/meta-data/ HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n\r\n`,
};

/** Spellings of inner addresses that some resolver or URL library takes for them. */
const SPELLINGS = [
  METADATA,
  '2852039166', // decimal
  '0xa9fea9fe', // hexadecimal
  '0xa9.0xfe.0xa9.0xfe',
  '0251.0376.0251.0376', // octal
  '025177524776',
  '169.254.43518', // three parts
  '169.16689662', // two parts
  '0169.254.169.254',
  '169.254.169.254.', // trailing dot
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[0:0:0:0:0:ffff:a9fe:a9fe]',
  '[::169.254.169.254]',
  '[64:ff9b::169.254.169.254]',
  '[fd00:ec2::254]',
  '[fe80::1%25eth0]',
  '[fe80::1%eth0]',
  INSIDE,
  '127.2',
  '0x7f.2',
  '0177.0.0.2',
  '2130706434',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.2]',
  '0',
  '0.0.0.0',
  'localhost',
  'localhost.',
  'metadata.google.internal',
  `${INSIDE}.nip.io`,
  'allowed.test', // the wildcard has a name before it
  'notallowed.test',
  'allowed.test.evil.test',
  'x.allowed.test.evil.test',
  `user@${INSIDE}`,
  `x.allowed.test@${INSIDE}`,
  `x.allowed.test:80@${INSIDE}`,
  `${INSIDE}#.allowed.test`,
  `${INSIDE}?.allowed.test`,
  `${INSIDE}/.allowed.test`,
  `${INSIDE}\\.allowed.test`,
  `${INSIDE}%2f.allowed.test`,
  `${INSIDE}%00.allowed.test`,
  '*.allowed.test',
  '.allowed.test',
  'x..allowed.test',
  '①②⑦.⓪.⓪.②',
  '[127.0.0.2]',
  '[::1',
  '::1',
];

describe.each(Object.entries(FORMS))('%s', (_, request) => {
  test.each(SPELLINGS)('to %s', async (host) => {
    reached = [];
    const answer = await ask(request(`${host}:${port}`));
    expect(answer).toMatch(/^HTTP\/1\.1 (400|403) /);
    expect(answer).not.toContain('Location');
    expect(reached).toEqual([]);
  });

  test.each(NAMES)('to the name %s, which leads to %j', async (name) => {
    reached = [];
    const answer = await ask(request(`${name}.allowed.test:${port}`));
    const code = name === 'nothing' ? 'upstream-unresolved' : 'private-destination';
    expect(answer).toContain(`"code":"${code}"`);
    expect(answer).toMatch(/^HTTP\/1\.1 (403|502) /);
    expect(reached).toEqual([]);
  });
});

test('a name that leads outside first and inside then is asked anew, and refused then', async () => {
  reached = [];
  const questions = (): number => dns.asked.filter((one) => one === 'A rebinding.allowed.test').length;
  const to = `rebinding.allowed.test:${port}`;
  const first = new Wire(net.connect({ host: '127.0.0.1', port: stage.port }));
  first.send(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`);
  await first.until((text) => text.startsWith('HTTP/1.1 200 '));
  expect(questions()).toBe(1);
  first.socket.destroy();
  expect(await ask(FORMS.CONNECT(to))).toContain('"code":"private-destination"');
  expect(questions()).toBe(2);
  expect(reached).toEqual(['outside']);
});

test.each([
  { to: '127.0.0.1:PORT', status: 403 },
  { to: '[::ffff:127.0.0.1]:PORT', status: 403 },
  { to: '[::ffff:7f00:1]:PORT', status: 403 },
  { to: '[::1]:PORT', status: 403 },
  { to: '[0:0:0:0:0:0:0:1]:PORT', status: 403 },
  { to: '[::1]:0PORT', status: 400 },
  { to: 'port.allowed.test:PORT', status: 403 },
  { to: 'port.allowed.test.:PORT', status: 403 },
  { to: 'port.allowed.test:0PORT', status: 400 },
])('what a DENY names is denied in every spelling: $to', async ({ to, status }) => {
  reached = [];
  const answer = await ask(FORMS.CONNECT(to.replace('PORT', String(port))));
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(reached).toEqual([]);
});

test('what a DENY names with its port is denied in a URL without one', async () => {
  reached = [];
  const answer = await ask(FORMS.GET('port.allowed.test'));
  expect(answer).toContain('"code":"deny-rule"');
  expect(reached).toEqual([]);
});

test('a Host that names another server than the URL decides nothing', async () => {
  reached = [];
  const answer = await ask(
    `GET http://fine.allowed.test:${port}/ HTTP/1.1\r\nHost: ${METADATA}\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"authority-mismatch"/);
  expect(reached).toEqual([]);
});

test.each([
  { name: 'origin-form', line: 'GET /latest/meta-data/ HTTP/1.1' },
  { name: 'asterisk-form', line: 'OPTIONS * HTTP/1.1' },
  { name: 'another scheme', line: `GET ftp://${METADATA}/ HTTP/1.1` },
  { name: 'the gopher scheme', line: `GET gopher://${METADATA}:80/_GET HTTP/1.1` },
  { name: 'a file', line: 'GET file:///etc/passwd HTTP/1.1' },
  { name: 'no scheme', line: `GET //${METADATA}/ HTTP/1.1` },
])('$name is no request to a proxy', async ({ line }) => {
  reached = [];
  expect(await ask(`${line}\r\nHost: ${METADATA}\r\nConnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 400 [\s\S]*"code":"bad-target"/,
  );
  expect(reached).toEqual([]);
});

test('everything refused is in the log with where it wanted to go', async () => {
  expect(
    await proxy.line(
      (line) => JSON.stringify(line['destination']) === `{"host":"${METADATA}","port":${port}}`,
    ),
  ).toMatchObject({ verdict: 'deny', reason: 'unlisted-destination', direction: 'outbound' });
  expect(
    await proxy.line((line) => line['reason'] === 'private-destination' && 'http' in line),
  ).toBeDefined();
});
