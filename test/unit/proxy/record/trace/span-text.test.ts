// One request as a span in OTLP JSON: the mapping, what each outcome says, what is masked and bounded.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { RequestRecord } from '../../../../../proxy/record/record.ts';
import { Redaction } from '../../../../../proxy/record/redaction.ts';
import {
  ENVELOPE_TAIL,
  envelopeHead,
  SpanTexts,
  serviceResource,
} from '../../../../../proxy/record/trace/span-text.ts';
import { spansOf } from '../../../../e2e/stage/collector.ts';
import { connection, DENY, INBOUND, request, WEB } from '../record-samples.ts';

const TIMES = { startMs: 1_788_264_000_000.25, endMs: 1_788_264_000_001.5 };
const OUTBOUND = connection({ listener: { ...INBOUND, name: 'to-cart', direction: 'outbound' } });

function spanText(changes: Partial<RequestRecord> = {}, redact: string[] = [], template = '/items'): string {
  return new SpanTexts(new Redaction(redact)).span(request(changes), template, TIMES);
}

function span(changes: Partial<RequestRecord> = {}, redact: string[] = [], template = '/items') {
  const text = `${envelopeHead([], '0')}${spanText(changes, redact, template)}${ENVELOPE_TAIL}`;
  const [found, ...others] = spansOf(JSON.parse(text));
  if (found === undefined || others.length > 0) throw new Error('not one span');
  return found;
}

test('the whole of one span', () => {
  const string = (key: string, value: string) => ({ key, value: { stringValue: value } });
  expect(JSON.parse(spanText({ parentSpanId: '00f067aa0ba902b7' }))).toEqual({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '00f067aa0ba902b7',
    flags: 0x301,
    name: 'GET /items',
    kind: 2,
    startTimeUnixNano: '1788264000000250000',
    endTimeUnixNano: '1788264000001500000',
    attributes: [
      string('http.request.method', 'GET'),
      string('url.path', '/items'),
      string('url.scheme', 'https'),
      { key: 'http.response.status_code', value: { intValue: '200' } },
      string('server.address', 'cart.shop'),
      { key: 'server.port', value: { intValue: '8080' } },
      string('client.address', '10.0.0.7'),
      string('network.protocol.version', '1.1'),
      string('sallyport.listener', 'inbound'),
      string('sallyport.direction', 'inbound'),
      string('sallyport.verdict', 'allow'),
      { key: 'sallyport.enforced', value: { boolValue: true } },
      string('sallyport.reason', 'allow-rule'),
      {
        key: 'sallyport.rule',
        value: { arrayValue: { values: [{ stringValue: 'ns[shop]-policy[cart]-rule[0]' }] } },
      },
      string('sallyport.policy.hash', 'sha256:00'),
      string('sallyport.source.principal', WEB),
      string('sallyport.destination.workload', 'cart'),
      string('sallyport.destination.namespace', 'shop'),
      { key: 'sallyport.decision_us', value: { doubleValue: 0.6 } },
      { key: 'sallyport.enforcement_us', value: { doubleValue: 45 } },
      string('sallyport.request_id', 'r-1'),
    ],
  });
});

test('the span that the document prints', () => {
  const document = readFileSync(new URL('../../../../../docs/tracing.md', import.meta.url), 'utf8');
  const printed = document.split('```json\n')[1]?.split('```')[0] ?? '';
  const changes = {
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01',
    parentSpanId: '00f067aa0ba902b7',
    path: '/items/7',
    policyHash: 'sha256:9f86d0…',
    requestId: '0190c2d4-7e3a-4b11-8f6e-5f3b6a1c2d3e',
  };
  expect(JSON.parse(spanText(changes, [], '/items/{*}'))).toEqual(JSON.parse(printed));
});

test('what surrounds the spans of an export', () => {
  const resource = serviceResource({ name: 'cart', namespace: 'shop' }, { version: '7' });
  expect(JSON.parse(`${envelopeHead(resource, '0.1.0')}{},{}${ENVELOPE_TAIL}`)).toEqual({
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: 'cart' } },
            { key: 'service.namespace', value: { stringValue: 'shop' } },
            { key: 'service.version', value: { stringValue: '7' } },
          ],
        },
        scopeSpans: [{ scope: { name: 'sallyport', version: '0.1.0' }, spans: [{}, {}] }],
      },
    ],
  });
});

test.each([
  { labels: {}, name: '', expect: ['unknown_service:sallyport', undefined] },
  { labels: { 'app.kubernetes.io/version': '8', version: '7' }, name: 'a', expect: ['a', '8'] },
])('a service `$name` with $labels', ({ labels, name, expect: wanted }) => {
  const found = Object.fromEntries(serviceResource({ name, namespace: 'shop' }, labels));
  expect([found['service.name'], found['service.version']]).toEqual(wanted);
});

describe('status', () => {
  const ok = {};
  const error = (type: string) => ({ error: type });
  const rows: { name: string; input: Partial<RequestRecord>; server: object; client: object }[] = [
    { name: '200', input: {}, server: ok, client: ok },
    { name: '302', input: { status: 302 }, server: ok, client: ok },
    { name: '404 of the application', input: { status: 404 }, server: ok, client: error('404') },
    { name: '500 of the application', input: { status: 500 }, server: error('500'), client: error('500') },
    { name: 'denied', input: { decision: DENY }, server: ok, client: error('default-deny') },
    {
      name: 'denied, and forwarded in audit mode',
      input: { decision: DENY, enforced: false, status: 200 },
      server: ok,
      client: ok,
    },
    {
      name: 'a head that is no head',
      input: { decision: null, reason: 'bad-header', status: 400 },
      server: ok,
      client: error('bad-header'),
    },
    {
      name: 'an upstream that was too slow',
      input: { reason: 'upstream-timeout', status: 504 },
      server: error('upstream-timeout'),
      client: error('upstream-timeout'),
    },
    {
      name: 'a body that broke off after 200',
      input: { reason: 'upstream-reset', status: 200 },
      server: error('upstream-reset'),
      client: error('upstream-reset'),
    },
    {
      name: 'a caller that left',
      input: { reason: 'client-closed', status: 0 },
      server: ok,
      client: error('client-closed'),
    },
  ];
  for (const side of ['server', 'client'] as const) {
    test.each(rows)(`of a ${side}'s span: $name`, (row) => {
      const changes = side === 'client' ? { connection: OUTBOUND } : {};
      const { span: made, attributes } = span({ ...row.input, ...changes });
      expect(made['kind']).toBe(side === 'client' ? 3 : 2);
      const type = attributes['error.type'];
      expect(type === undefined ? {} : { error: type }).toEqual(row[side]);
      expect(made['status']).toEqual(type === undefined ? undefined : { code: 2 });
    });
  }
});

describe('name', () => {
  const rows: {
    name: string;
    input?: Partial<RequestRecord>;
    redact?: string[];
    path?: string;
    expect: string;
  }[] = [
    { name: 'with what varies left out', path: '/items/{*}', expect: 'GET /items/{*}' },
    { name: 'without a template', path: '', expect: 'GET inbound' },
    { name: 'of what was denied', input: { decision: DENY }, expect: 'GET inbound' },
    {
      name: 'of what audit mode let through',
      input: { decision: DENY, enforced: false },
      expect: 'GET /items',
    },
    { name: 'with paths redacted', redact: ['http.path'], expect: 'GET inbound' },
    { name: 'with a method of its own', input: { method: 'PURGE' }, expect: 'HTTP /items' },
    { name: 'without a head', input: { method: '' }, path: '', expect: 'HTTP inbound' },
    { name: 'bounded', path: `/${'x'.repeat(400)}`, expect: `GET /${'x'.repeat(251)}…` },
  ];
  test.each(rows)('$name', ({ input, redact, path, expect: name }) => {
    expect(span(input, redact, path).span['name']).toBe(name);
  });
});

describe('attributes', () => {
  const rows: { name: string; input?: Partial<RequestRecord>; redact?: string[]; expect: object }[] = [
    { name: 'no query', input: { path: '/a?token=1' }, expect: { 'url.path': '/a' } },
    { name: 'no path', input: { path: '' }, expect: { 'url.path': undefined } },
    { name: 'no status', input: { status: 0 }, expect: { 'http.response.status_code': undefined } },
    { name: 'no policy', input: { policyHash: '' }, expect: { 'sallyport.policy.hash': undefined } },
    {
      name: 'a method of its own',
      input: { method: 'PURGE' },
      expect: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PURGE' },
    },
    {
      name: 'no method',
      input: { method: '' },
      expect: { 'http.request.method': '_OTHER', 'http.request.method_original': undefined },
    },
    { name: 'HTTP/1.0', input: { httpVersion: '1.0' }, expect: { 'network.protocol.version': '1.0' } },
    { name: 'a host without port', input: { host: 'a.b' }, expect: { 'server.address': 'a.b' } },
    { name: 'an IPv6 host', input: { host: '[::1]' }, expect: { 'server.address': '[::1]' } },
    { name: 'an IPv6 host and port', input: { host: '[::1]:80' }, expect: { 'server.address': '[::1]' } },
    { name: 'no host', input: { host: '' }, expect: { 'server.address': '10.0.1.9' } },
    {
      name: 'the client by X-Forwarded-For',
      input: { remoteIp: '1.2.3.4' },
      expect: { 'client.address': '1.2.3.4' },
    },
    {
      name: 'a plaintext peer',
      input: { connection: connection({ principal: null, tlsVersion: null }) },
      expect: { 'url.scheme': 'http', 'sallyport.source.principal': undefined },
    },
    { name: 'a root', expect: { 'sallyport.dry_run.verdict': undefined } },
    {
      name: 'a dry run',
      input: { decision: { ...DENY, dryRun: { verdict: 'allow', reason: 'allow-rule', rules: [] } } },
      expect: { 'sallyport.dry_run.verdict': 'allow', 'sallyport.rule': undefined },
    },
    { name: 'a defect in time', input: { decisionUs: Number.NaN }, expect: { 'sallyport.decision_us': 0 } },
    {
      name: 'everything that can be masked',
      redact: ['http.path', 'http.host', 'source.principal', 'source.remoteIp', 'requestId'],
      expect: {
        'url.path': '[redacted]',
        'server.address': '[redacted]',
        'sallyport.source.principal': '[redacted]',
        'client.address': '[redacted]',
        'sallyport.request_id': '[redacted]',
      },
    },
    {
      name: 'addresses masked apart',
      input: { host: '' },
      redact: ['source.ip', 'destination.ip'],
      expect: { 'client.address': '[redacted]', 'server.address': '[redacted]' },
    },
    {
      name: 'what a peer wrote stays text',
      input: { path: '/"},{"\u0000\u009b', requestId: '\\' },
      expect: { 'url.path': '/"},{"\u0000\u009b', 'sallyport.request_id': '\\' },
    },
    {
      name: 'a long path',
      input: { path: 'x'.repeat(2000) },
      expect: { 'url.path': `${'x'.repeat(1024)}…` },
    },
  ];
  test.each(rows)('$name', ({ input, redact, expect: wanted }) => {
    const { attributes } = span(input, redact);
    for (const [key, value] of Object.entries(wanted)) expect([key, attributes[key]]).toEqual([key, value]);
  });

  test('at most 16 rules', () => {
    const rules = Array.from({ length: 20 }, (_, i) => `rule-${i}`);
    expect(span({ decision: { ...DENY, rules } }).attributes['sallyport.rule']).toEqual(rules.slice(0, 16));
  });

  test('no header, whatever it is', () => {
    expect(spanText({ headerValues: () => ['s3cret'] })).not.toContain('s3cret');
  });
});

test('a trace that begins here has no parent', () => {
  const { span: made } = span();
  expect(made).not.toHaveProperty('parentSpanId');
  expect(made['flags']).toBe(1);
});
