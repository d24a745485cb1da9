// What differs between the formats: which fields tell requests apart, where the time stands, how a record and
// its path are read.

import { envoyPath, readEnvoy } from './envoy-record.ts';
import { readHubble } from './hubble-record.ts';
import { COUNT_MAX } from './limits.ts';
import { ownPath, readOwn } from './own-record.ts';
import type { ReadRecord, RecordedPath, RecordFormat } from './recorded.ts';
import { ENVOY, HUBBLE, OWN, type Values } from './slots.ts';

/** Which lines are read: ours, one of the others, or all. */
export type ReadFormat = 'sallyport' | 'envoy' | 'istio' | 'hubble' | 'auto';

/** The values of `--format`. */
export const READ_FORMATS: readonly ReadFormat[] = ['sallyport', 'envoy', 'istio', 'hubble', 'auto'];

/**
 * Which fields, beside those that every report shows, tell requests apart: those that policies look at.
 */
export interface UsedFields {
  readonly sourceIp: boolean;
  readonly remoteIp: boolean;
  readonly destinationIp: boolean;
  readonly sni: boolean;
  readonly host: boolean;
  readonly headers: boolean;
}

/** Formats by index. */
export const KINDS: readonly RecordFormat[] = ['log', 'flow', 'envoy', 'hubble'];
export const LOG_KIND = 0;
export const FLOW_KIND = 1;
export const ENVOY_KIND = 2;
export const HUBBLE_KIND = 3;

/** The slot of the (last) time, by index of the format. */
export const TIME_SLOTS: readonly number[] = [OWN.time, OWN.lastSeen, ENVOY.startTime, HUBBLE.time];
/** The slot of the path; -1 where a field that tells requests apart holds it. */
export const PATH_SLOTS: readonly number[] = [OWN.path, OWN.path, ENVOY.path, -1];

export function formatsOf(format: ReadFormat): readonly RecordFormat[] {
  switch (format) {
    case 'sallyport':
      return ['log', 'flow'];
    case 'envoy':
    case 'istio':
      return ['envoy'];
    case 'hubble':
      return ['hubble'];
    case 'auto':
      return KINDS;
  }
}

/** The slots that tell requests apart, by index of the format. */
export function keysOf(uses: UsedFields): readonly (readonly number[])[] {
  const when = (used: boolean, ...slots: number[]): number[] => (used ? slots : []);
  const own = [OWN.direction, OWN.verdict, OWN.enforced, OWN.reason, OWN.rules, OWN.dryRun, OWN.principal];
  const workload = [OWN.workload, OWN.namespace, OWN.destinationHost, OWN.port, OWN.method];
  const log = [
    ...own,
    ...workload,
    ...when(uses.sourceIp, OWN.sourceIp),
    ...when(uses.remoteIp, OWN.remoteIp),
    ...when(uses.destinationIp, OWN.destinationIp),
    ...when(uses.sni, OWN.sni),
    ...when(uses.host, OWN.host),
    ...when(uses.headers, OWN.headers),
  ];
  const envoy = [
    ...[ENVOY.peer, ENVOY.method, ENVOY.responseCode, ENVOY.details, ENVOY.cluster, ENVOY.serverName],
    ...[ENVOY.local, ENVOY.upstreamHost],
    ...when(uses.sourceIp, ENVOY.directRemote),
    ...when(uses.remoteIp, ENVOY.remote),
    ...when(uses.host, ENVOY.authority),
    ...when(uses.headers, ENVOY.userAgent),
  ];
  const hubble = [
    ...[HUBBLE.verdict, HUBBLE.reply, HUBBLE.direction, HUBBLE.dropReason, HUBBLE.l7Type],
    ...[HUBBLE.sourceNamespace, HUBBLE.sourceWorkloads, HUBBLE.sourcePod],
    ...[HUBBLE.destinationNamespace, HUBBLE.destinationLabels, HUBBLE.destinationWorkloads],
    // An ephemeral port is in it too: of packets few are equal.
    ...[HUBBLE.tcp, HUBBLE.method, HUBBLE.url, HUBBLE.headers],
    ...when(uses.sourceIp, HUBBLE.sourceIp),
    ...when(uses.destinationIp, HUBBLE.destinationIp),
  ];
  return [log, [...own, ...workload], envoy, hubble];
}

/** Reads the record that was scanned, but for its path where that has a slot. */
export function readRecord(format: RecordFormat, values: Values): ReadRecord {
  switch (format) {
    case 'envoy':
      return readEnvoy(values);
    case 'hubble':
      return readHubble(values);
    default:
      return readOwn(values, format);
  }
}

/** The path of a record; undefined when it is not told. */
export function pathIn(format: RecordFormat, text: string): RecordedPath | undefined {
  return format === 'envoy' || format === 'hubble' ? envoyPath(text) : ownPath(text, format);
}

/** The whole number `bytes[from, to)`; NaN for anything else, and for what is out of range. */
export function countAt(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value >= 1 && value <= COUNT_MAX ? value : Number.NaN;
}
