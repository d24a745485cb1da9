// Envoy's JSON access log, as Istio configures it and with the fields that people add. What the log means
// by its fields: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
import { canonicalIp } from '../../core/ip.ts';
import { ShapeReader } from '../flows/shape.ts';
import { normalizeHost } from '../request-json.ts';
import { TEXT_CHARACTERS_MAX } from './limits.ts';
import type { Outcome, ReadRecord, RecordedPath } from './recorded.ts';
import { ENVOY, type Values } from './slots.ts';

const PORT_MAX = 65_535;
const STATUS_MAX = 999;
/** How Envoy's RBAC filter names its refusals in `response_code_details`. */
const RBAC_DENIED = 'rbac_access_denied';
const FROM_APPLICATION = 'via_upstream';
/** Answers that a filter may have given as well as the application. */
const DOUBTFUL = [400, 401, 403, 404, 426, 431];
const OUTBOUND_CLUSTER = 'outbound|';
/** Istio's server name of mutual TLS: `outbound_.8080_._.cart.shop.svc.cluster.local`. */
const ISTIO_SERVER_NAME = 'outbound_.';

/** Reads a line of the access log, but for its path. */
export function readEnvoy(values: Values): ReadRecord {
  const read = new ShapeReader();
  read.begin();
  const text = (slot: number, name: string): string | null | undefined => textOf(read, values.of(slot), name);
  const cluster = text(ENVOY.cluster, 'upstream_cluster');
  if (cluster?.startsWith(OUTBOUND_CLUSTER) === true) return { skipped: 'outbound' };
  const address = (slot: number, name: string): Address | undefined => addressOf(read, values.of(slot), name);
  // The address that the connection came to is what RBAC sees; without it the application's own port.
  const local = address(ENVOY.local, 'downstream_local_address');
  const upstream = address(ENVOY.upstreamHost, 'upstream_host');
  const host = text(ENVOY.authority, 'authority');
  const sni = text(ENVOY.serverName, 'requested_server_name');
  const agent = text(ENVOY.userAgent, 'user_agent');
  const request = {
    format: 'envoy' as const,
    direction: 'inbound' as const,
    principal: principalOf(read, text(ENVOY.peer, 'downstream_peer_uri_san')),
    callerName: undefined,
    sourceIp: address(ENVOY.directRemote, 'downstream_direct_remote_address')?.ip,
    remoteIp: address(ENVOY.remote, 'downstream_remote_address')?.ip,
    destinationIp: local?.ip,
    port: local?.port ?? upstream?.port,
    sni,
    method: text(ENVOY.method, 'method') ?? undefined,
    path: undefined,
    host: host === undefined || host === null ? undefined : normalizeHost(host),
    headers: new Map(agent === undefined ? [] : [['user-agent', agent === null ? [] : [agent]]]),
    workload: { namespace: namespaceOf(sni), name: undefined, labels: undefined },
    outcome: outcomeOf(read, values),
  };
  return read.fault === null ? { request } : { fault: read.fault };
}

/** The path of a line: as it was received, with its query cut off. */
export function envoyPath(text: string): RecordedPath | undefined {
  return text === '' || text === '-' ? undefined : { text, isTemplate: false };
}

/** Envoy writes `null`, or `-`, for what a request does not have. */
function textOf(read: ShapeReader, value: unknown, name: string): string | null | undefined {
  if (value === undefined || value === null) return value;
  const text = read.text(value, name, TEXT_CHARACTERS_MAX);
  return text === '-' || text === '' ? null : text;
}

/** No URI in the certificate, or no certificate, is a peer without identity; two are none that we accept. */
function principalOf(read: ShapeReader, text: string | null | undefined): string | null | undefined {
  if (text === undefined || text === null) return text;
  if (text.includes(',')) return undefined;
  return text.startsWith('spiffe://')
    ? read.spiffeId(text, 'downstream_peer_uri_san', TEXT_CHARACTERS_MAX)
    : null;
}

interface Address {
  readonly ip: string;
  readonly port: number;
}

/** `10.0.0.7:8080` or `[2001:db8::7]:8080`; undefined for a pipe and what else has no address. */
function addressOf(read: ShapeReader, value: unknown, name: string): Address | undefined {
  const text = textOf(read, value, name);
  if (text === undefined || text === null) return undefined;
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(0, colon));
  const ip = canonicalIp(host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host);
  const digits = text.slice(colon + 1);
  const port = digits.length > 5 || digits === '' ? Number.NaN : Number(digits);
  return ip !== null && Number.isInteger(port) && port >= 0 && port <= PORT_MAX ? { ip, port } : undefined;
}

/** Istio's client proxies name the service they call; the service's namespace is the workload's. */
function namespaceOf(sni: string | null | undefined): string | undefined {
  if (typeof sni !== 'string' || !sni.startsWith(ISTIO_SERVER_NAME)) return undefined;
  // outbound_ . PORT_ . SUBSET_ . SERVICE . NAMESPACE . svc . …
  const parts = sni.split('.');
  const svc = parts.indexOf('svc');
  return svc === 5 ? parts[4] : undefined;
}

function outcomeOf(read: ShapeReader, values: Values): Outcome {
  const details = textOf(read, values.of(ENVOY.details), 'response_code_details');
  const value = values.of(ENVOY.responseCode);
  // A text where the operator's format says so.
  const number = typeof value === 'string' ? Number(value) : (value ?? 0);
  const code = read.integer(number, 'response_code', { min: 0, max: STATUS_MAX });
  const nothing = { rules: [], wouldBe: null, refused: false };
  if (typeof details === 'string') {
    if (details.startsWith(RBAC_DENIED)) return { ...nothing, verdict: 'deny', reason: 'rbac' };
    if (details === FROM_APPLICATION) return { ...nothing, verdict: 'allow', reason: `status ${code}` };
  }
  const decided = code >= 200 && !DOUBTFUL.includes(code);
  return { ...nothing, verdict: decided ? 'allow' : null, reason: `status ${code}` };
}
