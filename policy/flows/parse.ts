// One line of a flow file or of a proxy's output: a flow record, a line of the decision log, another log
// line, or a fault. The file is untrusted: every value is checked for type and size, nothing is repaired.

import type { NearRule } from '../request.ts';
import {
  COUNT_MAX,
  IP_CHARACTERS_MAX,
  METHOD_CHARACTERS_MAX,
  NAME_CHARACTERS_MAX,
  PATH_CHARACTERS_MAX,
  PRINCIPAL_CHARACTERS_MAX,
  RULE_CHARACTERS_MAX,
  RULES_MAX,
  VALUE_CHARACTERS_MAX,
  WANTED_MAX,
} from './limits.ts';
import type {
  FlowCaller,
  FlowDestination,
  FlowDryRun,
  FlowRecord,
  LoggedDenial,
  LoggedRequest,
} from './record.ts';
import { isRecord, ShapeReader } from './shape.ts';

/** What a line is. */
export type FlowLine =
  | { readonly kind: 'flow'; readonly record: FlowRecord }
  | { readonly kind: 'denial'; readonly denial: LoggedDenial }
  /** Only where log lines are asked for as requests: allowed ones too. */
  | { readonly kind: 'request'; readonly request: LoggedRequest }
  /** A log line that says nothing about flows. */
  | { readonly kind: 'log' }
  | { readonly kind: 'fault'; readonly message: string };

type Json = Readonly<Record<string, unknown>>;

const VERDICTS = ['allow', 'deny'] as const;
const DIRECTIONS = ['inbound', 'outbound'] as const;
const OTHER = 'other';
const LOG: FlowLine = { kind: 'log' };
const PORT_MAX = 65_535;
const REASON_CHARACTERS_MAX = 64;
const REQUEST_ID_CHARACTERS_MAX = 129;
const NEAR_MAX = 3;
const STATUS_MAX = 999;

/** Parses lines; keeps nothing of them but which SPIFFE IDs are sound. */
export class FlowParser {
  readonly #read = new ShapeReader();
  readonly #logged: typeof logLine;

  /** `requests`: lines of the decision log are read as requests, whatever their verdict. */
  constructor({ requests }: { requests: boolean } = { requests: false }) {
    this.#logged = requests ? requestLine : logLine;
  }

  /** One line. Keys that are not known are ignored; of a key that stands twice the last counts. */
  line(text: string): FlowLine {
    const value = jsonOf(text);
    if (value === undefined) return fault('is not JSON');
    if (!isRecord(value)) return fault('is not a JSON object');
    this.#read.begin();
    if (Object.hasOwn(value, 'firstSeen')) return flowLine(this.#read, value);
    if (Object.hasOwn(value, 'level')) return this.#logged(this.#read, value);
    return fault('is neither a flow record nor a log line');
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says so, and shows the line: V8's message would repeat parts of it
  }
}

const fault = (message: string): FlowLine => ({ kind: 'fault', message });

function flowLine(read: ShapeReader, value: Json): FlowLine {
  const record: FlowRecord = {
    listener: read.name(value['listener'], 'listener', NAME_CHARACTERS_MAX),
    direction: read.oneOf(value['direction'], 'direction', DIRECTIONS),
    verdict: read.oneOf(value['verdict'], 'verdict', VERDICTS),
    enforced: read.boolean(value['enforced'], 'enforced'),
    reason: read.name(value['reason'], 'reason', REASON_CHARACTERS_MAX),
    rules: rulesOf(read, value['rules'], 'rules'),
    dryRun: value['dryRun'] === undefined ? null : dryRunOf(read, value['dryRun']),
    source: value['source'] === OTHER ? null : callerOf(read, value['source']),
    destination: destinationOf(read, value['destination']),
    http: value['http'] === OTHER ? null : httpOf(read, value['http']),
    count: read.integer(value['count'], 'count', { min: 1, max: COUNT_MAX }),
    bytes: read.integer(value['bytes'], 'bytes', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    firstSeenMs: read.time(value['firstSeen'], 'firstSeen'),
    lastSeenMs: read.time(value['lastSeen'], 'lastSeen'),
    windowSeconds: read.integer(value['window'], 'window', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  };
  if (record.firstSeenMs > record.lastSeenMs) read.complain('firstSeen', 'is after `lastSeen`');
  return read.fault === null ? { kind: 'flow', record } : fault(read.fault);
}

/** Of log lines only denied HTTP requests matter; others, and those that hide what they tell, pass by. */
function logLine(read: ShapeReader, value: Json): FlowLine {
  if (value['verdict'] !== 'deny' || !isRecord(value['http'])) return LOG;
  const { method, path } = httpOf(read, value['http']);
  const denial: LoggedDenial = {
    requestId: read.name(value['requestId'], 'requestId', REQUEST_ID_CHARACTERS_MAX),
    direction: read.oneOf(value['direction'], 'direction', DIRECTIONS),
    reason: read.name(value['reason'], 'reason', REASON_CHARACTERS_MAX),
    source: callerOf(read, value['source']),
    destination: destinationOf(read, value['destination']),
    method,
    path,
    near: value['near'] === undefined ? [] : nearOf(read, value['near']),
  };
  return read.fault === null ? { kind: 'denial', denial } : LOG;
}

/** A request of the decision log, as a flow of its own with the path as requested. */
function requestLine(read: ShapeReader, value: Json): FlowLine {
  const { verdict, http, time, grpc } = value;
  if (verdict === undefined || !isRecord(http)) return LOG;
  const ms = read.time(time, 'time');
  const count = value['count'] === undefined ? 1 : value['count'];
  const statusOf = (status: unknown, name: string): number | null =>
    status === undefined ? null : read.integer(status, name, { min: 0, max: STATUS_MAX });
  const record: FlowRecord = {
    listener: read.name(value['listener'], 'listener', NAME_CHARACTERS_MAX),
    direction: read.oneOf(value['direction'], 'direction', DIRECTIONS),
    verdict: read.oneOf(verdict, 'verdict', VERDICTS),
    enforced: read.boolean(value['enforced'], 'enforced'),
    reason: read.name(value['reason'], 'reason', REASON_CHARACTERS_MAX),
    rules: rulesOf(read, value['rules'], 'rules'),
    dryRun: value['dryRun'] === undefined ? null : dryRunOf(read, value['dryRun']),
    source: callerOf(read, value['source']),
    destination: destinationOf(read, value['destination']),
    http: httpOf(read, http),
    count: read.integer(count, 'count', { min: 1, max: COUNT_MAX }),
    bytes: 0,
    firstSeenMs: ms,
    lastSeenMs: ms,
    windowSeconds: 0,
  };
  const status = statusOf(http['status'], 'http.status');
  const grpcStatus = isRecord(grpc) ? statusOf(grpc['status'], 'grpc.status') : null;
  return read.fault === null ? { kind: 'request', request: { record, status, grpcStatus } } : LOG;
}

function callerOf(read: ShapeReader, value: unknown): FlowCaller {
  const source = read.record(value, 'source');
  const principal =
    source['principal'] === null
      ? null
      : read.spiffeId(source['principal'], 'source.principal', PRINCIPAL_CHARACTERS_MAX);
  const ip = source['ip'] === undefined ? null : read.name(source['ip'], 'source.ip', IP_CHARACTERS_MAX);
  if (principal === null && ip === null) read.complain('source', 'has neither a principal nor an address');
  return { principal, ip };
}

function destinationOf(read: ShapeReader, value: unknown): FlowDestination {
  const destination = read.record(value, 'destination');
  const port = read.integer(destination['port'], 'destination.port', { min: 0, max: PORT_MAX });
  // What an egress listener records: a place outside, which has a name and is no workload.
  if (destination['host'] !== undefined)
    return {
      workload: read.name(destination['host'], 'destination.host', NAME_CHARACTERS_MAX),
      namespace: '',
      port,
    };
  return {
    workload: read.name(destination['workload'], 'destination.workload', NAME_CHARACTERS_MAX),
    namespace: read.name(destination['namespace'], 'destination.namespace', NAME_CHARACTERS_MAX),
    port,
  };
}

function httpOf(read: ShapeReader, value: unknown): { method: string; path: string } {
  const http = read.record(value, 'http');
  return {
    method: read.text(http['method'], 'http.method', METHOD_CHARACTERS_MAX),
    path: read.text(http['path'], 'http.path', PATH_CHARACTERS_MAX),
  };
}

function dryRunOf(read: ShapeReader, value: unknown): FlowDryRun {
  const dryRun = read.record(value, 'dryRun');
  return {
    verdict: read.oneOf(dryRun['verdict'], 'dryRun.verdict', VERDICTS),
    reason: read.name(dryRun['reason'], 'dryRun.reason', REASON_CHARACTERS_MAX),
    rules: rulesOf(read, dryRun['rules'], 'dryRun.rules'),
  };
}

function nearOf(read: ShapeReader, value: unknown): NearRule[] {
  return read.list(value, 'near', NEAR_MAX).map((item) => {
    const near = read.record(item, 'near');
    return {
      rule: read.text(near['rule'], 'near.rule', RULE_CHARACTERS_MAX),
      field: read.text(near['field'], 'near.field', NAME_CHARACTERS_MAX),
      want: read
        .list(near['want'], 'near.want', WANTED_MAX)
        .map((one) => read.text(one, 'near.want', VALUE_CHARACTERS_MAX)),
      got: near['got'] === null ? null : read.text(near['got'], 'near.got', VALUE_CHARACTERS_MAX),
    };
  });
}

function rulesOf(read: ShapeReader, value: unknown, name: string): string[] {
  return read.list(value, name, RULES_MAX).map((rule) => read.text(rule, name, RULE_CHARACTERS_MAX));
}
