// One request as an OTLP span in JSON, by hand: bounded, masked as the log is, without the query.
// The mapping is that of the OTLP specification, "JSON Protobuf Encoding": ids in hexadecimal, 64-bit
// integers as strings, enums as numbers. Names are those of the semantic conventions for HTTP spans.

import { REASONS } from '../../../core/reasons.ts';
import { withoutQuery } from '../decision-line.ts';
import { number, ownText, quote } from '../json-text.ts';
import type { RequestRecord, WorkloadName } from '../record.ts';
import {
  ID_CHARS_MAX,
  IP_CHARS_MAX,
  METHOD_CHARS_MAX,
  NAME_CHARS_MAX,
  PATH_CHARS_MAX,
  PRINCIPAL_CHARS_MAX,
  RULE_CHARS_MAX,
  RULES_MAX,
} from '../record-limits.ts';
import type { RedactableField, Redaction } from '../redaction.ts';

const MASK = '[redacted]';

// opentelemetry/proto/trace/v1/trace.proto: SpanKind, StatusCode, SpanFlags.
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const PARENT_IS_REMOTE = 0x300; // CONTEXT_HAS_IS_REMOTE and CONTEXT_IS_REMOTE
const FLAGS_SAMPLED = 0x01;

/** Methods that are names in metrics and span names; any other is `_OTHER` there. */
const METHODS = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE'.split(' '));

/** What surrounds the spans of one export: `head`, spans joined by commas, `TAIL`. */
export function envelopeHead(resource: readonly (readonly [string, string])[], version: string): string {
  const attributes = resource.map(([key, value]) => text(key, value, NAME_CHARS_MAX)).join(',');
  const scope = `{"name":"sallyport","version":${quote(version, NAME_CHARS_MAX)}}`;
  const spans = `"scopeSpans":[{"scope":${scope},"spans":[`;
  return `{"resourceSpans":[{"resource":{"attributes":[${attributes}]},${spans}`;
}

/** The end of an export. */
export const ENVELOPE_TAIL = ']}]}]}';

/** `service.*` of the workload that the proxy stands before: what its own telemetry is called as well. */
export function serviceResource(
  workload: WorkloadName,
  labels: Readonly<Record<string, string>>,
): [string, string][] {
  const version = labels['app.kubernetes.io/version'] ?? labels['version'];
  return [
    // Semantic conventions, "Service": what to say when the name is not known.
    ['service.name', workload.name === '' ? 'unknown_service:sallyport' : workload.name],
    ['service.namespace', workload.namespace],
    ...(version === undefined ? [] : [['service.version', version] satisfies [string, string]]),
  ];
}

/** Builds the texts. They keep nothing of the record alive. */
export class SpanTexts {
  readonly #redaction: Redaction;

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  /**
   * The span of `record`. `template` is its path without what varies, '' = none; `startMs` and `endMs` are
   * Unix milliseconds, fractional.
   */
  span(record: RequestRecord, template: string, times: { startMs: number; endMs: number }): string {
    const { traceparent, parentSpanId, connection } = record;
    const client = connection.listener.direction === 'outbound';
    const parent = parentSpanId === '' ? '' : `,"parentSpanId":"${parentSpanId}"`;
    const flags = FLAGS_SAMPLED | (parentSpanId === '' ? 0 : PARENT_IS_REMOTE);
    const failed = isError(record, client);
    // traceparent: 00-<trace id, 32>-<span id, 16>-<flags>.
    return ownText(
      `{"traceId":"${traceparent.slice(3, 35)}","spanId":"${traceparent.slice(36, 52)}"${parent}` +
        `,"flags":${flags},"name":${this.#name(record, template)},"kind":${client ? CLIENT : SERVER}` +
        `,"startTimeUnixNano":"${nanoseconds(times.startMs)}"` +
        `,"endTimeUnixNano":"${nanoseconds(times.endMs)}"` +
        `,"attributes":[${this.#http(record, failed)},${this.#decision(record)}]` +
        (failed ? `,"status":{"code":${ERROR}}}` : '}'),
    );
  }

  /** Low in cardinality: what an enforced denial asked for was chosen by an attacker, perhaps. */
  #name(record: RequestRecord, template: string): string {
    const refused = record.verdict === 'deny' && record.enforced;
    const hidden = template === '' || refused || this.#redaction.field('http.path');
    const method = METHODS.has(record.method) ? record.method : 'HTTP';
    return quote(`${method} ${hidden ? record.connection.listener.name : template}`, NAME_CHARS_MAX);
  }

  #http(record: RequestRecord, failed: boolean): string {
    const { connection, method, status, remoteIp, remoteIpFrom } = record;
    const known = METHODS.has(method);
    const path = withoutQuery(record.path);
    return listed(
      text('http.request.method', known ? method : '_OTHER', METHOD_CHARS_MAX),
      known || method === '' ? '' : text('http.request.method_original', method, METHOD_CHARS_MAX),
      path === '' ? '' : this.#text('url.path', path, 'http.path', PATH_CHARS_MAX),
      text('url.scheme', connection.tlsVersion === null ? 'http' : 'https', ID_CHARS_MAX),
      status === 0 ? '' : integer('http.response.status_code', status),
      this.#server(record),
      integer('server.port', record.destination?.port ?? connection.listener.destinationPort),
      // The same address under both names: hidden under one of them it is hidden.
      this.#text(
        'client.address',
        remoteIp,
        remoteIpFrom === 'peer' && this.#redaction.field('source.ip') ? 'source.ip' : 'source.remoteIp',
        IP_CHARS_MAX,
      ),
      text('network.protocol.version', record.httpVersion, ID_CHARS_MAX),
      failed ? text('error.type', errorType(record), ID_CHARS_MAX) : '',
    );
  }

  #server({ host, connection }: RequestRecord): string {
    if (host === '')
      return this.#text('server.address', connection.destinationIp, 'destination.ip', IP_CHARS_MAX);
    const colon = host.lastIndexOf(':');
    const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host;
    return this.#text('server.address', name, 'http.host', NAME_CHARS_MAX);
  }

  #decision(record: RequestRecord): string {
    const { connection, decision, policyHash } = record;
    const { listener, principal } = connection;
    const { name, namespace } = listener.destination;
    const rules = decision?.rules ?? [];
    const dryRun = decision?.dryRun ?? null;
    return listed(
      text('sallyport.listener', listener.name, NAME_CHARS_MAX),
      text('sallyport.direction', listener.direction, ID_CHARS_MAX),
      text('sallyport.verdict', record.verdict, ID_CHARS_MAX),
      `{"key":"sallyport.enforced","value":{"boolValue":${record.enforced}}}`,
      text('sallyport.reason', record.reason, ID_CHARS_MAX),
      rules.length === 0 ? '' : texts('sallyport.rule', rules),
      dryRun === null ? '' : text('sallyport.dry_run.verdict', dryRun.verdict, ID_CHARS_MAX),
      policyHash === '' ? '' : text('sallyport.policy.hash', policyHash, ID_CHARS_MAX),
      principal === null
        ? ''
        : this.#text('sallyport.source.principal', principal, 'source.principal', PRINCIPAL_CHARS_MAX),
      name === '' ? '' : text('sallyport.destination.workload', name, NAME_CHARS_MAX),
      namespace === '' ? '' : text('sallyport.destination.namespace', namespace, NAME_CHARS_MAX),
      double('sallyport.decision_us', record.decisionUs),
      double('sallyport.enforcement_us', record.enforcementUs),
      this.#text('sallyport.request_id', record.requestId, 'requestId', ID_CHARS_MAX),
    );
  }

  #text(key: string, value: string, field: RedactableField, max: number): string {
    return text(key, this.#redaction.field(field) ? MASK : value, max);
  }
}

/**
 * Semantic conventions for HTTP spans, "Status": a server's span fails with 5xx, a client's from 400 on. A
 * response that broke after its head failed whatever its status said; a caller that left did not fail us.
 */
function isError({ status, reason }: RequestRecord, client: boolean): boolean {
  const { source } = REASONS[reason];
  const ours = source === 'upstream' || source === 'internal';
  return ours || status >= (client ? 400 : 500) || (client && source === 'downstream');
}

function errorType({ status, reason }: RequestRecord): string {
  return reason.startsWith('allow-') ? String(status) : reason;
}

/** The attributes that there are. */
function listed(...attributes: readonly string[]): string {
  let out = '';
  for (const one of attributes) if (one !== '') out += out === '' ? one : `,${one}`;
  return out;
}

function text(key: string, value: string, max: number): string {
  return `{"key":"${key}","value":{"stringValue":${quote(value, max)}}}`;
}

function texts(key: string, values: readonly string[]): string {
  const list = values.slice(0, RULES_MAX).map((one) => `{"stringValue":${quote(one, RULE_CHARS_MAX)}}`);
  return `{"key":"${key}","value":{"arrayValue":{"values":[${list.join(',')}]}}}`;
}

function integer(key: string, value: number): string {
  return `{"key":"${key}","value":{"intValue":"${number(value)}"}}`;
}

/** Three digits after the point are nanoseconds. */
function double(key: string, value: number): string {
  return `{"key":"${key}","value":{"doubleValue":${number(Math.round(value * 1000) / 1000)}}}`;
}

/** Whole microseconds, which a double still tells apart for Unix time; as text, with three zeros. */
function nanoseconds(ms: number): string {
  return `${number(Math.max(0, Math.round(ms * 1000)))}000`;
}
