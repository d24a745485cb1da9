// The text of one decision log line, by hand: documented fields and nesting, bounded, without the query.
// PERF: a request with a line takes 3.2-3.5 us of wall time on a busy machine, metrics and flow included;
// bench/micro/record.ts.

import type { Reason } from '../../core/reasons.ts';
import type { NearRule } from '../../policy/request.ts';
import { microseconds, number, quote, quoteList, quoteOrNull } from './json-text.ts';
import type { HandshakeDetail, ListenerRef, RequestRecord } from './record.ts';
import {
  ID_CHARS_MAX,
  IP_CHARS_MAX,
  METHOD_CHARS_MAX,
  NAME_CHARS_MAX,
  PATH_CHARS_MAX,
  PRINCIPAL_CHARS_MAX,
  RULE_CHARS_MAX,
  RULES_MAX,
} from './record-limits.ts';
import type { RedactableField, Redaction } from './redaction.ts';

const HEADERS_MAX = 32;
const PAIRS_MAX = 32;
const WANTED_MAX = 8;
const VALUE_CHARS_MAX = 256;
const NEAR_MAX = 3;
const MESSAGE_CHARS_MAX = 512;
const MASK = '"[redacted]"';
// traceparent: version (2), `-`, trace-id (32), `-`, … (W3C Trace Context section 3.2)
const TRACE_START = 3;
const TRACE_END = 35;

/** Who called, and what says so. */
type Client = Pick<RequestRecord, 'remoteIp' | 'remoteIpFrom'>;

/** Builds lines. A line comes without its `{"time":…,` and without `}`: the log adds both, and `count`. */
export class DecisionLines {
  /** The beginning of `destination`, by listener index. */
  readonly #destinations: string[] = [];
  readonly #redaction: Redaction;
  readonly #fields: string;
  #headers: readonly string[] = [];

  constructor(options: {
    redaction: Redaction;
    /** `log.fields`: on every line. */
    fields: Readonly<Record<string, string>>;
  }) {
    this.#redaction = options.redaction;
    this.#fields = Object.entries(options.fields)
      .map(([key, value]) => `,${quote(key, NAME_CHARS_MAX)}:${quote(value, NAME_CHARS_MAX)}`)
      .join('');
  }

  /** The headers that the loaded policies name: the only ones that lines show. */
  setHeaders(names: readonly string[]): void {
    this.#headers = [...new Set(names.map((name) => name.toLowerCase()))].slice(0, HEADERS_MAX);
  }

  /** The line of one request. */
  request(record: RequestRecord, near: readonly NearRule[] | null): string {
    const { connection, decision, verdict } = record;
    const dryRun = decision?.dryRun ?? null;
    const trace = record.traceparent.slice(TRACE_START, TRACE_END);
    return (
      this.#start(connection.listener, verdict, record.enforced, record.reason) +
      `,"rules":${quoteList(decision?.rules ?? [], RULES_MAX, RULE_CHARS_MAX)}` +
      (dryRun === null
        ? ''
        : `,"dryRun":{"verdict":"${dryRun.verdict}","reason":"${dryRun.reason}"` +
          `,"rules":${quoteList(dryRun.rules, RULES_MAX, RULE_CHARS_MAX)}}`) +
      (near === null ? '' : this.#near(near)) +
      `,"policyHash":${quote(record.policyHash, ID_CHARS_MAX)}` +
      `,"requestId":${this.#text('requestId', record.requestId, ID_CHARS_MAX)}` +
      this.#connection(record) +
      this.#http(record) +
      `,"durationUs":${microseconds(record.endMs - record.startMs)}` +
      `,"decisionUs":${number(Math.round(record.decisionUs))}` +
      `,"bytesIn":${number(record.bytesIn)},"bytesOut":${number(record.bytesOut)}` +
      (trace === '' ? '' : `,"trace":${this.#text('trace', trace, ID_CHARS_MAX)}`) +
      this.#fields
    );
  }

  /** The line of one handshake that was refused: there is no request and no verified caller. */
  handshake(listener: ListenerRef, reason: Reason, detail: HandshakeDetail): string {
    const { principal, sourceIp, message } = detail;
    return (
      this.#start(listener, 'deny', true, reason) +
      `,"rules":[],"source":{"principal":null` +
      (principal === null
        ? ''
        : `,"claimed":${this.#text('source.principal', principal, PRINCIPAL_CHARS_MAX)}`) +
      `${this.#addresses(sourceIp, detail)}}` +
      `,"destination":{${this.#destination(listener)},"port":${number(listener.destinationPort)}}` +
      `,"message":${quote(message, MESSAGE_CHARS_MAX)}${this.#fields}`
    );
  }

  #start(listener: ListenerRef, verdict: string, enforced: boolean, reason: string): string {
    return (
      `"level":"info","listener":${quote(listener.name, NAME_CHARS_MAX)}` +
      `,"direction":"${listener.direction}"` +
      `,"verdict":"${verdict}","enforced":${enforced},"reason":"${reason}"`
    );
  }

  #destination({ index, destination: { name, namespace } }: ListenerRef): string {
    this.#destinations[index] ??=
      `"workload":${quote(name, NAME_CHARS_MAX)},"namespace":${quote(namespace, NAME_CHARS_MAX)}`;
    return this.#destinations[index];
  }

  #addresses(sourceIp: string, { remoteIp, remoteIpFrom }: Client): string {
    return (
      `,"ip":${this.#text('source.ip', sourceIp, IP_CHARS_MAX)}` +
      // The same address under both names: hidden under one of them it is hidden.
      `,"remoteIp":${this.#text(
        remoteIpFrom === 'peer' && this.#redaction.field('source.ip') ? 'source.ip' : 'source.remoteIp',
        remoteIp,
        IP_CHARS_MAX,
      )}` +
      `,"remoteIpFrom":"${remoteIpFrom}"`
    );
  }

  #connection(record: RequestRecord): string {
    const { connection, destination: named } = record;
    const { listener, sni } = connection;
    return (
      `,"connectionId":${quote(connection.id, ID_CHARS_MAX)}` +
      `,"source":{"principal":${this.#text('source.principal', connection.principal, PRINCIPAL_CHARS_MAX)}` +
      `${this.#addresses(connection.sourceIp, record)}}` +
      (named === null
        ? `,"destination":{${this.#destination(listener)}` +
          `,"ip":${this.#text('destination.ip', connection.destinationIp, IP_CHARS_MAX)}` +
          `,"port":${number(listener.destinationPort)}}`
        : `,"destination":{"host":${this.#text('http.host', named.host, NAME_CHARS_MAX)}` +
          `,"port":${number(named.port)}}`) +
      (sni === null ? '' : `,"sni":${this.#text('sni', sni, NAME_CHARS_MAX)}`)
    );
  }

  #http(record: RequestRecord): string {
    const headers = this.#headers.length === 0 ? '' : this.#headerPairs(record);
    return (
      `,"http":{"method":${quote(record.method, METHOD_CHARS_MAX)}` +
      `,"path":${this.#text('http.path', withoutQuery(record.path), PATH_CHARS_MAX)}` +
      `,"host":${this.#text('http.host', record.host, NAME_CHARS_MAX)}` +
      `,"status":${number(record.status)},"version":"${record.httpVersion}"${headers}}` +
      (record.grpcStatus === null ? '' : `,"grpc":{"status":${number(record.grpcStatus)}}`)
    );
  }

  /** The shape of `policy eval`'s requests: pairs in order, so that a line can be explained again. */
  #headerPairs(record: RequestRecord): string {
    let pairs = '';
    let count = 0;
    for (const name of this.#headers) {
      const values = record.headerValues(name);
      if (values === undefined) continue;
      for (let i = 0; i < values.length && count < PAIRS_MAX; i++, count++) {
        const value = this.#redaction.header(name) ? MASK : quote(values[i] ?? '', VALUE_CHARS_MAX);
        pairs += `${pairs === '' ? '' : ','}[${quote(name, NAME_CHARS_MAX)},${value}]`;
      }
    }
    return pairs === '' ? '' : `,"headers":[${pairs}]`;
  }

  #near(near: readonly NearRule[]): string {
    const rules = near.slice(0, NEAR_MAX).map(({ rule, field, want, got }) => {
      const hidden = this.#redaction.near(field);
      return (
        `{"rule":${quote(rule, RULE_CHARS_MAX)},"field":${quote(field, NAME_CHARS_MAX)}` +
        `,"want":${hidden ? `[${MASK}]` : quoteList(want, WANTED_MAX, VALUE_CHARS_MAX)}` +
        `,"got":${hidden && got !== null ? MASK : quoteOrNull(got, VALUE_CHARS_MAX)}}`
      );
    });
    return `,"near":[${rules.join(',')}]`;
  }

  #text(field: RedactableField, value: string | null, max: number): string {
    return value !== null && this.#redaction.field(field) ? MASK : quoteOrNull(value, max);
  }
}

/** The path is canonical and without query by contract; one that was refused early may still carry it. */
export function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
