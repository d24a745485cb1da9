// One connection to the application, or by mutual TLS to the proxy before another one. It belongs to one
// exchange at a time or waits in the pool.
// PERF: every connection reads into one shared buffer (`onread`): a consumer copies what it keeps before it
// returns.
import assert from 'node:assert/strict';
import net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import type { HeadWriter } from '../http1/head-writer.ts';
import type { RequestBytes } from '../http1/request-bytes.ts';
import { type ClientTls, connectMutual, connectWeb, type SecuredServer } from '../tls/client-handshake.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import type { Lane } from './lane.ts';
import type { UpstreamLink, UpstreamOwner } from './upstream-link.ts';

/** Where a connection goes. */
export interface UpstreamTarget {
  readonly host: string;
  readonly port: number;
  /** Null: plaintext. */
  readonly tls: ClientTls | null;
  /** What is spoken over TLS. */
  readonly alpn: 'http/1.1' | 'h2';
  /** Resolves the host; default: the system. An error of code REFUSED_ADDRESS is `private-destination`. */
  readonly lookup?: net.LookupFunction;
  /** Told why a connection failed, beyond the reason. */
  readonly notice: (reason: Reason, message: string) => void;
}

/** The code of the error with which `lookup` refuses where a name leads. */
export const REFUSED_ADDRESS = 'ERR_PRIVATE_ADDRESS';

const FAULTS: Readonly<Record<string, Reason>> = {
  [REFUSED_ADDRESS]: 'private-destination',
  ENOTFOUND: 'upstream-unresolved',
  EAI_AGAIN: 'upstream-unresolved',
  ETIMEOUT: 'upstream-unresolved',
  ESERVFAIL: 'upstream-unresolved',
};
/** The pool of a connection. */
export interface ConnectionHome {
  gone(connection: UpstreamConnection): void;
  release(connection: UpstreamConnection, stalledMs: number): void;
  retire(connection: UpstreamConnection): void;
}

/** What a connection is made with. */
export interface UpstreamOrigin {
  /** Null without mutual TLS. */
  readonly own: OwnIdentity | null;
  readonly lane: Lane;
  /** Shared by all connections. */
  readonly buffer: Buffer;
}

export class UpstreamConnection implements UpstreamLink {
  readonly socket: net.Socket;
  /** The identity that it was made with; null without mutual TLS. */
  readonly own: OwnIdentity | null;
  /** Whose requests it serves. */
  readonly lane: Lane;
  /** Who the server is; null without mutual TLS. */
  server: SecuredServer | null = null;
  /** Requests that were answered completely on this connection. */
  served = 0;
  connected = false;
  closed = false;
  /** What ended it, where that is neither the application's doing nor the network's. */
  fault: Reason | null = null;
  /** Coarse monotonic milliseconds at which an idle connection is closed. */
  deadlineMs = Number.POSITIVE_INFINITY;
  owner: UpstreamOwner | null = null;
  private readonly home: ConnectionHome;
  private readonly target: UpstreamTarget;
  readonly unprocessed = false;
  private heard = false;
  private errorCode = '';

  constructor(target: UpstreamTarget, of: UpstreamOrigin, home: ConnectionHome) {
    const { own, lane, buffer } = of;
    this.home = home;
    this.own = own;
    this.lane = lane;
    this.target = target;
    const { host, port, tls, alpn, lookup } = target;
    const onread: net.OnReadOpts = { buffer, callback: (length, shared) => this.onRead(length, shared) };
    const to = { host, port, onread, ...(lookup === undefined ? {} : { lookup }) };
    const outcome = {
      secured: (server: SecuredServer | null): void => {
        this.server = server;
        this.onConnect();
      },
      failed: (reason: Reason, message: string): void => this.refuse(reason, message),
    };
    if (tls?.kind === 'web') this.socket = connectWeb({ ...to, alpn }, tls, outcome);
    else if (tls !== null && own !== null) this.socket = connectMutual({ ...to, alpn }, own, tls, outcome);
    else {
      assert(tls === null); // SAFETY: what should be TLS never becomes plaintext
      this.socket = net.connect({ ...to, noDelay: true, allowHalfOpen: true });
      this.socket.on('connect', () => this.onConnect());
    }
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.owner?.upstreamDrained());
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.onError(error));
    this.socket.on('close', () => this.onClose());
  }

  /** Unix milliseconds from which one of the two identities is no longer valid. */
  get expiresAtMs(): number {
    if (this.own === null) return Number.POSITIVE_INFINITY;
    return Math.min(this.own.state.notAfterMs, this.server?.identity.notAfterMs ?? Number.POSITIVE_INFINITY);
  }

  write(writer: HeadWriter, { parts }: RequestBytes): boolean {
    return this.target.tls === null ? writer.send(this.socket, parts) : writer.sendCopy(this.socket, parts);
  }

  /** Tells about it in the operational log. */
  tell(reason: Reason, message: string): void {
    this.target.notice(reason, `${this.target.host}:${this.target.port}: ${message}`);
  }

  get used(): boolean {
    return this.served > 0;
  }

  get flushed(): boolean {
    return this.socket.writableLength === 0;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  release(stalledMs: number): void {
    this.home.release(this, stalledMs);
  }

  retire(): void {
    this.home.retire(this);
  }

  /** Ends it in the middle of what it does; the owner is told. */
  refuse(reason: Reason, message: string): void {
    this.fault = reason;
    this.tell(reason, message);
    this.socket.destroy();
    this.onClose();
  }

  destroy(): void {
    this.owner = null;
    this.socket.destroy();
    this.onClose();
  }

  private onConnect(): void {
    this.connected = true;
    // proxy-protocol.txt section 2: at once, and before anything else
    if (this.lane.preface !== null) this.socket.write(this.lane.preface);
    this.owner?.upstreamConnected();
  }

  private onRead(length: number, shared: Uint8Array): boolean {
    this.heard = true;
    const owner = this.owner;
    if (owner === null) {
      // A byte on an idle connection can only be a response nobody asked for.
      this.destroy();
      return false;
    }
    const buffer = shared as Buffer;
    owner.upstreamData(length === buffer.length ? buffer : buffer.subarray(0, length));
    return true;
  }

  private onEnd(): void {
    this.blameHandshake();
    if (this.owner === null) this.destroy();
    else this.owner.upstreamEnd();
  }

  private onError({ code = 'ERROR' }: NodeJS.ErrnoException): void {
    this.errorCode = code;
    if (!this.connected) this.fault ??= FAULTS[code] ?? null;
    this.blameHandshake();
  }

  /** In TLS 1.3 the server judges the client's certificate when the client already takes it for open. */
  private blameHandshake(): void {
    if (this.target.tls !== null && this.connected && !this.heard) this.fault ??= 'upstream-handshake-failed';
  }

  private onClose(): void {
    if (this.closed) return;
    this.closed = true;
    this.home.gone(this);
    const owner = this.owner;
    this.owner = null;
    owner?.upstreamClosed(this.errorCode);
  }
}
