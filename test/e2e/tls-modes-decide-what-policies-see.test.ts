// strict, permissive, server-tls and off: who gets in, as whom, and what the application is told about it.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from './stage/foreign.ts';
import { handshakes, metric, statusPage } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, targets, Wire } from './stage/wire.ts';

// /open for everybody, /members for authenticated peers, /web for one, /others for everybody but that one.
const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: paths, namespace: shop }
spec:
  action: ALLOW
  rules:
    - to: [{ operation: { paths: ["/open", "/others"] } }]
    - { from: [{ source: { principals: ["*"] } }], to: [{ operation: { paths: ["/members"] } }] }
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { paths: ["/web"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: not-web, namespace: shop }
spec:
  action: DENY
  rules:
    - from: [{ source: { notPrincipals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { paths: ["/web"] } }]
    - { from: [{ source: { namespaces: ["shop"] } }], to: [{ operation: { paths: ["/others"] } }] }
`;
const SPOOFED =
  'X-Forwarded-Client-Cert: URI=spiffe://example.org/ns/shop/sa/web\r\nx-forwarded-client-cert: By=me\r\n';
const PATHS = ['/open', '/members', '/web', '/others'];

type Mode = 'strict' | 'permissive' | 'server-tls' | 'off';
type Kind = 'with certificate' | 'without certificate' | 'plaintext' | 'plaintext, dripped';

/** What each way to connect leads to: the statuses of PATHS, or the reason of the refusal. */
const ANONYMOUS = [200, 403, 403, 200];
const MATRIX: Record<Mode, Record<Kind, readonly number[] | string>> = {
  strict: {
    'with certificate': [200, 200, 200, 403],
    'without certificate': 'no-certificate',
    plaintext: 'plaintext-refused',
    'plaintext, dripped': 'plaintext-refused',
  },
  permissive: {
    'with certificate': [200, 200, 200, 403],
    'without certificate': 'no-certificate',
    plaintext: ANONYMOUS,
    'plaintext, dripped': ANONYMOUS,
  },
  'server-tls': {
    'with certificate': ANONYMOUS,
    'without certificate': ANONYMOUS,
    plaintext: 'plaintext-refused',
    'plaintext, dripped': 'plaintext-refused',
  },
  off: {
    'with certificate': 'no TLS',
    'without certificate': 'no TLS',
    plaintext: ANONYMOUS,
    'plaintext, dripped': ANONYMOUS,
  },
};

async function connectAs(kind: Kind, stage: Stage, web: SvidFiles): Promise<Wire> {
  if (kind === 'with certificate') return call(stage, web);
  const target = { host: '127.0.0.1', port: stage.port, allowHalfOpen: true };
  if (kind !== 'without certificate') {
    const socket = net.connect({ ...target, noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }
  const ca = stage.authority.certificatePem;
  const socket = tls.connect({ ...target, servername: 'localhost', ca } as tls.ConnectionOptions);
  await once(socket, 'secureConnect');
  return new Wire(socket);
}

async function send(kind: Kind, wire: Wire, text: string): Promise<void> {
  if (kind !== 'plaintext, dripped') return wire.send(text);
  for (const character of text) {
    await new Promise((resolve) => wire.socket.write(character, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each(Object.entries(MATRIX))('mtls: %s', (mode, kinds) => {
  let stage: Stage;
  let application: Application;
  let proxy: RunningProxy;
  let web: SvidFiles;

  beforeAll(async () => {
    stage = await Stage.create();
    application = await Application.start(answering(OK));
    web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    proxy = await stage.start({
      upstreamPort: application.port,
      listener: `mtls: ${mode}`,
      policies: { 'paths.yaml': POLICY },
    });
  });

  afterAll(async () => {
    await stage.close();
    application.close();
  });

  test('the mode is printed at start and shown on /readyz', async () => {
    const ready = await proxy.line((line) => line['msg'] === 'ready');
    const { text } = await statusPage(stage, '/readyz');
    if (mode === 'strict') {
      expect(ready['mode']).toBe('enforce');
      expect(text).not.toContain('softer');
      return;
    }
    expect(ready['mode']).toBe(`listener inbound: mtls=${mode}`);
    expect(text).toContain(`softer than enforce: listener inbound: mtls=${mode}`);
  });

  test.each(Object.entries(kinds) as [Kind, readonly number[] | string][])('%s', async (kind, wanted) => {
    const series = 'sallyport_plaintext_requests_total{listener="inbound"}';
    const plaintextBefore = await metric(stage, series);
    const servedBefore = targets(application).length;
    if (typeof wanted === 'string') {
      const before = wanted === 'no TLS' ? 0 : await handshakes(stage, wanted);
      const wire = await connectAs(kind, stage, web).catch(() => null);
      if (wire !== null) {
        await send(kind, wire, get('/open'));
        expect(await wire.end()).not.toContain('HTTP/1.1 200');
      }
      if (wanted !== 'no TLS') {
        await proxy.line((line) => line['reason'] === wanted);
        expect(await handshakes(stage, wanted)).toBe(before + 1);
      }
      expect(targets(application).length).toBe(servedBefore);
      return;
    }
    const wire = await connectAs(kind, stage, web);
    for (const [i, path] of PATHS.entries()) {
      const before = wire.text.length;
      await send(kind, wire, get(path, SPOOFED));
      const answer = (await wire.until((text) => /ok$|\}\n$/.test(text.slice(before)))).slice(before);
      expect([path, answer.slice(9, 12)]).toEqual([path, String(wanted[i])]);
    }
    wire.socket.destroy();
    const allowed = wanted.filter((status) => status === 200).length;
    expect(targets(application).length).toBe(servedBefore + allowed);
    const plaintext = kind.startsWith('plaintext') ? PATHS.length : 0;
    expect(await metric(stage, series)).toBe(plaintextBefore + plaintext);
  });

  test('the application sees no identity header of the caller, and ours only with a certificate', () => {
    const received = application.connections.map(({ text }) => text).join('');
    expect(received).not.toMatch(/client-cert: (URI=|By=me)/i);
    const ours =
      received.match(/x-forwarded-client-cert: By=spiffe:\S+;Hash=[0-9a-f]{64};URI=spiffe:\S+/g) ?? [];
    const all = received.match(/x-forwarded-client-cert/gi) ?? [];
    expect(all.length).toBe(ours.length);
    expect(ours.length).toBe(mode === 'strict' || mode === 'permissive' ? 3 : 0);
  });

  test('curl', async () => {
    const scheme = mode === 'off' || mode === 'permissive' ? 'http' : 'https';
    const identity = mode === 'strict' ? ['--cert', web.certificate, '--key', web.key] : [];
    const url = `${scheme}://localhost:${stage.port}/open`;
    const { out, err } = await run('curl', ['-sS', '-4', '--cacert', stage.path('ca.pem'), ...identity, url]);
    expect({ out, err }).toEqual({ out: 'ok', err: '' });
  });
});
