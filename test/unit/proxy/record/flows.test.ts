// Flow records: what is one flow, what a window holds, and that no caller can make the table grow.
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../../policy/request.ts';
import { type FlowLimits, Flows } from '../../../../proxy/record/flows.ts';
import type { RequestRecord } from '../../../../proxy/record/record.ts';
import { ALLOW, connection, DENY, INBOUND, request, TestClock, WEB } from './record-samples.ts';

function table(limits: Partial<FlowLimits> = {}): {
  flows: Flows;
  clock: TestClock;
  written: string[];
  records: () => Record<string, unknown>[];
} {
  const clock = new TestClock();
  const written: string[] = [];
  const flows = new Flows({
    clock,
    intervalMs: 10_000,
    limits,
    lines: async (lines) => void written.push(...lines),
  });
  return { flows, clock, written, records: () => [...flows.texts()].map((text) => JSON.parse(text)) };
}

const DRY: Decision = {
  ...ALLOW,
  dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['ns[shop]-policy[soon]-rule[0]'] },
};

test('a record has the documented fields', () => {
  const { flows, clock, records } = table();
  clock.advance(1000);
  flows.observe(request({ path: '/items/7', endMs: 6000, decision: DRY }));
  clock.advance(2000);
  flows.observe(request({ path: '/items/8', endMs: 8000, decision: DRY }));
  expect(records()).toEqual([
    {
      time: '2026-09-01T12:00:03.000Z',
      listener: 'inbound',
      direction: 'inbound',
      verdict: 'allow',
      enforced: true,
      reason: 'allow-rule',
      rules: ['ns[shop]-policy[cart]-rule[0]'],
      dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['ns[shop]-policy[soon]-rule[0]'] },
      source: { principal: WEB },
      destination: { workload: 'cart', namespace: 'shop', port: 8080 },
      http: { method: 'GET', path: '/items/{*}' },
      count: 2,
      bytes: 2200,
      firstSeen: '2026-09-01T12:00:01.000Z',
      lastSeen: '2026-09-01T12:00:03.000Z',
      window: 3,
    },
  ]);
});

describe('one flow or two', () => {
  const rows: { name: string; change: Partial<RequestRecord>; flows: number }[] = [
    { name: 'nothing differs', change: {}, flows: 1 },
    { name: 'another id in the path', change: { path: '/items/9' }, flows: 1 },
    { name: 'another connection', change: { connection: connection({ id: 'c-2' }) }, flows: 1 },
    {
      name: 'another address of the same principal',
      change: { connection: connection({ sourceIp: '10.0.0.8' }) },
      flows: 1,
    },
    { name: 'another status', change: { status: 404 }, flows: 1 },
    { name: 'the application failed', change: { reason: 'upstream-refused', status: 503 }, flows: 1 },
    {
      name: 'an equal decision of another table',
      change: { decision: { ...ALLOW, rules: [...ALLOW.rules] } },
      flows: 1,
    },
    { name: 'another method', change: { method: 'POST' }, flows: 2 },
    { name: 'another path', change: { path: '/carts/7' }, flows: 2 },
    { name: 'another caller', change: { connection: connection({ principal: `${WEB}2` }) }, flows: 2 },
    { name: 'a plaintext caller', change: { connection: connection({ principal: null }) }, flows: 2 },
    {
      name: 'another rule',
      change: { decision: { ...ALLOW, rules: ['ns[shop]-policy[cart]-rule[1]'] } },
      flows: 2,
    },
    { name: 'one rule more', change: { decision: { ...ALLOW, rules: [...ALLOW.rules, 'x'] } }, flows: 2 },
    { name: 'a would-be verdict', change: { decision: DRY }, flows: 2 },
    { name: 'denied', change: { decision: DENY }, flows: 2 },
    {
      name: 'another listener',
      change: { connection: connection({ listener: { ...INBOUND, index: 1, name: 'second' } }) },
      flows: 2,
    },
  ];
  test.each(rows)('$name: $flows', ({ change, flows: expected }) => {
    const { flows } = table();
    flows.observe(request({ path: '/items/7' }));
    flows.observe(request({ path: '/items/7', ...change }));
    expect(flows.size).toBe(expected);
  });

  test('audit differs from enforce, and a denial that was refused from one that was forwarded', () => {
    const { flows, records } = table();
    flows.observe(request({ decision: DENY }));
    flows.observe(request({ decision: DENY, enforced: false, status: 200 }));
    expect(records().map(({ verdict, enforced }) => [verdict, enforced])).toEqual([
      ['deny', true],
      ['deny', false],
    ]);
  });

  test('a request without a decision is not mixed with one that has rules, also after a flush', async () => {
    const { flows } = table();
    const revoked: Decision = { ...DENY, reason: 'deny-rule', rules: ['a'] };
    flows.observe(request({ decision: revoked }));
    await flows.flush();
    flows.observe(request({ decision: null, verdict: 'deny', reason: 'deny-rule' }));
    expect(flows.size).toBe(2);
  });
});

describe('a window', () => {
  test('holds its own counts, and only flows that were seen in it', async () => {
    const { flows, clock, written } = table();
    flows.observe(request({ endMs: 5001 }));
    flows.observe(request({ endMs: 5002, path: '/other' }));
    clock.advance(10_000);
    await flows.flush();
    flows.observe(request({ endMs: 16_000 }));
    flows.observe(request({ endMs: 17_000 }));
    clock.advance(10_000);
    await flows.flush();
    clock.advance(10_000);
    await flows.flush();
    const picked = written.map((text) => {
      const { http, count, bytes, firstSeen, lastSeen, window } = JSON.parse(text);
      return [http.path, count, bytes, firstSeen.slice(17), lastSeen.slice(17), window];
    });
    expect(picked).toEqual([
      ['/items', 1, 1100, '00.001Z', '00.001Z', 10],
      ['/other', 1, 1100, '00.002Z', '00.002Z', 10],
      ['/items', 2, 2200, '11.000Z', '12.000Z', 10],
    ]);
  });

  test('ends every interval by itself until stop, which writes the last one', async () => {
    const { flows, clock, written } = table();
    flows.start();
    flows.observe(request());
    clock.advance(10_000);
    await flows.flush();
    expect(written).toHaveLength(1);
    expect(clock.waiting).toBe(1);
    flows.observe(request());
    await flows.stop();
    expect(written).toHaveLength(2);
    expect(clock.waiting).toBe(0);
  });

  test('serves traffic between slices of a large table', async () => {
    const { flows, written } = table();
    for (let i = 0; i < 1000; i++) flows.observe(request({ method: `M${i}` }));
    let turns = 0;
    let ended = false;
    const count = (): void => {
      turns++;
      if (!ended) setImmediate(count);
    };
    setImmediate(count);
    await flows.flush();
    ended = true;
    expect(written).toHaveLength(1000);
    expect(turns).toBeGreaterThanOrEqual(10);
  });
});

describe('bounds', () => {
  test('one caller fills its own share, the rest of it is one overflow flow', () => {
    const { flows, records } = table({ flows: 100, flowsPerCaller: 10 });
    for (let i = 0; i < 1000; i++) flows.observe(request({ method: `M${i}` }));
    flows.observe(request({ connection: connection({ principal: 'spiffe://example.org/other' }) }));
    expect(flows.size).toBe(11);
    expect(flows.overflowed).toBe(990);
    const overflow = records().find(({ http }) => http === 'other');
    expect(overflow).toMatchObject({ source: { principal: WEB }, count: 990, rules: [], verdict: 'allow' });
  });

  test('many callers fill the table, the rest is one flow of nobody by listener and verdict', () => {
    const { flows, records } = table({ flows: 10 });
    for (let i = 0; i < 500; i++) {
      const caller = connection({ principal: `spiffe://example.org/${i}` });
      flows.observe(request({ connection: caller, decision: i % 2 === 0 ? ALLOW : DENY }));
    }
    expect(flows.size).toBe(10);
    expect(flows.overflowed).toBe(490);
    const others = records().filter(({ source }) => source === 'other');
    expect(others.map(({ verdict, count, http }) => [verdict, count, http])).toEqual([
      ['allow', 245, 'other'],
      ['deny', 245, 'other'],
    ]);
  });

  test('plaintext callers are told apart by address, up to a number', () => {
    const { flows, records } = table({ addresses: 3 });
    for (let i = 0; i < 50; i++) {
      flows.observe(request({ connection: connection({ principal: null, sourceIp: `10.0.0.${i}` }) }));
    }
    expect(records().map(({ source, count }) => [source, count])).toEqual([
      [{ principal: null, ip: '10.0.0.0' }, 1],
      [{ principal: null, ip: '10.0.0.1' }, 1],
      [{ principal: null, ip: '10.0.0.2' }, 1],
      [{ principal: null, ip: '' }, 47],
    ]);
  });

  test('what was not seen for an hour is forgotten, and makes room', async () => {
    const { flows, clock } = table({ flows: 2 });
    flows.observe(request({ endMs: clock.monotonicMs() }));
    flows.observe(request({ endMs: clock.monotonicMs(), method: 'PUT' }));
    clock.advance(3_000_000);
    flows.observe(request({ endMs: clock.monotonicMs() }));
    clock.advance(1_000_000);
    await flows.flush();
    expect(flows.size).toBe(1);
    flows.observe(request({ endMs: clock.monotonicMs(), method: 'POST' }));
    expect(flows.size).toBe(2);
    expect(flows.overflowed).toBe(0);
  });

  test('denied paths teach nothing about the paths that are served', () => {
    const { flows, records } = table();
    const attacker = connection({ principal: 'spiffe://example.org/attacker' });
    const word = (i: number): string =>
      String.fromCharCode(97 + (i % 26), 97 + (Math.floor(i / 26) % 26), 97 + Math.floor(i / 676));
    for (let i = 0; i < 2000; i++) {
      flows.observe(request({ connection: attacker, decision: DENY, path: `/${word(i)}` }));
    }
    flows.observe(request({ path: '/items' }));
    flows.observe(request({ path: '/carts' }));
    const served = records().filter(({ verdict }) => verdict === 'allow');
    expect(served.map(({ http }) => http)).toEqual([
      { method: 'GET', path: '/items' },
      { method: 'GET', path: '/carts' },
    ]);
    expect(flows.size).toBeLessThan(600);
  });

  test('hostile text stays one valid line', async () => {
    const { flows, written } = table();
    flows.observe(request({ decision: null, method: 'G\n"E\\T\x00', path: '/\xff"\n/\x1b[2J' }));
    await flows.flush();
    expect(written).toHaveLength(1);
    for (const char of ['\n', '\x00', '\x1b']) expect(written[0]).not.toContain(char);
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ http: { method: 'G\n"E\\T\x00' } });
  });
});
