// `proxyProtocol.trust`: the peers that speak for others.
import { type Cidr, ipInCidr, parseCidr, parseIp } from '../../core/ip.ts';

export class TrustedPeers {
  private readonly blocks: readonly Cidr[];

  /** `blocks`: as the configuration holds them. */
  constructor(blocks: readonly string[]) {
    this.blocks = blocks.flatMap((text) => parseCidr(text) ?? []);
  }

  /** Whether the TCP peer `ip` begins with a PROXY header. */
  includes(ip: string): boolean {
    if (this.blocks.length === 0) return false;
    const bytes = parseIp(ip);
    return bytes !== null && this.blocks.some((block) => ipInCidr(bytes, block));
  }
}
