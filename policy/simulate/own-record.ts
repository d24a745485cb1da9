// Lines that sallyport writes: the decision log and flow records. Both have the same keys; a flow record
// counts many requests, and has a path template and less of the connection.

import { canonicalIp } from '../../core/ip.ts';
import {
  IP_CHARACTERS_MAX,
  METHOD_CHARACTERS_MAX,
  NAME_CHARACTERS_MAX,
  PRINCIPAL_CHARACTERS_MAX,
  RULE_CHARACTERS_MAX,
  RULES_MAX,
} from '../flows/limits.ts';
import { ShapeReader } from '../flows/shape.ts';
import type { Verdict } from '../request.ts';
import { normalizeHost } from '../request-json.ts';
import { ITEMS_MAX } from './limits.ts';
import { NO_HEADERS, type Outcome, type ReadRecord, type RecordedPath, type WouldBe } from './recorded.ts';
import { OWN, type Values } from './slots.ts';

const VERDICTS = ['allow', 'deny'] as const;
const DIRECTIONS = ['inbound', 'outbound'] as const;
const REASON_CHARACTERS_MAX = 64;
const VALUE_CHARACTERS_MAX = 257;
const PORT_MAX = 65_535;
/** What `log.redact` leaves of a value. */
const REDACTED = '[redacted]';
/** What ends a value that the proxy cut. */
const CUT = '\u2026';
/** As many as the proxy writes; others may have been left out. */
const HEADER_PAIRS_MAX = 32;
/** Verdicts of policies; any other reason of a denial came before them. */
const POLICY_REASONS: readonly string[] = [
  'deny-rule',
  'default-deny',
  'no-policy',
  'invalid-policy',
  'evaluation-error',
];

/** Reads a line of the decision log or a flow record, but for its path. */
export function readOwn(values: Values, kind: 'log' | 'flow'): ReadRecord {
  if (!values.has(OWN.verdict)) return kind === 'log' ? { skipped: 'not-a-request' } : missing('verdict');
  const read = new ShapeReader();
  read.begin();
  const direction = read.oneOf(values.of(OWN.direction), 'direction', DIRECTIONS);
  const outcome = outcomeOf(read, values);
  if (kind === 'log' && !values.has(OWN.http) && outcome.refused) return { skipped: 'not-a-request' };
  const principal = principalOf(read, values, kind);
  const address = (slot: number, name: string): string | undefined => addressOf(read, values.of(slot), name);
  const port = values.of(OWN.port);
  const host = knownText(read, values.of(OWN.host), 'http.host');
  const request = {
    format: kind,
    direction,
    principal,
    callerName: undefined,
    sourceIp: address(OWN.sourceIp, 'source.ip'),
    remoteIp: address(OWN.remoteIp, 'source.remoteIp'),
    destinationIp: address(OWN.destinationIp, 'destination.ip'),
    port: port === undefined ? undefined : read.integer(port, 'destination.port', { min: 0, max: PORT_MAX }),
    sni: kind === 'flow' ? undefined : sniOf(read, values),
    method: methodOf(read, values, kind),
    path: undefined,
    host: host === undefined ? undefined : normalizeHost(host),
    headers: kind === 'flow' ? NO_HEADERS : headersOf(read, values.of(OWN.headers)),
    workload: {
      namespace: knownText(read, values.of(OWN.namespace), 'destination.namespace'),
      name: knownText(read, values.of(OWN.workload), 'destination.workload'),
      labels: undefined,
    },
    outcome,
  };
  if (read.fault !== null) return { fault: read.fault };
  return direction === 'outbound' ? { skipped: 'outbound' } : { request };
}

const missing = (key: string): ReadRecord => ({ fault: `has no \`${key}\`` });

function outcomeOf(read: ShapeReader, values: Values): Outcome {
  const verdict = read.oneOf(values.of(OWN.verdict), 'verdict', VERDICTS);
  const enforced = read.boolean(values.of(OWN.enforced), 'enforced');
  const reason = read.name(values.of(OWN.reason), 'reason', REASON_CHARACTERS_MAX);
  const rules = rulesOf(read, values.of(OWN.rules), 'rules');
  const audited: WouldBe | null = verdict === 'deny' && !enforced ? { verdict, reason, rules } : null;
  return {
    // Audit mode forwards what a policy denies: that is what became of it.
    verdict: audited === null ? verdict : 'allow',
    reason,
    rules,
    wouldBe: audited ?? dryRunOf(read, values.of(OWN.dryRun)),
    refused: verdict === 'deny' && !POLICY_REASONS.includes(reason),
  };
}

function dryRunOf(read: ShapeReader, value: unknown): WouldBe | null {
  if (value === undefined) return null;
  const dryRun = read.record(value, 'dryRun');
  const verdict: Verdict = read.oneOf(dryRun['verdict'], 'dryRun.verdict', VERDICTS);
  return {
    verdict,
    reason: read.name(dryRun['reason'], 'dryRun.reason', REASON_CHARACTERS_MAX),
    rules: rulesOf(read, dryRun['rules'], 'dryRun.rules'),
  };
}

/** Undefined for callers that a proxy told apart no more, and for what was redacted or cut. */
function principalOf(read: ShapeReader, values: Values, kind: 'log' | 'flow'): string | null | undefined {
  const source = values.of(OWN.source);
  if (kind === 'flow' && source === 'other') return undefined;
  read.record(source, 'source');
  const value = values.of(OWN.principal);
  if (value === null) return null;
  const text = knownText(read, value, 'source.principal');
  return text === undefined ? undefined : read.spiffeId(text, 'source.principal', PRINCIPAL_CHARACTERS_MAX);
}

function addressOf(read: ShapeReader, value: unknown, name: string): string | undefined {
  if (value === null) return undefined;
  const text = knownText(read, value, name);
  if (text === undefined) return undefined;
  const ip = text.length > IP_CHARACTERS_MAX ? null : canonicalIp(text);
  if (ip === null) read.complain(name, 'is not an IP address');
  return ip ?? undefined;
}

/** A connection without a server name has no `sni` in its lines. */
function sniOf(read: ShapeReader, values: Values): string | null | undefined {
  return values.has(OWN.sni) ? knownText(read, values.of(OWN.sni), 'sni') : null;
}

/** The text, undefined when it is not told in full. */
function knownText(read: ShapeReader, value: unknown, name: string): string | undefined {
  if (value === undefined) return undefined;
  const text = read.text(value, name, PRINCIPAL_CHARACTERS_MAX);
  return text === '' || text === REDACTED || text.endsWith(CUT) ? undefined : text;
}

function methodOf(read: ShapeReader, values: Values, kind: 'log' | 'flow'): string | undefined {
  const http = values.of(OWN.http);
  if (http === undefined || (kind === 'flow' && http === 'other')) return undefined;
  read.record(http, 'http');
  const method = read.text(values.of(OWN.method), 'http.method', METHOD_CHARACTERS_MAX);
  return method === '' || method.endsWith(CUT) ? undefined : method;
}

/** The path of a line: `/items/{*}` in flow records, `/items/7` in the log, where braces are escaped. */
export function ownPath(text: string, kind: 'log' | 'flow'): RecordedPath | undefined {
  if (text === '' || text === REDACTED || text.endsWith(CUT)) return undefined;
  return { text, isTemplate: kind === 'flow' && (text.includes('{*}') || text.includes('{**}')) };
}

/**
 * Lines show only the headers that the policies of their time named: one that is not there may have been
 * sent.
 */
function headersOf(read: ShapeReader, value: unknown): ReadonlyMap<string, readonly string[]> {
  if (value === undefined) return NO_HEADERS;
  const pairs = read.list(value, 'http.headers', ITEMS_MAX);
  const headers = new Map<string, string[]>();
  const unknown = new Set<string>();
  for (const pair of pairs) {
    const [name, text] = read.list(pair, 'http.headers', 2);
    const key = read.text(name, 'http.headers', NAME_CHARACTERS_MAX);
    const known = knownHeader(read.text(text, 'http.headers', VALUE_CHARACTERS_MAX));
    if (known === undefined || pairs.length >= HEADER_PAIRS_MAX) unknown.add(key);
    else headers.set(key, [...(headers.get(key) ?? []), known]);
  }
  for (const name of unknown) headers.delete(name);
  return headers;
}

const knownHeader = (text: string): string | undefined =>
  text === REDACTED || text.endsWith(CUT) ? undefined : text;

function rulesOf(read: ShapeReader, value: unknown, name: string): string[] {
  return read.list(value, name, RULES_MAX).map((rule) => read.text(rule, name, RULE_CHARACTERS_MAX));
}
