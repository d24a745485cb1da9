// A caller that resets its connection right after its request: the kernel forgets the addresses, the rules
// must not.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { eventually, openConnections } from './stage/observe.ts';
import { HoldingRelay } from './stage/relay.ts';
import { ALLOW_MESH, type RunningProxy, Stage } from './stage/stage.ts';
import { Application, answering, call, get, OK, targets, Wire } from './stage/wire.ts';

// From everywhere but 127.0.0.9, which is where the caller comes from.
const NOT_FROM_NINE = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: not-from-nine, namespace: shop }
spec:
  action: DENY
  rules: [{ from: [{ source: { ipBlocks: ["127.0.0.9"] } }] }]
`;
const ALLOW_ALL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop }
spec: { action: ALLOW, rules: [{}] }
`;

const open: { stage: Stage; application: Application }[] = [];

afterEach(async () => {
  for (const { stage, application } of open.splice(0)) {
    await stage.close();
    application.close();
  }
});

async function start(mtls: string): Promise<{ stage: Stage; application: Application; proxy: RunningProxy }> {
  const stage = await Stage.create();
  const application = await Application.start(answering(OK));
  open.push({ stage, application });
  const proxy = await stage.start({
    upstreamPort: application.port,
    listener: `mtls: ${mtls}`,
    policies: { 'all.yaml': mtls === 'off' ? ALLOW_ALL : ALLOW_MESH, 'nine.yaml': NOT_FROM_NINE },
  });
  return { stage, application, proxy };
}

/** Has the kernel deliver `bytes` and a reset while the proxy cannot look, then lets it look. */
async function deliverAndReset(
  proxy: RunningProxy,
  socket: net.Socket,
  bytes: readonly Buffer[],
): Promise<void> {
  for (const one of bytes) await new Promise((resolve) => socket.write(one, resolve));
  socket.resetAndDestroy();
  await once(socket, 'close');
  proxy.child.kill('SIGCONT');
}

test('in plaintext: the request does not arrive', async () => {
  const { stage, application, proxy } = await start('off');
  proxy.child.kill('SIGSTOP');
  const socket = net.connect({ port: stage.port, host: '127.0.0.1', localAddress: '127.0.0.9' });
  await once(socket, 'connect');
  await deliverAndReset(proxy, socket, [Buffer.from(get('/items/1'))]);
  const other = new Wire(net.connect({ port: stage.port, host: '127.0.0.1' }));
  other.send(get('/from-elsewhere', 'Connection: close\r\n'));
  expect(await other.end()).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(targets(application)).toEqual(['/from-elsewhere']);
});

test('over mTLS, with the request behind the last bytes of the handshake: it does not arrive', async () => {
  const { stage, application, proxy } = await start('strict');
  const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const relay = await HoldingRelay.start({ port: stage.port, host: '127.0.0.1', localAddress: '127.0.0.9' });
  const caller = await call(stage, web, { port: relay.port });
  const finished = relay.heldBytes;
  caller.send(get('/items/1'));
  await eventually(
    () => relay.heldBytes,
    (bytes) => bytes > finished,
  );
  proxy.child.kill('SIGSTOP');
  await deliverAndReset(proxy, relay.outward, relay.held);
  relay.close();
  const other = await call(stage, web);
  other.send(get('/from-elsewhere', 'Connection: close\r\n'));
  expect(await other.end()).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(targets(application)).toEqual(['/from-elsewhere']);
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
});
