// One connection from a caller: bytes in, requests in order, one in flight; deadlines, half-close, lingering close.
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import { Judge, type Permit } from '../decide.ts';
import { finishRequest, refuse, serveRequest } from '../inbound.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import { type ServerIdentity, verifyPeer } from '../tls/server-identity.ts';
import { BodyRate } from './body-rate.ts';
import { Exchange } from './exchange.ts';
import type { ExchangePort } from './exchange-port.ts';
import { type ForwardOptions, forwardHead } from './forward-head.ts';
import { RequestParser } from './parse-request.ts';
import { RequestState } from './request-state.ts';

/** waiting: for a request head. serving: a request is in flight. discarding: answered, reading to avoid a reset. */
export type DownstreamState = 'waiting' | 'serving' | 'discarding' | 'closed';

// design, failure table: after an early answer discard at most 64 KiB or 1 s, then close.
const DISCARD_BYTES_MAX = 65_536;
const DISCARD_MS = 1_000;
// A caller that half-closed may still want its answer; one that went away does not. This long we believe the first.
const HALF_CLOSE_MS = 1_000;
// A request in flight when its caller's identity is withdrawn may finish within this time.
const WITHDRAWN_DRAIN_MS = 10_000;
const EMPTY = Buffer.alloc(0);

export class Downstream implements ExchangePort {
  readonly context: HttpListenerContext;
  readonly peer: Peer;
  readonly socket: net.Socket;
  readonly head: RequestParser;
  readonly judge: Judge;
  readonly exchange: Exchange;
  readonly request: RequestState;
  state: DownstreamState = 'waiting';
  /** Set when every request is to be refused without being judged (a limit that the handshake could not answer). */
  refusing: Reason | null = null;
  /** Coarse monotonic milliseconds at which a withdrawn identity's connection ends by force. */
  private forcedMs = Number.POSITIVE_INFINITY;
  private closing = false;
  private ended = false;
  private pending: Buffer = EMPTY;
  private pendingAt = 0;
  private running = false;
  private deadlineMs: number;
  private deadlineReason: Reason = 'idle-timeout';
  private readonly agedMs: number;
  private readonly forwarding: { -readonly [K in keyof ForwardOptions]: ForwardOptions[K] };
  private discarded = 0;
  private readonly bodyRate = new BodyRate();
  private readingPaused = false;

  constructor(context: HttpListenerContext, peer: Peer, socket: net.Socket) {
    this.context = context;
    this.peer = peer;
    this.socket = socket;
    const { runtime, options } = context;
    this.head = new RequestParser(context.parserOptions);
    this.judge = new Judge(runtime.enforcement, runtime.clock, peer.facts);
    this.request = new RequestState(peer, this.head);
    this.exchange = new Exchange(this, context.pool, options.exchange);
    this.deadlineMs = runtime.sweeper.nowMs + options.idleTimeoutMs;
    this.agedMs = runtime.sweeper.nowMs + options.connectionAgeMs;
    this.forwarding = {
      forwarded: options.forwarded,
      authority: `${context.pool.options.host}:${context.pool.options.port}`,
      clientCert: peer.forwardedClientCert,
      requestId: null,
      traceparent: null,
      sourceIp: peer.record.sourceIp,
      proto: peer.scheme,
    };
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', () => undefined); // always followed by `close`, which does the work
    socket.on('close', () => this.onClose());
  }

  // ── What the listener calls ─────────────────────────────────────────────

  /** Notices deadlines; called at every tick of the sweeper. */
  sweep(nowMs: number): void {
    if (nowMs >= this.deadlineMs) this.onDeadline();
    else if (
      this.state === 'serving' &&
      this.bodyRate.tooSlow(nowMs, this.exchange.requestBody, !this.readsBody)
    )
      this.exchange.fail('body-timeout');
    if (nowMs >= this.agedMs) this.drain();
    if (this.context.runtime.sweeper.wallMs >= this.peer.expiresAtMs) this.withdraw('its SVID expired');
    if (nowMs >= this.forcedMs) this.forceEnd();
  }

  /** No further request: closes now when idle, else after the response in flight. */
  drain(): void {
    this.closing = true;
    if (this.state === 'waiting' && !this.head.started) this.linger();
  }

  /** Closes at once, whatever runs. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Verifies the peer again after bundles or CRLs changed. */
  reverify(own: ServerIdentity): void {
    if (this.peer.chain.length === 0 || this.state === 'closed') return;
    const times = {
      nowMs: this.context.runtime.clock.now(),
      graceAfterExpiryMs: this.context.graceAfterExpiryMs,
    };
    const verdict = verifyPeer(own, this.peer.chain, null, times);
    if (!verdict.ok) this.withdraw(verdict.message);
  }

  /** Judges the request in flight again after a swap; `revoke` is called when it is now denied. */
  rejudge(revoke: (connection: Downstream) => void): void {
    if (this.state !== 'serving') return;
    if (this.judge.decide(this.request) === null) revoke(this);
  }

  /** Resets the request in flight because a swap denied it. */
  revoke(): void {
    this.exchange.fail('policy-revoked');
  }

  /** The identity is no longer accepted: no further request, and what runs has a moment to finish. */
  private withdraw(why: string): void {
    if (this.forcedMs !== Number.POSITIVE_INFINITY) return;
    const { runtime, ref } = this.context;
    this.forcedMs = runtime.sweeper.nowMs + WITHDRAWN_DRAIN_MS;
    runtime.notice('identity-withdrawn', `connection ${this.peer.record.id} on listener ${ref.name}: ${why}`);
    this.drain();
  }

  private forceEnd(): void {
    if (this.state === 'serving') this.exchange.fail('identity-withdrawn');
    this.destroy();
  }

  // ── What the inbound path calls ─────────────────────────────────────────

  /** Hands the request to the exchange with the body bytes that came with its head. */
  forward(permit: Permit): void {
    this.bodyRate.restart();
    this.request.handedOver = true;
    if (!this.head.bodyExpected && this.pendingAt < this.pending.length) this.pauseReading();
    this.pendingAt = this.exchange.start(permit, this.pending, this.pendingAt);
  }

  /** Skips a small request body that is already here, so that a refusal need not close; false when it is not. */
  skipBody(): boolean {
    if (this.request.handedOver) return this.exchange.requestBody.done;
    if (!this.head.bodyExpected) return true;
    const end = this.pendingAt + this.head.contentLength;
    if (this.head.chunked || end > this.pending.length) return false;
    this.pendingAt = end;
    return true;
  }

  /** Sends an answer of ours; without `persist` the connection ends after it, reading on for a moment. */
  reply(text: string, persist: boolean): void {
    this.socket.write(text, 'latin1');
    this.next(persist);
  }

  // ── ExchangePort ────────────────────────────────────────────────────────

  now(): number {
    return this.context.runtime.clock.monotonicMs();
  }

  write(data: string | Buffer): boolean {
    this.request.bytesOut += data.length;
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
  }

  pauseReading(): void {
    if (this.readingPaused) return;
    this.readingPaused = true;
    this.socket.pause();
  }

  resumeReading(): void {
    if (this.pendingAt < this.pending.length && this.state === 'serving') this.feedExchange();
    if (!this.readingPaused || this.pendingAt < this.pending.length) return;
    this.readingPaused = false;
    this.socket.resume();
  }

  deadline(delayMs: number, reason: Reason): void {
    this.deadlineMs = this.context.runtime.sweeper.nowMs + delayMs;
    this.deadlineReason = reason;
  }

  forwardedHead(): string {
    const { forwarding, request, head } = this;
    forwarding.requestId = request.requestId;
    forwarding.traceparent = request.traceparentKept ? null : request.traceparent;
    request.permitted = true;
    return forwardHead(head, forwarding);
  }

  decideAgain(permit: Permit): Permit | null {
    if (!this.judge.moved(permit)) return permit;
    const again = this.judge.decide(this.request);
    if (again === null) refuse(this, this.judge.decision?.reason ?? 'evaluation-error');
    return again;
  }

  answer(reason: Reason): void {
    refuse(this, reason);
  }

  abort(reason: Reason): void {
    finishRequest(this, reason);
    this.state = 'closed';
    this.socket.destroy();
  }

  completed(reusable: boolean): void {
    finishRequest(this, null);
    this.next(reusable);
  }

  mayPersist(): boolean {
    const more = !this.ended || this.pendingAt < this.pending.length;
    return more && !this.closing && !this.context.runtime.draining;
  }

  upstreamFault(reason: Reason): void {
    this.context.runtime.recorder.upstreamError(this.context.ref, reason);
  }

  switched(): void {
    this.feedExchange();
    this.resumeReading();
  }

  endWriting(): void {
    this.socket.end();
  }

  // ── Bytes and events ────────────────────────────────────────────────────

  private onData(chunk: Buffer): void {
    switch (this.state) {
      case 'waiting':
        this.keep(chunk);
        return this.run();
      case 'serving':
        if (this.exchange.tunnel) this.request.bytesIn += chunk.length;
        if (this.pendingAt < this.pending.length || !this.exchange.takesBytes) {
          // Pipelined bytes, or bytes that wait for a 101: held, and no more are read.
          this.keep(chunk);
          return this.pauseReading();
        }
        this.pending = chunk;
        this.pendingAt = 0;
        return this.feedExchange();
      case 'discarding':
        this.discarded += chunk.length;
        if (this.discarded > DISCARD_BYTES_MAX) this.destroy();
        return;
      default:
        return;
    }
  }

  private keep(chunk: Buffer): void {
    const rest = this.pendingAt < this.pending.length ? this.pending.subarray(this.pendingAt) : EMPTY;
    this.pending = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.pendingAt = 0;
  }

  /** Reads heads from the pending bytes until one is in flight, more bytes are needed, or the connection ends. */
  private run(): void {
    if (this.running) return;
    this.running = true;
    while (this.state === 'waiting' && this.pendingAt < this.pending.length) {
      // A caller that pipelines but does not read gets no further answer until it does.
      if (this.socket.writableNeedDrain) {
        this.pauseReading();
        break;
      }
      const fresh = !this.head.started;
      const next = this.head.push(this.pending, this.pendingAt);
      if (next === 0) {
        this.pending = EMPTY;
        this.pendingAt = 0;
        if (fresh) this.deadline(this.context.options.headTimeoutMs, 'head-timeout');
        break;
      }
      this.begin();
      if (next < 0) {
        this.pending = EMPTY;
        this.pendingAt = 0;
        refuse(this, this.head.fault ?? 'internal-error');
        break;
      }
      this.pendingAt = next;
      serveRequest(this);
    }
    this.running = false;
  }

  private begin(): void {
    const { runtime, ref } = this.context;
    this.state = 'serving';
    this.request.begin(this.now(), runtime.ids, this.peer);
    this.context.requestsInFlight++;
    runtime.recorder.connectionActive(ref, true);
  }

  private feedExchange(): void {
    if (this.pendingAt >= this.pending.length || !this.exchange.active) return;
    const { pending, pendingAt } = this;
    this.pendingAt = pending.length;
    const next = this.exchange.requestBytes(pending, pendingAt);
    if (this.state !== 'serving' || next >= pending.length) return;
    this.pendingAt = next;
    this.pauseReading();
  }

  /** The request in flight is over: read the next one, or close. */
  private next(reusable: boolean): void {
    if (this.state === 'closed') return;
    if (!reusable || !this.mayPersist()) return this.linger();
    this.state = 'waiting';
    this.head.reset();
    this.deadline(this.context.options.idleTimeoutMs, 'idle-timeout');
    if (this.pendingAt < this.pending.length) this.run();
    else this.pending = EMPTY;
    if (this.state !== 'waiting') return;
    if (this.ended && this.pendingAt >= this.pending.length) this.linger();
    else if (!this.socket.writableNeedDrain) this.resumeReading();
  }

  private linger(): void {
    this.state = 'discarding';
    this.pending = EMPTY;
    this.pendingAt = 0;
    this.socket.end();
    if (this.ended) return;
    this.deadline(DISCARD_MS, 'idle-timeout');
    this.resumeReading();
  }

  private onDeadline(): void {
    if (this.state === 'serving') return this.exchange.fail(this.deadlineReason);
    if (this.state === 'waiting' && this.head.started) {
      this.begin();
      return refuse(this, 'head-timeout');
    }
    this.destroy();
  }

  /** True while the next bytes of a request body can only come from the caller. */
  private get readsBody(): boolean {
    return !this.readingPaused && !this.exchange.tunnel && this.head.upgrade === '';
  }

  private onDrain(): void {
    if (this.state !== 'waiting') return this.exchange.downstreamDrained();
    this.run();
    if (this.state === 'waiting') this.resumeReading();
  }

  private onEnd(): void {
    this.ended = true;
    if (this.state === 'serving' && this.exchange.tunnel) return this.exchange.callerEnded();
    if (this.state === 'serving' && this.exchange.active && this.exchange.requestBody.done) {
      if (this.exchange.status === 0) this.deadline(HALF_CLOSE_MS, 'client-closed');
      return;
    }
    this.socket.end();
    if (this.state !== 'discarding') this.destroy();
  }

  private onClose(): void {
    if (this.state === 'serving') {
      this.exchange.cancel();
      finishRequest(this, 'client-closed');
    }
    this.state = 'closed';
    this.context.closed(this);
  }
}
