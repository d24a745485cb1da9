// One line of a flow file: what is a record, what passes by, and what is refused. The file is untrusted.
import { describe, expect, test } from 'vitest';
import { FlowParser } from '../../../../policy/flows/parse.ts';
import { flowText, newFlow } from '../../../../proxy/record/flow.ts';
import { DENY, request } from '../../proxy/record/record-samples.ts';
import { LOGGED, NOON_MS, WEB, WRITTEN } from './flow-samples.ts';

const parse = (value: unknown) =>
  new FlowParser().line(typeof value === 'string' ? value : JSON.stringify(value));
const without = (key: keyof typeof WRITTEN) => {
  const { [key]: _, ...rest } = WRITTEN;
  return rest;
};

describe('a record', () => {
  test('has what is written', () => {
    expect(parse(WRITTEN)).toEqual({
      kind: 'flow',
      record: {
        listener: 'inbound',
        direction: 'inbound',
        verdict: 'allow',
        enforced: true,
        reason: 'allow-rule',
        rules: ['ns[shop]-policy[cart]-rule[0]'],
        dryRun: null,
        source: { principal: WEB, ip: null },
        destination: { workload: 'cart', namespace: 'shop', port: 8080 },
        http: { method: 'GET', path: '/items/{*}' },
        count: 2,
        bytes: 2200,
        firstSeenMs: NOON_MS + 1000,
        lastSeenMs: NOON_MS + 3000,
        windowSeconds: 10,
      },
    });
  });

  test('of the proxy itself is read', () => {
    const record = request({ path: '/a\u001b[2J"\\', decision: DENY, verdict: 'deny' });
    const flow = newFlow(record, null, '/a\u001b[2J"\\');
    const text = flowText(
      flow,
      { count: 3, bytes: 9, firstMs: 0, windowSeconds: 1 },
      { nowMs: 0, wall: () => '2026-09-01T12:00:00.000Z' },
    );
    expect(parse(text)).toMatchObject({
      kind: 'flow',
      record: { source: null, http: { path: '/a\u001b[2J"\\' }, count: 3, reason: 'default-deny' },
    });
  });

  const accepted: { name: string; line: unknown; expect: object }[] = [
    { name: 'unknown keys', line: { ...WRITTEN, later: { a: [1] } }, expect: { count: 2 } },
    { name: 'callers told apart no more', line: { ...WRITTEN, source: 'other' }, expect: { source: null } },
    { name: 'paths told apart no more', line: { ...WRITTEN, http: 'other' }, expect: { http: null } },
    {
      name: 'a plaintext peer',
      line: { ...WRITTEN, source: { principal: null, ip: '10.0.0.7' } },
      expect: { source: { principal: null, ip: '10.0.0.7' } },
    },
    {
      name: 'a peer of no address of its own',
      line: { ...WRITTEN, source: { principal: null, ip: '' } },
      expect: { source: { principal: null, ip: '' } },
    },
    {
      name: 'a dry run',
      line: { ...WRITTEN, dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['a'] } },
      expect: { dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['a'] } },
    },
    {
      name: 'a place outside',
      line: { ...WRITTEN, destination: { host: 'api.pay.example', port: 443 } },
      expect: { destination: { workload: 'api.pay.example', namespace: '', port: 443 } },
    },
    {
      name: 'a host as destination',
      line: { ...WRITTEN, destination: { workload: 'cart.shop', namespace: '', port: 0 } },
      expect: { destination: { workload: 'cart.shop', namespace: '', port: 0 } },
    },
    {
      name: 'a time with an offset',
      line: { ...WRITTEN, firstSeen: '2026-09-01T14:00:01+02:00' },
      expect: { firstSeenMs: NOON_MS + 1000 },
    },
    {
      name: 'the last day of a month',
      line: { ...WRITTEN, firstSeen: '2024-02-29T12:00:00.000Z' },
      expect: { firstSeenMs: Date.UTC(2024, 1, 29, 12) },
    },
    {
      name: 'NUL in a path',
      line: { ...WRITTEN, http: { method: 'GET', path: '/a\u0000b' } },
      expect: { http: { method: 'GET', path: '/a\u0000b' } },
    },
    {
      name: 'a key that stands twice: the last counts',
      line: JSON.stringify(WRITTEN).replace('"count":2', '"count":2,"count":7'),
      expect: { count: 7 },
    },
    {
      name: '__proto__ as a key',
      line: JSON.stringify(WRITTEN).replace('{"time"', '{"__proto__":{"count":9},"time"'),
      expect: { count: 2 },
    },
  ];
  test.each(accepted)('$name', ({ line, expect: expected }) => {
    expect(parse(line)).toMatchObject({ kind: 'flow', record: expected });
  });
});

describe('a fault', () => {
  const rows: { name: string; line: unknown; expect: string }[] = [
    { name: 'no JSON', line: 'GET / HTTP/1.1', expect: 'is not JSON' },
    { name: 'half a line', line: JSON.stringify(WRITTEN).slice(0, 200), expect: 'is not JSON' },
    { name: 'two objects', line: `${JSON.stringify(WRITTEN)}{}`, expect: 'is not JSON' },
    { name: 'a raw NUL', line: `\u0000${JSON.stringify(WRITTEN)}`, expect: 'is not JSON' },
    { name: 'a raw escape in a string', line: '{"firstSeen":"\u001b[2J"}', expect: 'is not JSON' },
    { name: 'a number', line: '7', expect: 'is not a JSON object' },
    { name: 'null', line: 'null', expect: 'is not a JSON object' },
    { name: 'a list', line: [WRITTEN], expect: 'is not a JSON object' },
    {
      name: 'deep lists',
      line: `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      expect: 'is not a JSON object',
    },
    { name: 'another object', line: { a: 1 }, expect: 'is neither a flow record nor a log line' },
    {
      name: 'only an inherited key',
      line: '{"__proto__":{"firstSeen":"2026-09-01T12:00:01.000Z"}}',
      expect: 'is neither a flow record nor a log line',
    },
    {
      name: 'no direction',
      line: without('direction'),
      expect: '`direction` is not one of inbound, outbound',
    },
    { name: 'no listener', line: without('listener'), expect: '`listener` is not a string' },
    { name: 'no source', line: without('source'), expect: '`source` is not an object' },
    { name: 'no destination', line: without('destination'), expect: '`destination` is not an object' },
    { name: 'no http', line: without('http'), expect: '`http` is not an object' },
    { name: 'no rules', line: without('rules'), expect: '`rules` is not a list' },
    { name: 'no lastSeen', line: without('lastSeen'), expect: '`lastSeen` is not an RFC 3339 time' },
    {
      name: 'a verdict',
      line: { ...WRITTEN, verdict: 'maybe' },
      expect: '`verdict` is not one of allow, deny',
    },
    { name: 'a verdict list', line: { ...WRITTEN, verdict: ['allow'] }, expect: '`verdict` is not one of' },
    { name: 'enforced as text', line: { ...WRITTEN, enforced: 'true' }, expect: '`enforced` is not true or' },
    {
      name: 'a negative count',
      line: { ...WRITTEN, count: -1 },
      expect: '`count` is not a whole number from 1',
    },
    { name: 'no requests', line: { ...WRITTEN, count: 0 }, expect: '`count` is not a whole number from 1' },
    { name: 'half a request', line: { ...WRITTEN, count: 1.5 }, expect: '`count` is not a whole number' },
    { name: 'count as text', line: { ...WRITTEN, count: '2' }, expect: '`count` is not a whole number' },
    {
      name: 'too many',
      line: { ...WRITTEN, count: 2 ** 33 },
      expect: '`count` is not a whole number from 1 to',
    },
    {
      name: 'a count beyond numbers',
      line: JSON.stringify(WRITTEN).replace('"count":2', '"count":1e999'),
      expect: '`count` is not a whole number',
    },
    {
      name: 'negative bytes',
      line: { ...WRITTEN, bytes: -1 },
      expect: '`bytes` is not a whole number from 0',
    },
    {
      name: 'a port',
      line: { ...WRITTEN, destination: { ...WRITTEN.destination, port: 70_000 } },
      expect: '`destination.port` is not a whole number from 0 to 65535',
    },
    {
      name: 'no SPIFFE ID',
      line: { ...WRITTEN, source: { principal: 'web' } },
      expect: '`source.principal` is not a SPIFFE ID',
    },
    {
      name: 'an escape in an ID',
      line: { ...WRITTEN, source: { principal: `${WEB}\u001b[2J` } },
      expect: '`source.principal` is not a SPIFFE ID',
    },
    {
      name: 'nobody',
      line: { ...WRITTEN, source: { principal: null } },
      expect: '`source` has neither a principal nor an address',
    },
    {
      name: 'no principal at all',
      line: { ...WRITTEN, source: {} },
      expect: '`source.principal` is not a string',
    },
    {
      name: 'an escape in a name',
      line: { ...WRITTEN, destination: { ...WRITTEN.destination, workload: 'a\u009b2J' } },
      expect: '`destination.workload` holds a control character',
    },
    {
      name: 'a newline in a name',
      line: { ...WRITTEN, listener: 'a\nb' },
      expect: '`listener` holds a control character',
    },
    {
      name: 'a long path',
      line: { ...WRITTEN, http: { method: 'GET', path: 'x'.repeat(1026) } },
      expect: '`http.path` is longer than 1025 characters',
    },
    {
      name: 'a long method',
      line: { ...WRITTEN, http: { method: 'x'.repeat(34), path: '/' } },
      expect: '`http.method` is longer than 33 characters',
    },
    {
      name: 'a path of a number',
      line: { ...WRITTEN, http: { method: 'GET', path: 7 } },
      expect: '`http.path` is not a string',
    },
    {
      name: 'many rules',
      line: { ...WRITTEN, rules: Array(17).fill('a') },
      expect: '`rules` has more than 16 items',
    },
    { name: 'a rule of null', line: { ...WRITTEN, rules: [null] }, expect: '`rules` is not a string' },
    { name: 'a dry run of true', line: { ...WRITTEN, dryRun: true }, expect: '`dryRun` is not an object' },
    {
      name: 'a day that is none',
      line: { ...WRITTEN, lastSeen: '2026-02-30T12:00:00.000Z' },
      expect: '`lastSeen` is not an RFC 3339 time',
    },
    {
      name: 'hour 24',
      line: { ...WRITTEN, lastSeen: '2026-09-01T24:00:00.000Z' },
      expect: '`lastSeen` is not an RFC 3339 time',
    },
    {
      name: 'a time as a number',
      line: { ...WRITTEN, firstSeen: NOON_MS },
      expect: '`firstSeen` is not an RFC 3339 time',
    },
    {
      name: 'an end before its start',
      line: { ...WRITTEN, firstSeen: '2026-09-01T12:00:04.000Z' },
      expect: '`firstSeen` is after `lastSeen`',
    },
  ];
  test.each(rows)('$name', ({ line, expect: message }) => {
    const found = parse(line);
    expect(found.kind).toBe('fault');
    expect(found).toHaveProperty('message', expect.stringContaining(message));
  });
});

describe('a log line', () => {
  test('of a denied request tells why', () => {
    expect(parse(LOGGED)).toEqual({
      kind: 'denial',
      denial: {
        requestId: 'r-1',
        direction: 'inbound',
        reason: 'default-deny',
        source: { principal: WEB, ip: '10.0.0.7' },
        destination: { workload: 'cart', namespace: 'shop', port: 8080 },
        method: 'DELETE',
        path: '/items/7',
        near: LOGGED.near,
      },
    });
  });

  const passing: { name: string; line: unknown }[] = [
    { name: 'an allowed request', line: { ...LOGGED, verdict: 'allow' } },
    { name: 'the proxy itself', line: { level: 'info', msg: 'ready' } },
    { name: 'a refused handshake', line: { ...LOGGED, http: undefined } },
    { name: 'a hidden caller', line: { ...LOGGED, source: '[redacted]' } },
    { name: 'a hidden path', line: { ...LOGGED, http: '[redacted]' } },
    { name: 'a list of wrong near rules', line: { ...LOGGED, near: [7] } },
  ];
  test.each(passing)('$name passes by', ({ line }) => expect(parse(line)).toEqual({ kind: 'log' }));
});
