// An application's gRPC client in plaintext, its outbound proxy, mutual TLS, the inbound proxy, the service:
// all four kinds of call, their ends, and what happens to them when policies and certificates change.
import type * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Caller, type Seen, startService } from './stage/grpc.ts';
import { eventually, metric } from './stage/observe.ts';
import { outbound, Pair } from './stage/pair.ts';

const policy = (paths: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: calls, namespace: shop }
spec:
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { methods: [POST], paths: [${paths}] } }]
`;
const CALLS = policy('"/test.Echo/*"');
const EVERYTHING = policy('"*"');

let server: grpc.Server;
let seen: Seen;
let pair: Pair;
let caller: Caller;

beforeAll(async () => {
  const service = await startService();
  ({ server, seen } = service);
  pair = await Pair.start(service.port, (cart) => ({
    web: {
      ...outbound({ port: cart.port, upstream: 'protocol: h2' }),
      policies: { 'calls.yaml': EVERYTHING },
    },
    cart: { upstream: 'protocol: h2c', policies: { 'calls.yaml': CALLS } },
  }));
  caller = new Caller(pair.web.port);
});

afterAll(async () => {
  caller.close();
  await pair.close();
  server.forceShutdown();
});

describe('a call', () => {
  test('of one message each way is answered, and the service knows who calls', async () => {
    expect(await caller.unary('unary', Buffer.from('hello'))).toBe('hello');
    const [certificate] = seen.metadata?.get('x-forwarded-client-cert') ?? [];
    expect(String(certificate)).toMatch(/URI=spiffe:\/\/example\.org\/ns\/shop\/sa\/web$/);
  });

  test('with many answers gets all of them', async () => {
    expect(await caller.serverStream()).toBe('m0 m1 m2 m3 m4');
  });

  test('with many messages gets its answer', async () => {
    expect(await caller.clientStream(Array.from({ length: 100 }, () => Buffer.alloc(3_000)))).toBe('300000');
  });

  test('in both directions goes to and fro', async () => {
    const call = caller.bidi();
    for (const word of ['one', 'two', 'three']) expect(await call.say(word)).toBe(`e:${word}`);
    expect(await call.hangUp()).toBe('ended');
  });

  test('in which nobody says anything for a while goes on', async () => {
    const call = caller.bidi();
    expect(await call.say('one')).toBe('e:one');
    // Longer than a body below 240 B/s may take.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(await call.say('two')).toBe('e:two');
    expect(await call.hangUp()).toBe('ended');
  });

  test('of 5 MB each way is larger than every window', async () => {
    const large = Buffer.alloc(5_000_000, 'x');
    expect(await caller.unary('unary', large)).toHaveLength(large.length);
  });

  test('beside 500 others is answered', async () => {
    const answers = Array.from({ length: 500 }, (_, i) => caller.unary('unary', Buffer.from(`n${i}`)));
    expect(await Promise.all(answers)).toEqual(answers.map((_, i) => `n${i}`));
  });
});

describe('its end', () => {
  test('is the status of the service', async () => {
    expect(await caller.unary('fails', Buffer.from('x'))).toBe('FAILED_PRECONDITION not now');
  });

  test('is PERMISSION_DENIED with the reason when a rule denies', async () => {
    expect(await caller.unary('denied', Buffer.from('x'))).toBe('PERMISSION_DENIED default-deny');
    const line = await eventually(
      () => pair.inbound.decisions().find((one) => one['reason'] === 'default-deny'),
      (found) => found !== undefined,
    );
    expect(line).toMatchObject({
      verdict: 'deny',
      reason: 'default-deny',
      http: { status: 200, version: '2' },
      grpc: { status: 7 },
    });
    const denied = 'sallyport_grpc_responses_total{listener="inbound",grpc_status="7"}';
    expect(await metric(pair.cart, denied)).toBe(1);
  });

  test('is DEADLINE_EXCEEDED when its time is over, and the service is told', async () => {
    const before = seen.cancelled;
    const deadline = Date.now() + 300;
    expect(await caller.unary('never', Buffer.from('x'), { deadline })).toMatch(/^DEADLINE_EXCEEDED /);
    await eventually(
      () => seen.cancelled,
      (now) => now > before,
    );
  });

  test('is CANCELLED when the caller gives up, and the service is told', async () => {
    const { begun, cancelled } = seen;
    const arrived = eventually(
      () => seen.begun,
      (now) => now > begun,
    );
    expect(await caller.cancelled('never', arrived)).toMatch(/^CANCELLED/);
    await eventually(
      () => seen.cancelled,
      (now) => now > cancelled,
    );
  });

  test('of all of them leaves no connection active', async () => {
    const active = 'sallyport_connections{listener="inbound",state="active"}';
    await eventually(
      () => metric(pair.cart, active),
      (now) => now === 0,
    );
  });
});

describe('while a call goes on', () => {
  test('new certificates of both proxies do not end it, and serve the next one', async () => {
    const call = caller.bidi();
    expect(await call.say('before')).toBe('e:before');
    const swapped = (): number =>
      [pair.inbound, pair.outbound].filter((proxy) =>
        proxy.lines.some((line) => line['msg'] === 'identity swapped'),
      ).length;
    await pair.web.svid('server', 'spiffe://example.org/ns/shop/sa/web');
    await pair.cart.svid('server', 'spiffe://example.org/ns/shop/sa/cart');
    await eventually(swapped, (now) => now === 2);
    expect(await call.say('after')).toBe('e:after');
    expect(await caller.unary('unary', Buffer.from('next'))).toBe('next');
    expect(await call.hangUp()).toBe('ended');
  });

  test('a policy that denies it ends it with PERMISSION_DENIED, and no other', async () => {
    const call = caller.bidi();
    expect(await call.say('before')).toBe('e:before');
    pair.cart.write('policies/calls.yaml', policy('"/test.Echo/Unary"'));
    expect(await call.ended).toBe('PERMISSION_DENIED policy-revoked');
    expect(await caller.unary('unary', Buffer.from('still'))).toBe('still');
    pair.cart.write('policies/calls.yaml', CALLS);
    const again = (): Promise<string> => caller.serverStream();
    await eventually(again, (now) => now === 'm0 m1 m2 m3 m4');
  });

  test('a service that dies ends it with UNAVAILABLE', async () => {
    const call = caller.bidi();
    expect(await call.say('before')).toBe('e:before');
    server.forceShutdown();
    expect(await call.ended).toMatch(/^(UNAVAILABLE|CANCELLED) /);
    expect(await caller.unary('unary', Buffer.from('x'))).toBe('UNAVAILABLE upstream-refused');
  });
});
