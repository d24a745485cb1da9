// The PROXY protocol, outwards: every connection to the application says who calls, byte for byte, and serves
// that caller alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeHeader, type HeaderFacts } from '../../proxy/proxy-protocol/encode-header.ts';
import { tlv, v2 } from '../unit/proxy/proxy-protocol/header-bytes.ts';
import { introduced, v1 } from './stage/introduced.ts';
import { eventually } from './stage/observe.ts';
import { answered } from './stage/routed.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, OK, type Wire } from './stage/wire.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const JOBS = 'spiffe://example.org/ns/shop/sa/jobs';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

interface Setting {
  readonly stage: Stage;
  readonly application: Application;
  readonly web: SvidFiles;
  readonly jobs: SvidFiles;
}

/** Answers every head behind the header, whose signature begins as an empty head would. */
function introducedApplication(wire: Wire): void {
  let answered = 0;
  wire.socket.on('data', () => {
    const heads = (wire.text.slice(SIGNATURE.length).match(/GET [^\0]*?\r\n\r\n/g) ?? []).length;
    for (; answered < heads; answered++) wire.send(OK);
  });
}

const settings = new Map<string, Setting>();

beforeAll(async () => {
  const modes: Record<string, { listener?: string; upstream?: string }> = {
    strict: {},
    'server-tls': { listener: 'mtls: server-tls' },
    off: { listener: 'mtls: off' },
    balanced: { listener: 'proxyProtocol: { trust: [127.0.0.2] }' },
    hops: { listener: 'mtls: off\nforwarded: { trust: 1 }' },
    narrow: { upstream: 'maxConnections: 1' },
  };
  await Promise.all(
    Object.entries(modes).map(async ([name, { listener = '', upstream = 'maxConnections: 64' }]) => {
      const stage = await Stage.create();
      const application = await Application.start(introducedApplication);
      const web = await stage.svid('web', WEB);
      const jobs = await stage.svid('jobs', JOBS);
      const policies = { 'all.yaml': ALLOW_ALL };
      const out = `proxyProtocol: v2, idleTimeout: 1m, ${upstream}`;
      await stage.start({ listener, policies, upstreamPort: application.port, upstream: out });
      settings.set(name, { stage, application, web, jobs });
    }),
  );
});

const ALLOW_ALL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop }
spec: { action: ALLOW, rules: [{}] }
`;

afterAll(async () => {
  for (const { stage, application } of settings.values()) {
    await stage.close();
    application.close();
  }
});

const setting = (name: string): Setting => settings.get(name) as Setting;

/** Sends one GET and waits for its answer, the `nth` of `wire`. */
async function ask(wire: Wire, path: string, nth = 1, lines = ''): Promise<void> {
  wire.send(get(path, lines));
  expect((await answered(wire, nth))[nth - 1]?.status).toBe(200);
}

/** The connection of the application that got `path`. */
function connectionOf({ application }: Setting, path: string): Wire {
  const found = application.connections.filter(({ text }) => text.includes(`GET ${path} `));
  expect(found).toHaveLength(1);
  return found[0] as Wire;
}

/** What the application got before the first request. */
function headerOf(setting: Setting, path: string): string {
  const { text } = connectionOf(setting, path);
  expect(text.startsWith(SIGNATURE)).toBe(true);
  expect(text.indexOf(SIGNATURE, 1)).toBe(-1);
  return text.slice(0, text.indexOf('GET '));
}

const latin1 = (facts: HeaderFacts): string => encodeHeader(facts).toString('latin1');

describe('the header', () => {
  test.each([
    ['strict', { sni: 'localhost', tlsVersion: 'TLSv1.3', spiffeId: WEB }],
    ['server-tls', { sni: 'localhost', tlsVersion: 'TLSv1.3', spiffeId: null }],
    ['off', { sni: null, tlsVersion: null, spiffeId: null }],
  ])('of mtls: %s', async (mode, said) => {
    const { stage, web } = setting(mode);
    const svid = mode === 'off' ? {} : { svid: mode === 'strict' ? web : null };
    const wire = await introduced(stage, { header: '', from: '127.0.0.7', ...svid });
    await ask(wire, '/header');
    const sourcePort = headerOf(setting(mode), '/header').slice(24, 26);
    const port = Buffer.from(sourcePort, 'latin1').readUInt16BE();
    expect(port).toBeGreaterThan(1023);
    const source = { ip: '127.0.0.7', port };
    const destination = { ip: '127.0.0.1', port: stage.port };
    expect(headerOf(setting(mode), '/header')).toBe(latin1({ source, destination, ...said }));
    wire.socket.destroy();
  });

  test('of a client that a PROXY header named: addresses go on, a claimed identity does not', async () => {
    const { stage, web } = setting('balanced');
    const rest = [203, 0, 113, 9, 198, 51, 100, 200, 0x9c, 0x40, 0x01, 0xbb];
    const wire = await introduced(stage, { header: v2({ rest: [...rest, ...tlv(0xe5, JOBS)] }), svid: web });
    await ask(wire, '/named');
    const source = { ip: '203.0.113.9', port: 40_000 };
    const destination = { ip: '198.51.100.200', port: 443 };
    const said = { sni: 'localhost', tlsVersion: 'TLSv1.3', spiffeId: WEB };
    expect(headerOf(setting('balanced'), '/named')).toBe(latin1({ source, destination, ...said }));
    wire.socket.destroy();
  });

  test('of X-Forwarded-For: that client, without port; another client has another connection', async () => {
    const { stage, application } = setting('hops');
    const wire = await introduced(stage, { header: '' });
    const from = (ip: string): string => `X-Forwarded-For: ${ip}\r\n`;
    await ask(wire, '/a1', 1, from('203.0.113.1'));
    await ask(wire, '/a2', 2, from('203.0.113.1'));
    await ask(wire, '/b', 3, from('203.0.113.2'));
    await ask(wire, '/a3', 4, from('203.0.113.1'));
    await ask(wire, '/self', 5);
    const clients = application.connections.map(({ text }) =>
      [...Buffer.from(text.slice(16, 20), 'latin1')].join('.'),
    );
    expect(clients).toEqual(['203.0.113.1', '203.0.113.2', '203.0.113.1', '127.0.0.2']);
    expect(connectionOf(setting('hops'), '/a2')).toBe(connectionOf(setting('hops'), '/a1'));
    expect(headerOf(setting('hops'), '/b').slice(24, 26)).toBe('\0\0');
    expect(headerOf(setting('hops'), '/self').slice(24, 26)).not.toBe('\0\0');
    // what belonged to another client is closed, not kept
    const open = (): number => application.connections.filter(({ ended }) => !ended).length;
    await eventually(open, (count) => count === 1);
    wire.socket.destroy();
  });
});

describe('a connection to the application', () => {
  test('serves the requests of one caller connection, and no other, however idle it is', async () => {
    const { stage, application, web, jobs } = setting('strict');
    const before = application.connections.length;
    const callers = [await call(stage, web), await call(stage, jobs), await call(stage, web)];
    for (let round = 1; round <= 10; round++)
      for (const [i, caller] of callers.entries()) await ask(caller, `/caller-${i}`, round);
    const mine = application.connections.slice(before);
    expect(mine).toHaveLength(3);
    for (const [i, { text }] of mine.entries()) {
      expect(text.match(/GET (\S+)/g)).toEqual(Array(10).fill(`GET /caller-${i}`));
      expect(text.includes(JOBS)).toBe(i === 1);
      expect(text.includes(WEB)).toBe(i !== 1);
    }
    for (const { socket } of callers) socket.destroy();
  });

  test('of callers at once never carries the request of another', async () => {
    const { stage, application, web, jobs } = setting('strict');
    const before = application.connections.length;
    const svids = [web, jobs, web, jobs, web, jobs, web, jobs];
    await Promise.all(
      svids.map(async (svid, i) => {
        // Callers come and go, so that what one leaves behind is there for the next.
        for (let life = 0; life < 3; life++) {
          const wire = await call(stage, svid);
          for (let n = 1; n <= 5; n++) await ask(wire, `/${svid === web ? 'web' : 'jobs'}/${i}`, n);
          wire.socket.destroy();
        }
      }),
    );
    const mine = application.connections.slice(before);
    expect(mine).toHaveLength(24);
    for (const { text } of mine) {
      const own = text.includes(WEB) ? 'web' : 'jobs';
      expect(new Set(text.match(/GET \S+/g)).size).toBe(1);
      expect(text).toMatch(new RegExp(`GET /${own}/`));
    }
  });

  test('ends with its caller', async () => {
    const { stage, web } = setting('strict');
    const wire = await call(stage, web);
    await ask(wire, '/leaves');
    const { ended } = connectionOf(setting('strict'), '/leaves');
    expect(ended).toBe(false);
    wire.socket.end();
    await connectionOf(setting('strict'), '/leaves').end();
  });

  test('that idles gives way to another caller at upstream.maxConnections', async () => {
    const { stage, web, jobs } = setting('narrow');
    const [one, other] = [await call(stage, web), await call(stage, jobs)];
    await ask(one, '/narrow/1');
    await ask(other, '/narrow/2');
    await connectionOf(setting('narrow'), '/narrow/1').end();
    await ask(one, '/narrow/3', 2);
    expect(headerOf(setting('narrow'), '/narrow/3')).toContain(WEB);
    expect(headerOf(setting('narrow'), '/narrow/2')).toContain(JOBS);
    for (const { socket } of [one, other]) socket.destroy();
  });

  test('that the application closed is made anew, with the header again', async () => {
    const { stage, web } = setting('strict');
    const wire = await call(stage, web);
    await ask(wire, '/again/1');
    connectionOf(setting('strict'), '/again/1').socket.end();
    await connectionOf(setting('strict'), '/again/1').end();
    await ask(wire, '/again/2', 2);
    expect(headerOf(setting('strict'), '/again/2')).toBe(headerOf(setting('strict'), '/again/1'));
    wire.socket.destroy();
  });
});

test('a balancer’s two clients of one certificate are two callers', async () => {
  const { stage, application, web } = setting('balanced');
  const before = application.connections.length;
  const wires = [
    await introduced(stage, { header: v1('192.0.2.1'), svid: web }),
    await introduced(stage, { header: v1('192.0.2.1'), svid: web }),
  ];
  for (const wire of wires) await ask(wire, '/twice');
  // the same in every word that the application is told, and still not shared
  const [first, second] = application.connections.slice(before).map(({ text }) => text);
  expect(first).toBeDefined();
  expect(second?.slice(0, second.indexOf('GET'))).toBe(first?.slice(0, first.indexOf('GET')));
  for (const { socket } of wires) socket.destroy();
});

test('another sallyport in its place sees through, and keeps to certificates for who calls', async () => {
  const { application } = setting('off');
  const [near, far] = [await Stage.create(), await Stage.create()];
  const web = await near.svid('web', WEB);
  const policies = { 'all.yaml': ALLOW_ALL };
  const inner = await far.start({
    listener: 'mtls: off\nproxyProtocol: { trust: [127.0.0.1] }',
    policies,
    upstreamPort: application.port,
    upstream: 'proxyProtocol: v2',
  });
  await near.start({ policies, upstreamPort: far.port, upstream: 'proxyProtocol: v2' });
  const wire = await introduced(near, { header: '', from: '127.0.0.8', svid: web });
  await ask(wire, '/chain');
  const [line] = await eventually(
    () => inner.decisions(),
    (lines) => lines.length > 0,
  );
  const client = { remoteIp: '127.0.0.8', remoteIpFrom: 'proxy-protocol' };
  expect(line?.['source']).toEqual({ principal: null, ip: '127.0.0.1', ...client });
  expect(headerOf(setting('off'), '/chain')).not.toContain(WEB);
  wire.socket.destroy();
  await Promise.all([near.close(), far.close()]);
});
