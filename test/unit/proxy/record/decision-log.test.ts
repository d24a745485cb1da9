// The decision log: its fields, who gets a line, how denials collapse, and what is never shown.
import { describe, expect, test } from 'vitest';
import type { Decision, NearRule } from '../../../../policy/request.ts';
import { DecisionLog, type DecisionLogOptions } from '../../../../proxy/record/decision-log.ts';
import type { RequestRecord } from '../../../../proxy/record/record.ts';
import {
  ALLOW,
  connection,
  DENY,
  handshake,
  INBOUND,
  request,
  TestClock,
  TestLines,
  WEB,
} from './record-samples.ts';

type Config = DecisionLogOptions['config'];
const CONFIG: Config = { decisions: 'denied', sample: 0.01, fields: {}, redact: [] };

function decisionLog(
  config: Partial<Config> = {},
  more: Partial<DecisionLogOptions> = {},
): { log: DecisionLog; lines: TestLines; clock: TestClock } {
  const clock = new TestClock();
  const lines = new TestLines();
  const log = new DecisionLog({
    config: { ...CONFIG, ...config },
    lines,
    clock,
    random: () => 0.5,
    explain: null,
    ...more,
  });
  return { log, lines, clock };
}

const headers = (pairs: Readonly<Record<string, string[]>>) => (name: string) => pairs[name];
const DRY: Decision = { ...ALLOW, dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['soon'] } };

describe('a line', () => {
  test('of a denied request has exactly the documented fields', () => {
    const near = [{ rule: 'r', field: 'to.operation.methods', want: ['POST'], got: 'GET' }];
    const { log, lines } = decisionLog({ fields: { cluster: 'c"1' } }, { explain: () => near });
    log.setHeaders(['X-User', 'x-absent', 'x-user']);
    log.request(
      request({
        decision: { ...DENY, dryRun: { verdict: 'allow', reason: 'allow-rule', rules: ['a'] } },
        path: '/items?token=secret',
        headerValues: headers({ 'x-user': ['a', 'b'], 'x-other': ['c'] }),
      }),
      {},
    );
    expect(lines.objects).toEqual([
      {
        time: '2026-09-01T12:00:00.000Z',
        level: 'info',
        listener: 'inbound',
        direction: 'inbound',
        verdict: 'deny',
        enforced: true,
        reason: 'default-deny',
        rules: [],
        dryRun: { verdict: 'allow', reason: 'allow-rule', rules: ['a'] },
        near,
        policyHash: 'sha256:00',
        requestId: 'r-1',
        connectionId: 'c-1',
        source: { principal: WEB, ip: '10.0.0.7', remoteIp: '10.0.0.7', remoteIpFrom: 'peer' },
        destination: { workload: 'cart', namespace: 'shop', ip: '10.0.1.9', port: 8080 },
        sni: 'cart.shop',
        http: {
          method: 'GET',
          path: '/items',
          host: 'cart.shop:8080',
          status: 403,
          version: '1.1',
          headers: [
            ['x-user', 'a'],
            ['x-user', 'b'],
          ],
        },
        durationUs: 1250,
        decisionUs: 1,
        bytesIn: 100,
        bytesOut: 1000,
        trace: '0af7651916cd43dd8448eb211c80319c',
        cluster: 'c"1',
      },
    ]);
    expect(lines.texts[0]?.endsWith('}\n')).toBe(true);
  });

  test('leaves out what there is not', () => {
    const { log, lines } = decisionLog();
    const plain = connection({ principal: null, sni: null, tlsVersion: null });
    log.request(
      request({ connection: plain, decision: null, traceparent: '', method: '', path: '', host: '' }),
      {},
    );
    const [line] = lines.objects;
    expect(line).toMatchObject({
      reason: 'bad-header',
      rules: [],
      source: { principal: null },
    });
    for (const field of ['dryRun', 'near', 'sni', 'trace', 'count']) expect(line).not.toHaveProperty(field);
    expect(line).not.toHaveProperty('http.headers');
  });

  test('of a refused handshake names no principal, only what was claimed', () => {
    const { log, lines } = decisionLog();
    const client = {
      sourceIp: '10.9.9.9',
      remoteIp: '203.0.113.9',
      remoteIpFrom: 'proxy-protocol',
    } as const;
    const detail = { ...client, principal: 'spiffe://evil/\x00', message: 'no "path"\n' };
    log.handshake(INBOUND, 'wrong-trust-domain', detail);
    expect(lines.objects).toEqual([
      {
        time: '2026-09-01T12:00:00.000Z',
        level: 'info',
        listener: 'inbound',
        direction: 'inbound',
        verdict: 'deny',
        enforced: true,
        reason: 'wrong-trust-domain',
        rules: [],
        source: {
          principal: null,
          claimed: 'spiffe://evil/\x00',
          ip: '10.9.9.9',
          remoteIp: '203.0.113.9',
          remoteIpFrom: 'proxy-protocol',
        },
        destination: { workload: 'cart', namespace: 'shop', port: 8080 },
        message: 'no "path"\n',
      },
    ]);
  });

  test('stays one valid, bounded line for every hostile byte in every field', () => {
    const all = Array.from({ length: 256 }, (_, c) => String.fromCharCode(c)).join('');
    const hostile = all.repeat(200);
    const { log, lines } = decisionLog({ decisions: 'all' });
    log.setHeaders(Array.from({ length: 100 }, (_, i) => `x-${i}`));
    log.request(
      request({
        connection: connection({ id: hostile, principal: hostile, sourceIp: hostile, sni: hostile }),
        decision: { ...DENY, rules: Array.from({ length: 50 }, () => hostile) },
        requestId: hostile,
        traceparent: hostile,
        policyHash: hostile,
        method: hostile,
        path: hostile,
        host: hostile,
        bytesIn: Number.NaN,
        endMs: Number.POSITIVE_INFINITY,
        headerValues: () => Array.from({ length: 50 }, () => hostile),
      }),
      {},
    );
    const [text = ''] = lines.texts;
    expect(text.slice(0, -1)).not.toContain('\n');
    expect(text.length).toBeLessThan(160_000);
    expect(lines.objects[0]).toMatchObject({ verdict: 'deny', bytesIn: 0, durationUs: 0 });
  });
});

describe('who gets a line', () => {
  const audited = { decision: DENY, enforced: false, status: 200 };
  const rows: {
    name: string;
    decisions: Config['decisions'];
    random: number;
    allow: number;
    deny: number;
    audit: number;
    dry: number;
  }[] = [
    { name: 'none', decisions: 'none', random: 0, allow: 0, deny: 0, audit: 0, dry: 0 },
    {
      name: 'denied, also what audit or a dry run would deny',
      decisions: 'denied',
      random: 0,
      allow: 0,
      deny: 1,
      audit: 1,
      dry: 1,
    },
    {
      name: 'sampled, in the sample',
      decisions: 'sampled',
      random: 0.009,
      allow: 1,
      deny: 1,
      audit: 1,
      dry: 1,
    },
    { name: 'sampled, outside', decisions: 'sampled', random: 0.01, allow: 0, deny: 1, audit: 1, dry: 1 },
    { name: 'all', decisions: 'all', random: 0.99, allow: 1, deny: 1, audit: 1, dry: 1 },
  ];
  test.each(rows)('$name', ({ decisions, random, allow, deny, audit, dry }) => {
    const count = (change: Partial<RequestRecord>): number => {
      const { log, lines } = decisionLog({ decisions }, { random: () => random });
      log.request(request(change), {});
      return lines.texts.length;
    };
    expect([count({}), count({ decision: DENY }), count(audited), count({ decision: DRY })]).toEqual([
      allow,
      deny,
      audit,
      dry,
    ]);
  });

  test('handshakes are silent with none', () => {
    const { log, lines } = decisionLog({ decisions: 'none' });
    log.handshake(INBOUND, 'no-certificate', handshake());
    expect(lines.texts).toEqual([]);
  });
});

describe('denials of one flow', () => {
  test('collapse to one line a second with their count', () => {
    const { log, lines, clock } = decisionLog();
    const flow = {};
    const other = {};
    for (let ms = 0; ms < 3500; ms += 10) {
      log.request(request({ decision: DENY, requestId: `r-${ms}`, endMs: clock.monotonicMs() }), flow);
      if (ms === 500)
        log.request(request({ decision: DENY, requestId: 'other', endMs: clock.monotonicMs() }), other);
      clock.advance(10);
    }
    clock.advance(3000);
    const seen = lines.objects.map(({ time, requestId, count }) => [
      String(time).slice(17),
      requestId,
      count,
    ]);
    expect(seen).toEqual([
      ['00.000Z', 'r-0', undefined],
      ['00.500Z', 'other', undefined],
      ['01.000Z', 'r-0', 99],
      ['02.000Z', 'r-0', 100],
      ['03.000Z', 'r-0', 100],
      ['04.000Z', 'r-0', 50],
    ]);
    expect(clock.waiting).toBe(0);
  });

  test('begin anew after a quiet second', () => {
    const { log, lines, clock } = decisionLog();
    const flow = {};
    log.request(request({ decision: DENY, endMs: clock.monotonicMs() }), flow);
    clock.advance(2000);
    log.request(request({ decision: DENY, requestId: 'r-2', endMs: clock.monotonicMs() }), flow);
    expect(lines.objects.map(({ requestId }) => requestId)).toEqual(['r-1', 'r-2']);
  });

  test('allowed requests do not collapse', () => {
    const { log, lines } = decisionLog({ decisions: 'all' });
    const flow = {};
    for (let i = 0; i < 5; i++) log.request(request(), flow);
    expect(lines.texts).toHaveLength(5);
  });

  test('handshakes collapse by reason, address and client', () => {
    const { log, lines, clock } = decisionLog();
    for (let i = 0; i < 10; i++) {
      log.handshake(INBOUND, 'no-certificate', handshake());
      log.handshake(INBOUND, 'no-certificate', handshake({ sourceIp: '10.0.0.2' }));
      log.handshake(INBOUND, 'no-certificate', handshake({ remoteIp: '203.0.113.9' }));
      log.handshake(INBOUND, 'invalid-svid', handshake());
    }
    clock.advance(1000);
    expect(lines.objects.map(({ count }) => count)).toEqual([...Array(4), 9, 9, 9, 9]);
  });

  test('too many different ones at once are dropped and counted', () => {
    const { log, lines } = decisionLog();
    for (let i = 0; i < 1500; i++) {
      const caller = connection({ principal: `spiffe://example.org/ns/shop/sa/a${i}` });
      log.request(request({ decision: DENY, connection: caller }), {});
    }
    expect(lines.texts).toHaveLength(1000);
    expect(log.dropped).toBe(500);
  });

  test('one caller cannot hide the denials of another by making many', () => {
    const { log, lines, clock } = decisionLog();
    const other = connection({ principal: 'spiffe://example.org/ns/shop/sa/other' });
    for (let i = 0; i < 1500; i++) log.request(request({ decision: DENY }), {});
    log.request(request({ decision: DENY, connection: other }), {});
    expect(lines.texts).toHaveLength(101);
    expect(log.dropped).toBe(1400);
    expect(lines.texts.at(-1)).toContain('sa/other');
    clock.advance(2000);
    log.request(request({ decision: DENY }), {});
    expect(lines.texts).toHaveLength(102);
  });

  test('held counts are written at the end', () => {
    const { log, lines, clock } = decisionLog();
    const flow = {};
    for (let i = 0; i < 3; i++) log.request(request({ decision: DENY }), flow);
    log.close();
    expect(lines.objects.map(({ count }) => count)).toEqual([undefined, 2]);
    expect(clock.waiting).toBe(0);
  });
});

describe('near misses', () => {
  const near: NearRule[] = [{ rule: 'r', field: 'to.operation.methods', want: ['POST'], got: 'GET' }];

  test('are explained for default denials that get a line, at most 20 times a second', () => {
    let asked = 0;
    const explain = (): NearRule[] => {
      asked++;
      return near;
    };
    const { log, lines, clock } = decisionLog({ decisions: 'all' }, { explain });
    const flow = {};
    log.request(request(), flow);
    log.request(request({ decision: { ...DENY, reason: 'deny-rule', rules: ['x'] } }), {});
    expect(asked).toBe(0);
    for (let i = 0; i < 50; i++) log.request(request({ decision: DENY }), flow);
    expect(asked).toBe(1);
    for (let i = 0; i < 50; i++) log.request(request({ decision: DENY }), {});
    expect(asked).toBe(20);
    expect(lines.objects.filter((line) => 'near' in line)).toHaveLength(20);
    clock.advance(1000);
    log.request(request({ decision: DENY }), {});
    expect(asked).toBe(21);
  });
});

describe('redaction', () => {
  const SECRET = 's3cr3t';

  test.each(['authorization', 'Authorization', 'cookie', 'proxy-authorization', 'set-cookie'])(
    'the value of %s is never shown, although a policy names it',
    (name) => {
      const explain = (): NearRule[] => [
        { rule: 'r', field: `when[request.headers[${name}]]`, want: [SECRET], got: SECRET },
      ];
      const { log, lines } = decisionLog({}, { explain });
      log.setHeaders([name]);
      log.request(request({ decision: DENY, headerValues: () => [SECRET] }), {});
      expect(lines.texts[0]).not.toContain(SECRET);
      expect(lines.objects[0]).toMatchObject({
        http: { headers: [[name.toLowerCase(), '[redacted]']] },
        near: [{ want: ['[redacted]'], got: '[redacted]' }],
      });
    },
  );

  const rows: { redact: string; near: string; change: (secret: string) => Partial<RequestRecord> }[] = [
    {
      redact: 'x-user',
      near: 'when[request.headers[x-user]]',
      change: (s) => ({ headerValues: headers({ 'x-user': [s] }) }),
    },
    {
      redact: 'X-User',
      near: 'when[request.headers[X-User]]',
      change: (s) => ({ headerValues: headers({ 'x-user': [s] }) }),
    },
    {
      redact: 'http.headers.x-user',
      near: 'to.operation.methods',
      change: (s) => ({ headerValues: headers({ 'x-user': [s] }) }),
    },
    {
      redact: 'http.headers',
      near: 'when[request.headers[x-user]]',
      change: (s) => ({ headerValues: headers({ 'x-user': [s] }) }),
    },
    { redact: 'http.path', near: 'to.operation.paths', change: (s) => ({ path: s }) },
    { redact: 'http.path', near: 'to.operation.notPaths', change: (s) => ({ path: s }) },
    { redact: 'http.host', near: 'to.operation.hosts', change: (s) => ({ host: s }) },
    {
      redact: 'source.principal',
      near: 'from.source.principals',
      change: (s) => ({ connection: connection({ principal: s }) }),
    },
    {
      redact: 'source.principal',
      near: 'from.source.namespaces',
      change: (s) => ({ connection: connection({ principal: s }) }),
    },
    {
      redact: 'source.principal',
      near: 'when[source.principal]',
      change: (s) => ({ connection: connection({ principal: s }) }),
    },
    {
      redact: 'source.ip',
      near: 'from.source.ipBlocks',
      change: (s) => ({ connection: connection({ sourceIp: s }) }),
    },
    {
      redact: 'source.ip',
      near: 'when[source.ip]',
      change: (s) => ({ connection: connection({ sourceIp: s }) }),
    },
    {
      redact: 'source.remoteIp',
      near: 'from.source.remoteIpBlocks',
      change: (s) => ({ remoteIp: s }),
    },
    {
      redact: 'destination.ip',
      near: 'when[destination.ip]',
      change: (s) => ({ connection: connection({ destinationIp: s }) }),
    },
    { redact: 'sni', near: 'when[connection.sni]', change: (s) => ({ connection: connection({ sni: s }) }) },
    { redact: 'requestId', near: 'to.operation.methods', change: (s) => ({ requestId: s }) },
    { redact: 'trace', near: 'to.operation.methods', change: (s) => ({ traceparent: `00-${s}` }) },
  ];
  test.each(rows)('$redact hides the value, also in $near', ({ redact, near, change }) => {
    const shown = near === 'to.operation.methods' ? 'GET' : SECRET;
    const explain = (): NearRule[] => [{ rule: 'r', field: near, want: ['w'], got: shown }];
    const { log, lines } = decisionLog({ redact: [redact] }, { explain });
    log.setHeaders(['x-user']);
    log.request(request({ decision: DENY, ...change(SECRET) }), {});
    expect(lines.texts[0]).not.toContain(SECRET);
    expect(lines.texts[0]).toContain('[redacted]');
  });

  test('without it everything named is shown', () => {
    const { log, lines } = decisionLog();
    log.setHeaders(['x-user']);
    log.request(request({ decision: DENY, headerValues: headers({ 'x-user': [SECRET] }) }), {});
    expect(lines.texts[0]).toContain(SECRET);
  });
});
