// Cilium's Hubble flows, as `hubble observe -o json` prints them: packets and, where layer 7 is observed,
// requests. Identities in them are labels of pods, not SPIFFE IDs, and stay unknown as such.
// https://docs.cilium.io/en/stable/_api/v1/flow/README/
import { canonicalIp } from '../../core/ip.ts';
import { isRecord, ShapeReader } from '../flows/shape.ts';
import { normalizeHost } from '../request-json.ts';
import { ITEMS_MAX, TEXT_CHARACTERS_MAX } from './limits.ts';
import { NO_HEADERS, type Outcome, type ReadRecord, type RecordedPath } from './recorded.ts';
import { HUBBLE, type Values } from './slots.ts';

const PORT_MAX = 65_535;
const FORWARDED = ['FORWARDED', 'REDIRECTED', 'AUDIT', 'TRACED', 'TRANSLATED'];
/** The one reason of a drop that is a policy's. */
const POLICY_DENIED = ['POLICY_DENIED', 'AUTH_REQUIRED'];
/** Where a label of a pod comes from; others are reserved identities. */
const POD_LABEL = 'k8s:';
/** What Cilium adds to the labels of a pod. */
const ADDED_LABELS = ['io.kubernetes.pod.', 'io.cilium.'];

/** Reads one flow. */
export function readHubble(values: Values): ReadRecord {
  if (values.of(HUBBLE.reply) === true || values.of(HUBBLE.l7Type) === 'RESPONSE')
    return { skipped: 'reply' };
  if (values.of(HUBBLE.direction) === 'EGRESS') return { skipped: 'outbound' };
  const read = new ShapeReader();
  read.begin();
  const text = (slot: number, name: string): string | undefined => textOf(read, values.of(slot), name);
  const address = (slot: number): string | undefined => canonicalIp(text(slot, 'flow.IP') ?? '') ?? undefined;
  const isHttp = values.has(HUBBLE.http);
  const url = isHttp ? urlOf(text(HUBBLE.url, 'flow.l7.http.url')) : null;
  const headers = headersOf(read, values.of(HUBBLE.headers));
  const host = url?.host ?? headers.get('host')?.[0] ?? headers.get(':authority')?.[0];
  const sourceIp = address(HUBBLE.sourceIp);
  const request = {
    format: 'hubble' as const,
    direction: 'inbound' as const,
    principal: undefined,
    callerName: callerOf(read, values),
    sourceIp,
    remoteIp: undefined,
    destinationIp: address(HUBBLE.destinationIp),
    port: portOf(read, values.of(HUBBLE.tcp)),
    sni: undefined,
    method: isHttp ? text(HUBBLE.method, 'flow.l7.http.method') : undefined,
    path: url?.path,
    host: host === undefined ? undefined : normalizeHost(host),
    headers,
    workload: {
      namespace: text(HUBBLE.destinationNamespace, 'flow.destination.namespace'),
      name: workloadOf(read, values.of(HUBBLE.destinationWorkloads)),
      labels: labelsOf(read, values.of(HUBBLE.destinationLabels)),
    },
    outcome: outcomeOf(read, values),
  };
  return read.fault === null ? { request } : { fault: read.fault };
}

function textOf(read: ShapeReader, value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = read.text(value, name, TEXT_CHARACTERS_MAX);
  return text === '' ? undefined : text;
}

/** `http://cart.shop:8080/items/7?x=1`, or a path alone. */
function urlOf(url: string | undefined): { host: string | undefined; path: RecordedPath } | null {
  if (url === undefined) return null;
  const scheme = url.indexOf('://');
  const hostAt = scheme < 0 ? 0 : scheme + 3;
  const slash = url.indexOf('/', hostAt);
  const host = scheme < 0 || slash < 0 ? undefined : url.slice(hostAt, slash);
  const target = slash < 0 ? '/' : url.slice(slash);
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return { host: host === '' ? undefined : host, path: { text: path, isTemplate: false } };
}

/** Only those that are listed are known: Hubble may be told to leave some out. */
function headersOf(read: ShapeReader, value: unknown): ReadonlyMap<string, readonly string[]> {
  if (value === undefined || value === null) return NO_HEADERS;
  const headers = new Map<string, string[]>();
  for (const item of read.list(value, 'flow.l7.http.headers', ITEMS_MAX)) {
    const pair = read.record(item, 'flow.l7.http.headers');
    const key = read.text(pair['key'], 'flow.l7.http.headers.key', TEXT_CHARACTERS_MAX).toLowerCase();
    const text = read.text(pair['value'], 'flow.l7.http.headers.value', TEXT_CHARACTERS_MAX);
    // Cilium replaces the values that it is told to redact.
    if (text !== 'HUBBLE_REDACTED') headers.set(key, [...(headers.get(key) ?? []), text]);
  }
  return headers;
}

function portOf(read: ShapeReader, tcp: unknown): number | undefined {
  if (!isRecord(tcp) || tcp['destination_port'] === undefined) return undefined;
  return read.integer(tcp['destination_port'], 'flow.l4.TCP.destination_port', { min: 0, max: PORT_MAX });
}

function labelsOf(read: ShapeReader, value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  const labels: [string, string][] = [];
  let pod = false;
  for (const item of read.list(value, 'flow.destination.labels', ITEMS_MAX)) {
    const text = read.text(item, 'flow.destination.labels', TEXT_CHARACTERS_MAX);
    if (!text.startsWith(POD_LABEL)) continue;
    pod = true;
    const equals = text.indexOf('=');
    const key = text.slice(POD_LABEL.length, equals < 0 ? undefined : equals);
    if (!ADDED_LABELS.some((added) => key.startsWith(added)))
      labels.push([key, equals < 0 ? '' : text.slice(equals + 1)]);
  }
  return pod ? Object.fromEntries(labels) : undefined;
}

function workloadOf(read: ShapeReader, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const [first] = read.list(value, 'workloads', ITEMS_MAX);
  return first === undefined ? undefined : textOf(read, read.record(first, 'workloads')['name'], 'workloads');
}

function callerOf(read: ShapeReader, values: Values): string | undefined {
  const namespace = textOf(read, values.of(HUBBLE.sourceNamespace), 'flow.source.namespace');
  const name =
    workloadOf(read, values.of(HUBBLE.sourceWorkloads)) ??
    textOf(read, values.of(HUBBLE.sourcePod), 'flow.source.pod_name');
  if (namespace !== undefined && name !== undefined) return `${namespace}/${name}`;
  return namespace ?? name;
}

function outcomeOf(read: ShapeReader, values: Values): Outcome {
  const verdict = textOf(read, values.of(HUBBLE.verdict), 'flow.verdict') ?? '';
  const why = textOf(read, values.of(HUBBLE.dropReason), 'flow.drop_reason_desc');
  const nothing = { rules: [], wouldBe: null, refused: false, reason: verdict };
  if (FORWARDED.includes(verdict)) return { ...nothing, verdict: 'allow' };
  // A request that the layer 7 proxy drops has no reason beside it.
  const denied =
    verdict === 'DROPPED' && (why === undefined ? values.has(HUBBLE.l7) : POLICY_DENIED.includes(why));
  return { ...nothing, verdict: denied ? 'deny' : null };
}
