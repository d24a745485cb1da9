// The lane of one caller connection where the application is told who calls (`upstream.proxyProtocol`): a
// PROXY header speaks for all requests of a connection, so that no other caller may ever use it.
// SAFETY: the lane belongs to one Downstream and dies with it; there is no key by which two callers could
// meet.
import type { Peer } from '../peer.ts';
import { encodeHeader } from '../proxy-protocol/encode-header.ts';
import { Lane } from './lane.ts';

export class CallerLane {
  private readonly peer: Peer;
  private lane: Lane | null = null;
  /** The client that the lane was made for: with X-Forwarded-For, requests of one connection may differ. */
  private clientIp = '';

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** The lane for a request of the client `ip`. */
  of(ip: string): Lane {
    if (this.lane !== null && this.clientIp === ip) return this.lane;
    this.close();
    this.clientIp = ip;
    this.lane = new Lane(headerOf(this.peer, ip));
    return this.lane;
  }

  /** The caller is gone, or another client than before. */
  close(): void {
    this.lane?.close();
    this.lane = null;
  }
}

function headerOf({ client, record, identity }: Peer, ip: string): Buffer {
  return encodeHeader({
    // X-Forwarded-For knows no port.
    source: client.source.ip === ip ? client.source : { ip, port: 0 },
    destination: client.destination,
    sni: record.sni,
    tlsVersion: record.tlsVersion,
    spiffeId: identity?.spiffeId.uri ?? null,
  });
}
