// The PROXY protocol, inwards: a trusted peer must name the client, nobody else can, and policies decide on
// it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlv, V4, v2 } from '../unit/proxy/proxy-protocol/header-bytes.ts';
import { run } from './stage/foreign.ts';
import { BALANCER, type Introduction, introduced, STRANGER, v1 } from './stage/introduced.ts';
import { adminPage, eventually, handshakes } from './stage/observe.ts';
import { outbound } from './stage/pair.ts';
import { answered, codeOf } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, get, OK, targets, type Wire } from './stage/wire.ts';

const OFFICE = '203.0.113.9';
const BANNED = '198.51.100.7';
/** /office from the office, /balancer over the balancer, /open for everybody but those who are banned. */
const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: places, namespace: shop }
spec:
  action: ALLOW
  rules:
    - from: [{ source: { remoteIpBlocks: ["203.0.113.0/24"] } }]
      to: [{ operation: { paths: ["/office"] } }]
    - from: [{ source: { ipBlocks: ["${BALANCER}"] } }]
      to: [{ operation: { paths: ["/balancer"] } }]
    - from: [{ source: { remoteIpBlocks: ["${BALANCER}"] } }]
      to: [{ operation: { paths: ["/checks"] } }]
    - to: [{ operation: { paths: ["/open"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: banned, namespace: shop }
spec:
  action: DENY
  rules: [{ from: [{ source: { remoteIpBlocks: ["198.51.100.0/24"] } }] }]
`;
const PATHS = ['/office', '/balancer', '/checks', '/open'];
const MODES = ['strict', 'permissive', 'server-tls', 'off'] as const;

interface Setting {
  readonly stage: Stage;
  readonly proxy: RunningProxy;
  readonly svid: SvidFiles;
}

let application: Application;
const settings = new Map<string, Setting>();

beforeAll(async () => {
  application = await Application.start(answering(OK));
  const listeners: Record<string, string> = Object.fromEntries(
    MODES.map((mode) => [mode, `mtls: ${mode}\nproxyProtocol: { trust: [${BALANCER}/32] }`]),
  );
  listeners['trust'] = `mtls: off\nproxyProtocol: { trust: [${BALANCER}] }\nforwarded: { trust: 1 }`;
  listeners['append'] = `mtls: off\nproxyProtocol: { trust: [${BALANCER}] }\nforwarded: append`;
  listeners['quick'] = `proxyProtocol: { trust: [${BALANCER}] }\ntimeouts: { handshake: 1s }`;
  await Promise.all(
    Object.entries(listeners).map(async ([name, listener]) => {
      const stage = await Stage.create();
      const svid = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
      const policies = { 'places.yaml': POLICY };
      const proxy = await stage.start({ listener, policies, upstreamPort: application.port });
      settings.set(name, { stage, proxy, svid });
    }),
  );
});

afterAll(async () => {
  await Promise.all([...settings.values()].map(({ stage }) => stage.close()));
  application.close();
});

const setting = (name: string): Setting => settings.get(name) as Setting;

/** TLS where the listener speaks it: with a certificate where it asks for one. */
function secured(mode: string, svid: SvidFiles): Pick<Introduction, 'svid'> {
  if (mode === 'off') return {};
  return { svid: mode === 'server-tls' ? null : svid };
}

async function statuses(wire: Wire, paths: readonly string[] = PATHS): Promise<number[]> {
  const all: number[] = [];
  for (const path of paths) {
    wire.send(get(path));
    all.push((await answered(wire, all.length + 1)).at(-1)?.status ?? 0);
  }
  wire.socket.destroy();
  return all;
}

describe.each(MODES)('mtls: %s', (mode) => {
  const rows: { name: string; as: Omit<Introduction, 'svid'>; expect: number[] }[] = [
    { name: 'a client in the office', as: { header: v1(OFFICE) }, expect: [200, 200, 403, 200] },
    { name: 'one that is banned', as: { header: v1(BANNED) }, expect: [403, 403, 403, 403] },
    { name: 'one from elsewhere', as: { header: v1('192.0.2.1') }, expect: [403, 200, 403, 200] },
    { name: 'version 2', as: { header: v2({}) }, expect: [403, 200, 403, 200] },
    {
      name: 'a banned client as IPv4-mapped IPv6',
      as: { header: `PROXY TCP6 ::ffff:${BANNED} ::1 1 2\r\n` },
      expect: [403, 403, 403, 403],
    },
    {
      name: 'the balancer itself (LOCAL)',
      as: { header: v2({ command: 0x20, rest: [] }) },
      expect: [403, 200, 200, 200],
    },
    { name: 'nobody it knows (UNKNOWN)', as: { header: 'PROXY UNKNOWN\r\n' }, expect: [403, 200, 200, 200] },
    { name: 'glued', as: { header: v1(OFFICE), manner: 'glued' }, expect: [200, 200, 403, 200] },
    { name: 'byte by byte', as: { header: v2({}), manner: 'dripped' }, expect: [403, 200, 403, 200] },
    {
      name: 'a stranger without header',
      as: { header: '', from: STRANGER },
      expect: [403, 403, 403, 200],
    },
  ];
  test.each(rows)('$name', async ({ as, expect: wanted }) => {
    const { stage, svid } = setting(mode);
    expect(await statuses(await introduced(stage, { ...as, ...secured(mode, svid) }))).toEqual(wanted);
  });

  const refused: { name: string; header: string | Buffer }[] = [
    { name: 'two line ends', header: '\r\n\r\n\r\n\r\n' },
    { name: 'a bad address', header: 'PROXY TCP4 10.0.0.256 10.0.0.1 1 2\r\n' },
    { name: 'UDP', header: v2({ family: 0x12 }) },
    { name: 'a broken value', header: v2({ rest: [...V4, 1, 2] }) },
    {
      name: 'a wrong checksum',
      header: v2({ rest: [...V4, ...tlv(3, [1, 2, 3, 4])] }),
    },
  ];
  test.each(refused)('refused of a trusted peer: $name', async ({ header }) => {
    const { stage, proxy } = setting(mode);
    const before = await handshakes(stage, 'bad-proxy-header');
    const wire = await introduced(stage, { header });
    await wire.end();
    expect(wire.text).toBe('');
    await eventually(
      () => handshakes(stage, 'bad-proxy-header'),
      (count) => count === before + 1,
    );
    const line = await proxy.line(({ reason }) => reason === 'bad-proxy-header'); // equal ones collapse
    expect(line['source']).toMatchObject({ principal: null, ip: BALANCER, remoteIpFrom: 'peer' });
  });

  test('refused of a trusted peer: no header, but what a stranger would begin with', async () => {
    const { stage } = setting(mode);
    const before = await handshakes(stage, 'bad-proxy-header');
    const served = targets(application).length;
    if (mode === 'off') expect(await (await introduced(stage, { header: get('/open') })).end()).toBe('');
    else await expect(introduced(stage, { header: '', svid: null })).rejects.toThrow();
    expect(await handshakes(stage, 'bad-proxy-header')).toBe(before + 1);
    expect(targets(application)).toHaveLength(served);
  });

  test.each([
    ['version 1', v1(OFFICE)],
    ['version 2', v2({})],
  ])('%s of the client, behind the balancer’s header, is none either', async (_, header) => {
    const { stage } = setting(mode);
    const served = targets(application).length;
    const both = Buffer.concat([Buffer.from(v1('192.0.2.1')), Buffer.from(header)]);
    const wire = await introduced(stage, { header: both });
    wire.send(get('/office'));
    const answer = await wire.end();
    if (mode === 'off' || mode === 'permissive') expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    else expect(answer).not.toContain('HTTP/1.1');
    expect(targets(application)).toHaveLength(served);
  });

  test.each([
    ['version 1', v1(OFFICE)],
    ['version 2', v2({})],
  ])('%s of a stranger is no header: a failed handshake or a bad request', async (_, header) => {
    const { stage } = setting(mode);
    const served = targets(application).length;
    const before = await handshakes(stage, 'bad-proxy-header');
    const wire = await introduced(stage, { header, from: STRANGER });
    wire.send(get('/office'));
    const answer = await wire.end();
    if (mode === 'off' || mode === 'permissive') expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    else expect(answer).not.toContain('HTTP/1.1');
    expect(targets(application)).toHaveLength(served);
    expect(await handshakes(stage, 'bad-proxy-header')).toBe(before);
  });
});

test('two clients at once over one balancer stay apart, request by request', async () => {
  const { stage, svid } = setting('strict');
  const office = await introduced(stage, { header: v1(OFFICE), svid });
  const banned = await introduced(stage, { header: v1(BANNED), svid });
  for (let i = 1; i <= 20; i++) {
    office.send(get('/office'));
    banned.send(get('/office'));
    expect((await answered(office, i)).at(-1)?.status).toBe(200);
    expect((await answered(banned, i)).at(-1)?.status).toBe(403);
  }
  office.socket.destroy();
  banned.socket.destroy();
});

test('record, /connections and the refused handshake say where the address is from', async () => {
  const { stage, proxy, svid } = setting('strict');
  const wire = await introduced(stage, { header: v1('192.0.2.77'), svid });
  wire.send(get('/open?who'));
  await answered(wire, 1);
  const source = { ip: BALANCER, remoteIp: '192.0.2.77', remoteIpFrom: 'proxy-protocol' };
  const mine = (line: { source?: unknown }): boolean =>
    JSON.stringify(line.source ?? null).includes('192.0.2.77');
  expect((await proxy.line(mine))['source']).toMatchObject(source);
  const connections = JSON.parse((await adminPage(stage, '/connections')).text) as {
    remoteIp: string;
  }[];
  expect(connections.find(({ remoteIp }) => remoteIp === '192.0.2.77')).toMatchObject({
    sourceIp: BALANCER,
    remoteIpFrom: 'proxy-protocol',
    destinationIp: '127.0.0.1',
  });
  wire.socket.destroy();
  await expect(introduced(stage, { header: v1('192.0.2.78'), svid: null })).resolves.toBeDefined();
  const failed = await proxy.line((line) => line['reason'] === 'no-certificate');
  expect(failed['source']).toMatchObject({ ip: BALANCER, remoteIp: '192.0.2.78' });
});

describe('with forwarded: { trust: 1 }, X-Forwarded-For counts from the header’s address', () => {
  const rows: { name: string; lines: string; expect: { ip: string; from: string; xff: string } }[] = [
    { name: 'none', lines: '', expect: { ip: OFFICE, from: 'proxy-protocol', xff: OFFICE } },
    {
      name: 'one hop',
      lines: 'X-Forwarded-For: 192.0.2.5\r\n',
      expect: { ip: '192.0.2.5', from: 'x-forwarded-for', xff: `192.0.2.5, ${OFFICE}` },
    },
    {
      name: 'a hop in another form',
      lines: 'X-Forwarded-For: 10.0.0.1, ::FFFF:192.0.2.6\r\n',
      expect: { ip: '192.0.2.6', from: 'x-forwarded-for', xff: `10.0.0.1, ::FFFF:192.0.2.6, ${OFFICE}` },
    },
  ];
  test.each(rows)('$name', async ({ name, lines, expect: { ip, from, xff } }) => {
    const { stage, proxy } = setting('trust');
    const wire = await introduced(stage, { header: v1(OFFICE) });
    const path = `/open?${name.replaceAll(' ', '-')}`;
    wire.send(get(path, lines));
    expect((await answered(wire, 1))[0]?.status).toBe(200);
    wire.socket.destroy();
    const seen = application.connections.map(({ text }) => text).join('');
    const head = seen.slice(seen.indexOf(`GET ${path} `)).split('\r\n\r\n')[0] ?? '';
    expect(head.toLowerCase()).toContain(`x-forwarded-for: ${xff.toLowerCase()}\r\n`);
    const line = await proxy.line(({ source }) =>
      JSON.stringify(source ?? null).includes(`"${ip}","remoteIpFrom":"${from}"`),
    );
    expect(line['source']).toMatchObject({ ip: BALANCER });
  });

  test('an entry that is no address is a 400', async () => {
    const { stage } = setting('trust');
    const wire = await introduced(stage, { header: v1(OFFICE) });
    wire.send(get('/open', 'X-Forwarded-For: unknown\r\n'));
    expect(codeOf((await answered(wire, 1))[0])).toBe('bad-header');
    wire.socket.destroy();
  });
});

describe('what the application is told of a client that a header named', () => {
  const SENT = 'X-Forwarded-For: 10.9.9.9\r\nX-Real-IP: 10.9.9.8\r\nX-Forwarded-Proto: gopher\r\n';
  const rows: { mode: string; expect: string[] }[] = [
    { mode: 'off', expect: [`x-forwarded-for: ${OFFICE}`, 'x-forwarded-proto: http'] },
    { mode: 'append', expect: [`x-forwarded-for: 10.9.9.9, ${OFFICE}`, 'x-forwarded-proto: http'] },
    {
      mode: 'trust',
      expect: [`x-forwarded-for: 10.9.9.9, ${OFFICE}`, 'x-forwarded-proto: gopher', 'x-real-ip: 10.9.9.8'],
    },
  ];
  test.each(rows)('forwarded, in $mode', async ({ mode, expect: wanted }) => {
    const { stage } = setting(mode);
    const wire = await introduced(stage, { header: v1(OFFICE) });
    const path = `/open?told-${mode}`;
    wire.send(get(path, SENT));
    await answered(wire, 1);
    wire.socket.destroy();
    const seen = application.connections
      .map(({ text }) => text)
      .join('')
      .toLowerCase();
    const head = seen.slice(seen.indexOf(`get ${path} `)).split('\r\n\r\n')[0] ?? '';
    const told = head.split('\r\n').filter((line) => /^x-(forwarded|real)/.test(line));
    expect(told.sort()).toEqual(wanted);
  });
});

test('an outbound listener believes its trusted peers too, and nobody else', async () => {
  const stage = await Stage.create({ account: 'web' });
  const out = outbound({ port: 1 });
  const listener = `${out.listener}\nproxyProtocol: { trust: [${BALANCER}] }`;
  const policies = { 'places.yaml': POLICY };
  await stage.start({ ...out, listener, policies });
  const before = await handshakes(stage, 'bad-proxy-header');
  const status = async (as: Introduction): Promise<number> =>
    (await statuses(await introduced(stage, as), ['/office']))[0] ?? 0;
  expect(await status({ header: v1(OFFICE) })).toBe(503); // allowed; nobody is there
  expect(await status({ header: v1(BANNED) })).toBe(403);
  expect(await status({ header: '', from: STRANGER })).toBe(403);
  expect(await (await introduced(stage, { header: get('/office') })).end()).toBe('');
  expect(await handshakes(stage, 'bad-proxy-header')).toBe(before + 1);
  await stage.close();
});

test('a header that does not come ends in time, and leaves its place', async () => {
  const { stage, svid } = setting('quick');
  const before = await handshakes(stage, 'handshake-timeout');
  const silent = await Promise.all(
    Array.from({ length: 64 }, (_, i) => introduced(stage, { header: i % 2 === 0 ? '' : 'PROXY TCP4 1' })),
  );
  await Promise.all(silent.map((wire) => wire.end(5_000)));
  expect(await handshakes(stage, 'handshake-timeout')).toBe(before + 64);
  expect(await statuses(await introduced(stage, { header: v1(OFFICE), svid }), ['/office'])).toEqual([200]);
});

test('a balancer that leaves within the header is counted once', async () => {
  const { stage } = setting('off');
  const before = await handshakes(stage, 'bad-proxy-header');
  for (const header of ['', 'PROXY TCP4 1', v2({}).subarray(0, 20)]) {
    const wire = await introduced(stage, { header });
    wire.socket.end();
    await wire.end();
  }
  await eventually(
    () => handshakes(stage, 'bad-proxy-header'),
    (count) => count === before + 3,
  );
});

test('curl speaks it', async () => {
  const { stage, proxy } = setting('off');
  const { out } = await run('curl', [
    ...['-sS', '--haproxy-protocol', '--interface', BALANCER, '-o', '/dev/null', '-w', '%{http_code}'],
    `http://127.0.0.1:${stage.port}/checks?curl`,
  ]);
  expect(out).toBe('200'); // it names itself
  const line = await proxy.line(({ http }) => JSON.stringify(http ?? null).includes('/checks'));
  expect(line).toBeDefined();
});
