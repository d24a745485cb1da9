// The keys of all formats that are read, each with a slot of its own: which of them a line has says what it
// is.
import type { KeySpec } from './key-table.ts';
import type { LineScanner } from './scan.ts';

/** Slots of our own records: decision log and flow records. */
export const OWN = {
  time: 0,
  level: 1,
  direction: 2,
  verdict: 3,
  enforced: 4,
  reason: 5,
  rules: 6,
  dryRun: 7,
  source: 8,
  principal: 9,
  sourceIp: 10,
  remoteIp: 11,
  destination: 12,
  workload: 13,
  namespace: 14,
  destinationIp: 15,
  port: 16,
  destinationHost: 17,
  sni: 18,
  http: 19,
  method: 20,
  path: 21,
  host: 22,
  headers: 23,
  count: 24,
  firstSeen: 25,
  lastSeen: 26,
} as const;

/** Slots of Envoy's and Istio's JSON access logs. */
export const ENVOY = {
  startTime: 30,
  method: 31,
  path: 32,
  authority: 33,
  responseCode: 34,
  details: 35,
  peer: 36,
  directRemote: 37,
  remote: 38,
  local: 39,
  upstreamHost: 40,
  cluster: 41,
  serverName: 42,
  userAgent: 43,
} as const;

/** Slots of Hubble's flows. */
export const HUBBLE = {
  flow: 50,
  time: 51,
  verdict: 52,
  reply: 53,
  direction: 54,
  sourceIp: 55,
  destinationIp: 56,
  sourceNamespace: 57,
  sourceLabels: 58,
  sourceWorkloads: 59,
  sourcePod: 60,
  destinationNamespace: 61,
  destinationLabels: 62,
  destinationWorkloads: 63,
  tcp: 64,
  l7: 65,
  l7Type: 66,
  http: 67,
  method: 68,
  url: 69,
  headers: 70,
  code: 71,
  dropReason: 72,
  source: 73,
  destination: 74,
  ip: 75,
  l4: 76,
} as const;

/** How many slots there are. */
export const SLOTS = 80;

const OWN_KEYS: KeySpec = {
  time: OWN.time,
  level: OWN.level,
  direction: OWN.direction,
  verdict: OWN.verdict,
  enforced: OWN.enforced,
  reason: OWN.reason,
  rules: OWN.rules,
  dryRun: OWN.dryRun,
  source: [OWN.source, { principal: OWN.principal, ip: OWN.sourceIp, remoteIp: OWN.remoteIp }],
  destination: [
    OWN.destination,
    {
      workload: OWN.workload,
      namespace: OWN.namespace,
      ip: OWN.destinationIp,
      port: OWN.port,
      host: OWN.destinationHost,
    },
  ],
  sni: OWN.sni,
  http: [OWN.http, { method: OWN.method, path: OWN.path, host: OWN.host, headers: OWN.headers }],
  count: OWN.count,
  firstSeen: OWN.firstSeen,
  lastSeen: OWN.lastSeen,
};

const ENVOY_KEYS: KeySpec = {
  start_time: ENVOY.startTime,
  method: ENVOY.method,
  path: ENVOY.path,
  authority: ENVOY.authority,
  response_code: ENVOY.responseCode,
  response_code_details: ENVOY.details,
  downstream_peer_uri_san: ENVOY.peer,
  downstream_direct_remote_address: ENVOY.directRemote,
  downstream_remote_address: ENVOY.remote,
  downstream_local_address: ENVOY.local,
  upstream_host: ENVOY.upstreamHost,
  upstream_cluster: ENVOY.cluster,
  requested_server_name: ENVOY.serverName,
  user_agent: ENVOY.userAgent,
};

const HUBBLE_KEYS: KeySpec = {
  flow: [
    HUBBLE.flow,
    {
      time: HUBBLE.time,
      verdict: HUBBLE.verdict,
      is_reply: HUBBLE.reply,
      traffic_direction: HUBBLE.direction,
      drop_reason_desc: HUBBLE.dropReason,
      IP: [HUBBLE.ip, { source: HUBBLE.sourceIp, destination: HUBBLE.destinationIp }],
      source: [
        HUBBLE.source,
        {
          namespace: HUBBLE.sourceNamespace,
          labels: HUBBLE.sourceLabels,
          workloads: HUBBLE.sourceWorkloads,
          pod_name: HUBBLE.sourcePod,
        },
      ],
      destination: [
        HUBBLE.destination,
        {
          namespace: HUBBLE.destinationNamespace,
          labels: HUBBLE.destinationLabels,
          workloads: HUBBLE.destinationWorkloads,
        },
      ],
      l4: [HUBBLE.l4, { TCP: HUBBLE.tcp }],
      l7: [
        HUBBLE.l7,
        {
          type: HUBBLE.l7Type,
          http: [
            HUBBLE.http,
            { method: HUBBLE.method, url: HUBBLE.url, headers: HUBBLE.headers, code: HUBBLE.code },
          ],
        },
      ],
    },
  ],
};

/** Every key of every format. */
export const KEYS: KeySpec = { ...OWN_KEYS, ...ENVOY_KEYS, ...HUBBLE_KEYS };

/** The values of one line that was scanned. */
export class Values {
  readonly #scanner: LineScanner;
  readonly #bytes: Buffer;

  constructor(scanner: LineScanner, bytes: Buffer) {
    this.#scanner = scanner;
    this.#bytes = bytes;
  }

  /** Undefined when it is not there. @throws SyntaxError for a string with a bad escape */
  of(slot: number): unknown {
    const start = this.#scanner.starts[slot] ?? -1;
    if (start < 0) return undefined;
    return JSON.parse(this.#bytes.toString('utf8', start, this.#scanner.ends[slot]));
  }

  has(slot: number): boolean {
    return (this.#scanner.starts[slot] ?? -1) >= 0;
  }
}
