// The destinations that an egress proxy may reach, by the host and port that a request names. Everything else
// is refused before any rule is asked.
import assert from 'node:assert/strict';
import tls from 'node:tls';
import type { DestinationConfig } from '../../core/config/config.ts';
import { canonicalIp } from '../../core/ip.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Reason } from '../../core/reasons.ts';
import { type PoolOptions, UpstreamPool } from '../forward/pool.ts';
import type { Upstreams } from '../forward/upstreams.ts';
import type { RequestHead } from '../http1/head.ts';
import type { NamedDestination } from '../record/record.ts';
import { createReadBuffer } from '../shared-read.ts';
import { guardedLookup, type Resolve } from './resolve.ts';
import { PublicAddresses } from './special-addresses.ts';

/** What all pools of a listener share. */
export type EgressOptions = Pick<PoolOptions, 'sockets' | 'notice' | 'coarseNow' | 'coarseWall'> & {
  readonly destinations: readonly DestinationConfig[];
  readonly resolve: Resolve;
  /** PEM of the CA files that destinations name, by path. */
  readonly authorities: ReadonlyMap<string, string>;
};

/** A host and port that a request names; `port` is null when it does not say. */
export interface Authority {
  /** An IP address in canonical text, without brackets, or a name in lower case. */
  readonly host: string;
  readonly port: number | null;
}

const HTTP_PORT = 80;

export class Destinations implements Upstreams {
  readonly fixed = false;
  readonly tellsCaller = false;
  readonly authority = '';
  private readonly entries: readonly Destination[];
  /** By host and port: names below a wildcard have pools of their own. The least recently used goes first. */
  private readonly pools = new Map<string, UpstreamPool>();

  constructor(options: EgressOptions) {
    const buffer = createReadBuffer();
    this.entries = options.destinations.map((one) => new Destination(one, { ...options, buffer }));
  }

  choose(head: RequestHead): UpstreamPool | Reason {
    const authority = splitAuthority(head.host);
    const entry = this.entries.find((one) => one.covers(authority, head.method === 'CONNECT'));
    if (entry === undefined) return 'unlisted-destination';
    const key = `${entry.config.tls} ${authority.host}:${entry.config.port}`;
    const known = this.pools.get(key) ?? entry.poolFor(authority.host);
    this.pools.delete(key);
    this.pools.set(key, known);
    this.forgetIdle(known);
    return known;
  }

  destination(head: RequestHead): NamedDestination {
    const { host, port } = splitAuthority(head.host);
    return { host, port: port ?? HTTP_PORT };
  }

  identityChanged(): void {
    // The own SVID is not shown to servers that are no peers.
  }

  sweep(nowMs: number): void {
    for (const pool of this.pools.values()) pool.sweep(nowMs);
  }

  close(): void {
    for (const pool of this.pools.values()) pool.close();
  }

  /** `chosen` is about to be used, and must still be swept. */
  private forgetIdle(chosen: UpstreamPool): void {
    for (const [key, pool] of this.pools) {
      if (this.pools.size <= LIMITS.egressHosts) return;
      if (pool === chosen || pool.busy) continue;
      pool.close();
      this.pools.delete(key);
    }
  }
}

/** One read buffer for all pools. */
type DestinationOptions = EgressOptions & { readonly buffer: Buffer };

/** One entry of `destinations`. */
class Destination {
  readonly config: DestinationConfig;
  /** As `splitAuthority` gives it; of a pattern the part after the `*`. */
  private readonly host: string;
  private readonly addresses: PublicAddresses;
  private readonly options: DestinationOptions;
  private context: tls.SecureContext | null = null;

  constructor(config: DestinationConfig, options: DestinationOptions) {
    this.config = config;
    this.host = config.host.startsWith('*.')
      ? config.host.slice(1)
      : (canonicalIp(config.host) ?? config.host);
    this.options = options;
    this.addresses = new PublicAddresses(config.addresses);
  }

  /** True when this entry is for `host`, by name or by pattern. */
  covers({ host, port }: Authority, isTunnel: boolean): boolean {
    const { config } = this;
    if (isTunnel !== (config.tls === 'tunnel')) return false;
    // A plain URL without port means port 80; what it asks for is the TLS port of the entry.
    if (port !== config.port && (isTunnel || port !== null)) return false;
    // An address is reached only where it is listed as one: then whoever listed it knows where it is.
    if (!config.host.startsWith('*.')) return host === this.host;
    return host.endsWith(this.host) && host.length > this.host.length && isPlainName(host);
  }

  poolFor(host: string): UpstreamPool {
    const { config, options, addresses } = this;
    return new UpstreamPool({
      host,
      port: config.port,
      connectTimeoutMs: config.connectTimeout,
      idleTimeoutMs: config.idleTimeout,
      connectionsMax: config.maxConnections,
      tls: config.tls === 'originate' ? { kind: 'web', context: () => this.secureContext() } : null,
      alpn: 'http/1.1',
      tellsCaller: false,
      lookup: guardedLookup(options.resolve, addresses),
      buffer: options.buffer,
      sockets: options.sockets,
      notice: options.notice,
      coarseNow: options.coarseNow,
      coarseWall: options.coarseWall,
    });
  }

  private secureContext(): tls.SecureContext {
    const { ca } = this.config;
    const pem = ca === null ? undefined : this.options.authorities.get(ca);
    assert(ca === null || pem !== undefined); // SAFETY: else the public CAs would be trusted instead
    this.context ??= tls.createSecureContext({
      minVersion: 'TLSv1.2',
      ...(pem === undefined ? {} : { ca: pem }),
    });
    return this.context;
  }
}

/** `authority`: as the parser gives it, `host`, `host:port` or `[ipv6]:port`. */
export function splitAuthority(authority: string): Authority {
  const bracket = authority.lastIndexOf(']');
  const colon = authority.indexOf(':', Math.max(0, bracket));
  const name = colon < 0 ? authority : authority.slice(0, colon);
  const host = bracket < 0 ? name : name.slice(1, bracket);
  return {
    host: canonicalIp(host) ?? host,
    port: colon < 0 ? null : Number(authority.slice(colon + 1)),
  };
}

/** Letters, digits, `-`, `_` and dots: what a resolver reads as nothing but a name. */
function isPlainName(host: string): boolean {
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i);
    const plain = (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39);
    if (!plain && c !== 0x2d && c !== 0x2e && c !== 0x5f) return false;
  }
  return true;
}
