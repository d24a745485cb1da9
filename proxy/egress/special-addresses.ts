// Addresses that are not somewhere on the public internet: what a name must not lead to unless the
// configuration lists it. From the IANA special-purpose registries (RFC 6890): all that is not globally
// reachable, and what stands for another address.
import { type Cidr, ipInCidr, parseCidr } from '../../core/ip.ts';

/** IPv4 blocks that are refused. */
const SPECIAL_IPV4 = [
  '0.0.0.0/8', // this host on this network: Linux connects to loopback
  '10.0.0.0/8', // RFC 1918
  '100.64.0.0/10', // RFC 6598, carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local: the metadata services of clouds
  '172.16.0.0/12', // RFC 1918
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16', // RFC 1918
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and the broadcast address
];

/** The only IPv6 block that is not refused as a whole: global unicast (RFC 4291 section 2.4). */
const GLOBAL_IPV6 = '2000::/3';
const SPECIAL_IPV6 = [
  '2001::/23', // IETF protocol assignments; Teredo, which stands for an IPv4 address, among them
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: stands for an IPv4 address
  '3fff::/20', // documentation
];

/** Tells public addresses from the others; listed blocks count as public. */
export class PublicAddresses {
  private readonly special = [...SPECIAL_IPV4, ...SPECIAL_IPV6].map(block);
  private readonly global = block(GLOBAL_IPV6);
  private readonly listed: readonly Cidr[];

  /** `listed`: valid CIDRs or addresses. */
  constructor(listed: readonly string[]) {
    this.listed = listed.map(block);
  }

  /** `ip`: 4 or 16 bytes, IPv4-mapped ones as 4. */
  includes(ip: Uint8Array): boolean {
    if (this.listed.some((one) => ipInCidr(ip, one))) return true;
    if (ip.length === 16 && !ipInCidr(ip, this.global)) return false;
    return !this.special.some((one) => ipInCidr(ip, one));
  }
}

function block(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null) throw new TypeError(`\`${text}\` is no CIDR`);
  return cidr;
}
