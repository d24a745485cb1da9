// How values are written in the configuration file and on the command line: durations, sizes, addresses.
// Each parser returns the value or says what is wrong with the text; nothing is guessed.
import { parseIp } from '../ip.ts';

/** A host and a port. `host` is an IP address without brackets, or a DNS name where one is allowed. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The value, or the fault and how to write it right. */
export type Parsed<T> = { readonly value: T } | { readonly fault: string; readonly hint: string };

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
const DURATION_HINT = 'write a whole number and ms, s, m, h or d, e.g. `500ms`, `30s`, `5m`';
const SIZE_HINT = 'write a whole number and B, KiB, MiB or GiB, e.g. `64KiB`';
const ADDRESS_HINT = 'write `host:port`, an IPv6 address in brackets, e.g. `127.0.0.1:8080` or `[::1]:8080`';
const DNS_NAME_MAX = 253; // RFC 1035 section 2.3.4, without the trailing dot

/** `30s` -> 30000. Milliseconds. */
export function parseDuration(text: string): Parsed<number> {
  return quantity(text, DURATION_UNITS, 'a duration', DURATION_HINT);
}

/** `64KiB` -> 65536. Bytes. */
export function parseSize(text: string): Parsed<number> {
  return quantity(text, SIZE_UNITS, 'a size', SIZE_HINT);
}

function quantity(
  text: string,
  units: Readonly<Record<string, number>>,
  what: string,
  hint: string,
): Parsed<number> {
  const match = /^([0-9]{1,15})([A-Za-z]+)$/.exec(text);
  const unit = match?.[2];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (match === null || factor === undefined) return { fault: `is not ${what}`, hint };
  return { value: Number(match[1]) * factor };
}

/** 30000 -> `30s`, in the largest unit that needs no fraction; `none` for Infinity. */
export const formatDuration = (ms: number): string => (ms === 0 ? '0s' : format(ms, DURATION_UNITS, 'ms'));

/** 65536 -> `64KiB`, in the largest unit that needs no fraction; `none` for Infinity. */
export const formatSize = (bytes: number): string => (bytes === 0 ? '0B' : format(bytes, SIZE_UNITS, 'B'));

function format(amount: number, units: Readonly<Record<string, number>>, smallest: string): string {
  if (amount === Number.POSITIVE_INFINITY) return 'none';
  let best = smallest;
  for (const [unit, factor] of Object.entries(units)) if (amount % factor === 0) best = unit;
  return `${amount / (units[best] ?? 1)}${best}`;
}

/** An address to listen on: an IP address and a port, 0 for any free one. */
export function parseListenAddress(text: string): Parsed<Address> {
  const split = splitAddress(text);
  if (split === null) return { fault: 'is not an address', hint: ADDRESS_HINT };
  const { host, port } = split;
  if (port > 65_535) return { fault: `has port ${port}`, hint: 'ports are 0 to 65535' };
  if (host === '' || host === '*')
    return { fault: 'names no interface', hint: `write \`0.0.0.0:${port}\` for every interface` };
  if (host === 'localhost')
    return {
      fault: 'is a name, not an IP address',
      hint: `write \`127.0.0.1:${port}\` or \`[::1]:${port}\``,
    };
  if (parseIp(host) === null)
    return {
      fault: 'is not an IP address and a port',
      hint: 'a listener takes an IP address, e.g. `0.0.0.0:8443`',
    };
  return { value: { host, port } };
}

/** An address to connect to: an IP address or DNS name, and a port from 1. */
export function parseConnectAddress(text: string): Parsed<Address> {
  if (text.includes('://'))
    return { fault: 'is a URL', hint: `leave the scheme and the path out. ${ADDRESS_HINT}` };
  const split = splitAddress(text);
  if (split === null) return { fault: 'is not an address', hint: ADDRESS_HINT };
  const { host, port } = split;
  if (port < 1 || port > 65_535) return { fault: `has port ${port}`, hint: 'ports are 1 to 65535' };
  if (parseIp(host) === null && !isDnsName(host))
    return { fault: `has \`${host}\` as its host`, hint: 'write an IP address or a DNS name' };
  return { value: { host, port } };
}

/** `[::1]:8080`: the way an address is written. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** True when nothing but this machine reaches the address. */
export function isLoopback(host: string): boolean {
  const bytes = parseIp(host);
  if (bytes === null) return false;
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes[15] === 1 && bytes.subarray(0, 15).every((b) => b === 0);
}

function splitAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  if (match === null) return null;
  const v6 = match[1];
  if (v6 !== undefined && !v6.includes(':')) return null;
  return { host: v6 ?? match[2] ?? '', port: Number(match[3]) };
}

/** Letters, digits, `-` and `_` in labels of 1 to 63; the last is not all digits (it would be an IP). */
export function isDnsName(name: string): boolean {
  if (name.length > DNS_NAME_MAX) return false;
  const labels = name.split('.');
  if (/^[0-9]*$/.test(labels.at(-1) ?? '')) return false;
  return labels.every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}
