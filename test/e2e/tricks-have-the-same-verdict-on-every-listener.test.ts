// One table of path, header and identity tricks over every kind of listener: what one refuses none lets
// through, and what arrives is what was judged.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { DnsServer } from './stage/dns.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import { CODE, type Field, headers } from './stage/http2-frames.ts';
import { outbound, Pair } from './stage/pair.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { FORGED, TRICKS, TRICKS_POLICY, type Trick } from './stage/tricks.ts';
import { Application, answering, call, OK, Wire } from './stage/wire.ts';

const HOST = 'pay.test';
const POLICIES = { 'mesh.yaml': TRICKS_POLICY };

let application: Application;
/** What arrived behind any of the listeners. */
let arrived = '';
let outside: tls.Server;
let web: SvidFiles;
let dns: DnsServer;
const stages: { strict?: Stage; permissive?: Stage; plain?: Stage; pair?: Pair; egress?: Stage } = {};

beforeAll(async () => {
  application = await Application.start((wire, index) => {
    wire.socket.on('data', (chunk: Buffer) => {
      arrived += chunk.toString('latin1');
    });
    answering(OK)(wire, index);
  });
  dns = await DnsServer.start({ [HOST]: ['127.0.0.1'] });
  const authority = await createAuthority({ trustDomain: 'outside.test' });
  const strict = await Stage.create();
  web = await strict.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const server = await strict.svid('outside', 'spiffe://outside.test/x', { authority, dnsNames: [HOST] });
  outside = tls.createServer({ cert: server.certificatePem, key: server.keyPem }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      arrived += chunk.toString('latin1');
      socket.write(OK);
    });
  });
  outside.listen(0, '127.0.0.1');
  await once(outside, 'listening');
  const { port } = outside.address() as net.AddressInfo;
  const upstreamPort = application.port;
  const [permissive, plain, egress] = await Promise.all([
    Stage.create({ authority: strict.authority }),
    Stage.create({ authority: strict.authority }),
    Stage.create({ authority: strict.authority, account: 'web' }),
  ]);
  egress.write('outside.pem', authority.certificatePem);
  const to = `host: ${HOST}, port: ${port}, addresses: [127.0.0.1], tls: originate, ca: outside.pem`;
  Object.assign(stages, { strict, permissive, plain, egress });
  await Promise.all([
    strict.start({ upstreamPort, policies: POLICIES }),
    permissive.start({ upstreamPort, policies: POLICIES, listener: 'mtls: permissive' }),
    plain.start({ upstreamPort, policies: POLICIES, listener: 'mtls: off' }),
    egress.start({
      egress: true,
      policies: POLICIES,
      listener: `direction: outbound\ndnsServers: ['${dns.address}']\ndestinations: [{ ${to} }]`,
    }),
  ]);
  stages.pair = await Pair.start(upstreamPort, (cart) => ({
    web: { ...outbound({ port: cart.port }), policies: POLICIES },
  }));
});

afterAll(async () => {
  const { pair, ...alone } = stages;
  await pair?.close();
  await Promise.all(Object.values(alone).map((stage) => stage.close()));
  application.close();
  outside.close();
  dns.close();
});

function plainly(stage: Stage | undefined): Wire {
  return new Wire(net.connect({ host: '127.0.0.1', port: stage?.port ?? 0, allowHalfOpen: true }));
}

const KINDS: { name: string; connect: () => Promise<Wire> | Wire; absolute?: boolean }[] = [
  { name: 'inbound over mTLS', connect: () => call(stages.strict as Stage, web) },
  { name: 'inbound, permissive, over mTLS', connect: () => call(stages.permissive as Stage, web) },
  { name: 'inbound, permissive, plaintext', connect: () => plainly(stages.permissive) },
  { name: 'inbound, plaintext', connect: () => plainly(stages.plain) },
  { name: 'outbound', connect: () => plainly(stages.pair?.web) },
  { name: 'egress', connect: () => plainly(stages.egress), absolute: true },
];

describe.each(KINDS)('$name', ({ connect, absolute = false }) => {
  const request = ({ method = 'GET', path, lines = '' }: Trick, more = ''): string =>
    `${method} ${absolute ? `http://${HOST}` : ''}${path} HTTP/1.1\r\nHost: ${HOST}\r\n${lines}${more}` +
    `${lines.includes('Connection:') ? '' : 'Connection: close\r\n'}\r\n`;

  test.each(TRICKS)('$name: $path', async (trick) => {
    arrived = '';
    const wire = await connect();
    wire.send(request(trick));
    const answer = await wire.end();
    wire.socket.destroy();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${trick.status} `));
    if (trick.code !== undefined) expect(answer).toContain(`"code":"${trick.code}"`);
    if (trick.arrives === undefined) expect(arrived).toBe('');
    else expect(arrived).toContain(`GET ${trick.arrives} HTTP/1.1\r\n`);
  });

  test('an identity of its own making does not arrive', async () => {
    arrived = '';
    const wire = await connect();
    wire.send(request({ name: '', path: '/public/a', status: 200 }, FORGED));
    expect(await wire.end()).toMatch(/^HTTP\/1\.1 200 /);
    wire.socket.destroy();
    expect(arrived).toContain('GET /public/a');
    expect(arrived).not.toContain('forged');
    expect(arrived.toLowerCase()).not.toContain('proxy-connection');
  });
});

const HTTP2: { name: string; connect: () => Promise<Http2Caller> }[] = [
  { name: 'inbound over mTLS', connect: () => Http2Caller.connect(stages.strict as Stage, web) },
  { name: 'inbound, permissive', connect: () => Http2Caller.connect(stages.permissive as Stage, web) },
  {
    name: 'inbound, permissive, plaintext',
    connect: () => Http2Caller.connect(stages.permissive as Stage, null),
  },
  { name: 'inbound, plaintext', connect: () => Http2Caller.connect(stages.plain as Stage, null) },
];

/** Why HTTP/2 refuses before HTTP/1.1's rules are asked: a malformed request, which is reset. */
const MALFORMED = new Set(['bad-header', 'bare-newline', 'bad-connection-header', 'conflicting-framing']);
const isMalformed = ({ name, code }: Trick): boolean => MALFORMED.has(code ?? '') || name === 'a second Host';
/** White space around a value is not HTTP/1.1's to drop here: RFC 9113 section 8.2.1. */
const SAYABLE = TRICKS.filter(({ name }) => name !== 'with white space around it');

describe.each(HTTP2)('HTTP/2, $name', ({ connect }) => {
  const fields = ({ method = 'GET', path, lines = '' }: Trick, more = ''): Field[] => [
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', HOST],
    // RFC 9113 section 8.2.1: names are in lower case; the rest is said as it is.
    ...(lines + more)
      .split(/\r\n(?! )/)
      .filter(Boolean)
      .map((line): Field => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^ /, '')];
      }),
  ];

  test.each(SAYABLE)('$name: $path', async (trick) => {
    arrived = '';
    const caller = await connect();
    caller.send(headers(1, fields(trick)));
    const answer = await caller.over(1);
    caller.close();
    if (isMalformed(trick)) expect(answer).toMatchObject({ reset: CODE.PROTOCOL_ERROR, status: 0 });
    else expect(answer.status).toBe(trick.status);
    if (!isMalformed(trick) && trick.code !== undefined) expect(answer.code).toBe(trick.code);
    if (trick.arrives === undefined) expect(arrived).toBe('');
    else expect(arrived).toContain(`GET ${trick.arrives} HTTP/1.1\r\n`);
  });

  test('an identity of its own making does not arrive', async () => {
    arrived = '';
    const caller = await connect();
    const own = FORGED.replace(/Proxy-Connection: .*\r\n/, '');
    caller.send(headers(1, fields({ name: '', path: '/public/a', status: 200 }, own)));
    expect((await caller.over(1)).status).toBe(200);
    caller.close();
    expect(arrived).toContain('GET /public/a');
    expect(arrived).not.toContain('forged');
  });
});
