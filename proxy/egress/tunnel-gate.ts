// What the caller sends after CONNECT is held here until it shows which server it wants: a ClientHello that
// names the host of the CONNECT, read without ending TLS.
import { parseIp } from '../../core/ip.ts';
import type { Reason } from '../../core/reasons.ts';
import { ClientHelloReader } from './client-hello.ts';
import { splitAuthority } from './destinations.ts';

export class TunnelGate {
  /** Why the tunnel ends; null while nothing is wrong. */
  fault: Reason | null = null;
  /** True once bytes go on. */
  open = false;
  /** True once the first of them did. */
  passed = false;
  private readonly host: string;
  /** Null once the gate is open: a tunnel may live long, and needs its memory no more. */
  private reader: ClientHelloReader | null = new ClientHelloReader();

  /** `authority`: of the CONNECT, canonical. */
  constructor(authority: string) {
    this.host = splitAuthority(authority).host;
  }

  /** Takes the caller's next bytes; adds those that go on to `parts`. */
  take(bytes: Buffer, parts: Buffer[]): void {
    const { reader } = this;
    if (reader === null) return void parts.push(bytes);
    if (this.fault !== null) return;
    const hello = reader.push(bytes);
    if (hello === null) return;
    if ('fault' in hello) this.fault = hello.fault === 'not-tls' ? 'tunnel-not-tls' : 'sni-mismatch';
    else if (!this.names(hello.name)) this.fault = 'sni-mismatch';
    else {
      this.open = true;
      parts.push(reader.bytes);
      this.reader = null;
    }
  }

  /** RFC 6066 section 3: an address is never a server name. */
  private names(name: string | null): boolean {
    if (parseIp(this.host) !== null) return name === null;
    return name !== null && name.toLowerCase() === this.host;
  }
}
