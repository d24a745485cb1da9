// The PROXY protocol against those who have spoken it longest: HAProxy sends to us, HAProxy and nginx receive
// from us.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { Daemon } from './stage/daemon.ts';
import { BALANCER } from './stage/introduced.ts';
import { eventually, handshakes } from './stage/observe.ts';
import { answered } from './stage/routed.ts';
import { ALLOW_MESH, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

const HAPROXY = `global
  nbthread 1
  maxconn 200
defaults
  timeout connect 2s
  timeout client 10s
  timeout server 10s
`;

describe('from HAProxy', () => {
  const SENDERS: Record<string, string> = {
    'version 1': 'send-proxy',
    'version 2': 'send-proxy-v2',
    'version 2 with checksum': 'send-proxy-v2 proxy-v2-options crc32c',
    'version 2 with every value':
      'send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,unique-id,ssl-cipher',
  };
  const names = Object.keys(SENDERS);
  let stage: Stage;
  let proxy: RunningProxy;
  let application: Application;
  let haproxy: Daemon;
  let web: SvidFiles;
  let ports: number[] = [];

  beforeAll(async () => {
    stage = await Stage.create();
    application = await Application.start(answering(OK));
    web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    proxy = await stage.start({
      listener: `proxyProtocol: { trust: [${BALANCER}] }`,
      upstreamPort: application.port,
    });
    ports = await freePorts(names.length);
    const parts = names.map(
      (name, i) => `frontend f${i}
  mode tcp
  unique-id-format %{+X}o\\ %ci:%cp
  bind 127.0.0.1:${ports[i]}
  bind [::1]:${ports[i]}
  default_backend b${i}
backend b${i}
  mode tcp
  server sallyport 127.0.0.1:${stage.port} source ${BALANCER} ${SENDERS[name]}
`,
    );
    haproxy = await Daemon.haproxy(stage, HAPROXY + parts.join(''), ports);
  });

  afterAll(async () => {
    await haproxy?.close();
    await stage?.close();
    application?.close();
  });

  test.each(names)('%s before mutual TLS, over IPv4 and IPv6', async (name) => {
    const port = ports[names.indexOf(name)] ?? 0;
    for (const [host, localAddress] of [
      ['127.0.0.1', `127.0.0.${40 + names.indexOf(name)}`],
      ['::1', '::1'],
    ] as const) {
      const before = proxy.decisions().length;
      const wire = await call(stage, web, { host, port, localAddress } as tls.ConnectionOptions);
      wire.send(get('/a'));
      expect((await answered(wire, 1))[0]?.status).toBe(200);
      wire.socket.destroy();
      const [line] = await eventually(
        () => proxy.decisions().slice(before),
        (lines) => lines.length > 0,
      );
      const remote = { ip: BALANCER, remoteIp: localAddress, remoteIpFrom: 'proxy-protocol' };
      expect(line?.['source']).toMatchObject(remote);
    }
    expect(await handshakes(stage, 'bad-proxy-header')).toBe(0);
  });
});

test('HAProxy’s health checks speak for itself', async () => {
  const stage = await Stage.create();
  const application = await Application.start(answering(OK));
  const allowed = ALLOW_MESH.replace('[{ from: [{ source: { principals: ["example.org/*"] } }] }]', '[{}]');
  const proxy = await stage.start({
    listener: `mtls: off\nproxyProtocol: { trust: [${BALANCER}] }`,
    policies: { 'all.yaml': allowed },
    upstreamPort: application.port,
  });
  const [port = 0] = await freePorts(1);
  const haproxy = await Daemon.haproxy(
    stage,
    `${HAPROXY}listen checked
  mode http
  bind 127.0.0.1:${port}
  option httpchk GET /healthz HTTP/1.1
  http-check send hdr host cart
  server sallyport 127.0.0.1:${stage.port} source ${BALANCER} send-proxy-v2 check inter 50ms
`,
    [port],
  );
  const line = await proxy.line(({ http }) => JSON.stringify(http ?? null).includes('/healthz'));
  expect(line['source']).toMatchObject({ ip: BALANCER, remoteIp: BALANCER, remoteIpFrom: 'peer' });
  await haproxy.close();
  await stage.close();
  application.close();
});

describe.each(['haproxy', 'nginx'])('to %s', (name) => {
  let stage: Stage;
  let receiver: Daemon;
  let web: SvidFiles;
  let balanced: number;

  beforeAll(async () => {
    stage = await Stage.create();
    web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    const [port = 0, sending = 0] = await freePorts(2);
    balanced = sending;
    const said =
      name === 'haproxy'
        ? '%[src] %[src_port] %[dst] %[dst_port] %[fc_rcvd_proxy] %[fc_pp_authority]'
        : '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port';
    receiver =
      name === 'haproxy'
        ? await Daemon.haproxy(
            stage,
            `${HAPROXY}frontend in
  mode http
  bind 127.0.0.1:${port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "${said}"
frontend before
  mode tcp
  bind [::1]:${sending}
  bind 127.0.0.1:${sending}
  default_backend sallyport
backend sallyport
  mode tcp
  server sallyport 127.0.0.1:${stage.port} source ${BALANCER} send-proxy
`,
            [port, sending],
          )
        : await Daemon.nginx(
            stage,
            `server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "${said}"; } }`,
            port,
          );
    await stage.start({
      listener: `proxyProtocol: { trust: [${BALANCER}] }`,
      upstreamPort: port,
      upstream: 'proxyProtocol: v2',
    });
  });

  afterAll(async () => {
    await receiver?.close();
    await stage?.close();
  });

  test('who calls, from where to where, on a connection that is kept', async () => {
    const wire = await call(stage, web, { localAddress: '127.0.0.9' } as tls.ConnectionOptions);
    const { localPort } = wire.socket;
    const ends = `127.0.0.9 ${localPort} 127.0.0.1 ${stage.port}`;
    for (let nth = 1; nth <= 3; nth++) {
      wire.send(get('/'));
      const body = (await answered(wire, nth))[nth - 1]?.body;
      expect(body).toBe(name === 'haproxy' ? `${ends} 1 localhost` : ends);
    }
    wire.socket.destroy();
  });

  const around = async (): Promise<void> => {
    const raw = net.connect({ host: '::1', port: balanced });
    await once(raw, 'connect');
    const { localPort } = raw;
    const socket = tls.connect({
      socket: raw,
      ca: stage.authority.certificatePem,
      cert: web.certificatePem,
      key: web.keyPem,
      servername: 'localhost',
    });
    await once(socket, 'secureConnect');
    const wire = new Wire(socket);
    wire.send(get('/'));
    expect((await answered(wire, 1))[0]?.body).toBe(`::1 ${localPort} ::1 ${balanced} 1 localhost`);
    wire.socket.destroy();
  };
  if (name === 'haproxy') test('and from it: a client of IPv6 is seen through both', around);
});
