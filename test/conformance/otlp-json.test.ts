// OTLP 1, "JSON Protobuf Encoding": what is exported is an ExportTraceServiceRequest of opentelemetry-proto,
// read by protobuf's own parser, which refuses a field that it does not know.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { RequestRecord } from '../../proxy/record/record.ts';
import { Redaction } from '../../proxy/record/redaction.ts';
import {
  ENVELOPE_TAIL,
  envelopeHead,
  SpanTexts,
  serviceResource,
} from '../../proxy/record/trace/span-text.ts';
import { findPython } from '../requirements.ts';
import { connection, DENY, INBOUND, request } from '../unit/proxy/record/record-samples.ts';

const python = findPython('opentelemetry/proto') ?? '';

// Ids are the one thing in which OTLP differs from protobuf's JSON: hexadecimal, not base64.
const READ = `
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
body = json.load(sys.stdin)
for group in body['resourceSpans']:
    for scope in group['scopeSpans']:
        for span in scope['spans']:
            for key in ('traceId', 'spanId', 'parentSpanId'):
                if key in span:
                    span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
message = json_format.ParseDict(body, ExportTraceServiceRequest())
spans = message.resource_spans[0].scope_spans[0].spans
print(json.dumps([{
    'traceId': s.trace_id.hex(), 'spanId': s.span_id.hex(), 'parentSpanId': s.parent_span_id.hex(),
    'flags': s.flags, 'name': s.name, 'kind': s.kind, 'status': s.status.code,
    'start': str(s.start_time_unix_nano), 'end': str(s.end_time_unix_nano),
    'attributes': {a.key: a.value.WhichOneof('value') for a in s.attributes},
} for s in spans]))
`;

test.runIf(python !== '')('is what protobuf reads', () => {
  const texts = new SpanTexts(new Redaction([]));
  const outbound = connection({ listener: { ...INBOUND, direction: 'outbound' } });
  const records: Partial<RequestRecord>[] = [
    { parentSpanId: '00f067aa0ba902b7' },
    { decision: DENY, path: '/"\u00e4\u0000' },
    { connection: outbound, status: 502, reason: 'upstream-reset' },
  ];
  const times = { startMs: 1_788_264_000_000.25, endMs: 1_788_264_000_001.5 };
  const spans = records.map((changes) => texts.span(request(changes), '/items', times));
  const head = envelopeHead(serviceResource({ name: 'cart', namespace: 'shop' }, {}), '0.1.0');
  const { status, stdout, stderr } = spawnSync(python, ['-c', READ], {
    input: `${head}${spans.join(',')}${ENVELOPE_TAIL}`,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const read: unknown = JSON.parse(stdout);
  const same = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    start: '1788264000000250000',
    end: '1788264000001500000',
  };
  expect(read).toMatchObject([
    { ...same, parentSpanId: '00f067aa0ba902b7', flags: 0x301, name: 'GET /items', kind: 2, status: 0 },
    { ...same, parentSpanId: '', flags: 1, name: 'GET inbound', kind: 2, status: 0 },
    { ...same, parentSpanId: '', kind: 3, status: 2 },
  ]);
  expect(read).toMatchObject([
    {
      attributes: {
        'http.response.status_code': 'int_value',
        'sallyport.enforced': 'bool_value',
        'sallyport.rule': 'array_value',
        'sallyport.decision_us': 'double_value',
        'sallyport.source.principal': 'string_value',
      },
    },
    {},
    {},
  ]);
});
