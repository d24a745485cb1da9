// One connection from a caller: bytes in, requests in order, one in flight, an end that cuts no answer off.
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import { Judge, type Permit } from '../decide.ts';
import { decide, finishRequest, refuse, serveRequest } from '../inbound.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import { BodyRate } from './body-rate.ts';
import { CallerInput } from './caller-input.ts';
import { Deadline } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangePort } from './exchange-port.ts';
import type { HeadWriter } from './head-writer.ts';
import { Lifetime } from './lifetime.ts';
import { LingeringClose } from './lingering-close.ts';
import { RequestParser } from './parse-request.ts';
import { RequestState } from './request-state.ts';
import { Route } from './route.ts';

/** waiting: for a head. serving: a request is in flight. discarding: answered, reading to avoid a reset. */
export type DownstreamState = 'waiting' | 'serving' | 'discarding' | 'closed';

export class Downstream implements ExchangePort {
  readonly context: HttpListenerContext;
  readonly peer: Peer;
  readonly socket: net.Socket;
  readonly head: RequestParser;
  readonly judge: Judge;
  /** Serves the request in flight; null between requests. */
  exchange: Exchange | null = null;
  readonly request: RequestState;
  state: DownstreamState = 'waiting';
  /** Why every request is refused without being judged: a limit that the handshake could not answer. */
  refusing: Reason | null = null;
  readonly input: CallerInput;
  readonly due: Deadline;
  readonly route: Route;
  private readonly raw: net.Socket;
  private readonly lifetime: Lifetime;
  private readonly lingering: LingeringClose;
  private readonly bodyRate = new BodyRate();
  private closing = false;
  private running = false;

  /** `raw`: the TCP socket below `socket`. */
  constructor(context: HttpListenerContext, peer: Peer, socket: net.Socket, raw: net.Socket = socket) {
    this.context = context;
    this.peer = peer;
    this.socket = socket;
    this.raw = raw;
    const { runtime, options } = context;
    this.head = new RequestParser(context.parserOptions);
    this.judge = new Judge(runtime.enforcement, peer.facts);
    this.request = new RequestState(context, peer, this.head);
    this.route = new Route(context.upstreams, peer);
    this.input = new CallerInput(socket);
    this.due = new Deadline(runtime.sweeper);
    this.due.arm(options.idleTimeoutMs, 'idle-timeout');
    this.lifetime = new Lifetime(context, peer);
    this.lingering = new LingeringClose(this.input, this.due);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', () => undefined); // always followed by `close`, which does the work
    socket.on('close', () => this.onClose());
  }

  /** Notices deadlines; called at every tick of the sweeper. */
  sweep(nowMs: number): void {
    if (this.due.passed(nowMs)) this.onDeadline();
    else if (this.exchange !== null && this.bodyRate.tooSlow(nowMs, this.exchange))
      this.exchange.fail('body-timeout');
    const step = this.lifetime.step(nowMs);
    if (step === 'drain') this.drain();
    if (step !== 'end') return;
    this.exchange?.fail('identity-withdrawn');
    this.destroy();
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

  /** Verifies the caller again after bundles or CRLs changed. */
  reverify(own: OwnIdentity): void {
    if (this.state === 'closed' || this.lifetime.reverify(own)) return;
    this.refusing = 'identity-withdrawn'; // also the request of which half the head is here
    this.drain();
  }

  /** Judges the request in flight again after a swap; `revoke` is called when it is now denied. */
  rejudge(revoke: (connection: Downstream) => void): void {
    if (this.state !== 'serving') return;
    if (decide(this, this.context.runtime.clock.now()) === null) revoke(this);
  }

  /** Resets the request in flight because a swap denied it. */
  revoke(): void {
    this.exchange?.fail('policy-revoked');
  }

  /** Hands the request to the exchange with the body bytes that came with its head. */
  forward(permit: Permit): void {
    this.bodyRate.restart();
    const exchange = this.context.exchanges.take(this);
    this.exchange = exchange;
    exchange.start(permit);
    this.takeInput(exchange);
    exchange.begin();
  }

  /** Sends an answer of ours; without `persist` the connection ends after it, reading on for a moment. */
  reply(text: string, persist: boolean): void {
    this.socket.write(text, 'latin1');
    this.next(persist);
  }

  now(): number {
    return this.context.runtime.clock.monotonicMs();
  }

  write(data: Buffer, done?: () => void): boolean {
    this.request.bytesOut += data.length;
    return this.socket.write(data, done);
  }

  resumeReading(): void {
    if (!this.input.waits) this.input.resume();
    else if (this.exchange?.takesBytes === true) {
      this.input.resume();
      this.feed(this.exchange);
    }
  }

  forwardHead(writer: HeadWriter): void {
    this.request.forward(writer);
  }

  decideAgain(permit: Permit): Permit | Reason {
    if (!this.judge.moved(permit)) return permit;
    return (
      decide(this, this.context.runtime.clock.now()) ?? this.judge.decision?.reason ?? 'evaluation-error'
    );
  }

  answer(reason: Reason): void {
    refuse(this, reason);
  }

  abort(reason: Reason): void {
    finishRequest(this, reason);
    this.state = 'closed';
    // An orderly close can end a response: clients, curl among them, do not miss the close_notify of TLS.
    this.raw.resetAndDestroy();
  }

  completed(reusable: boolean): void {
    finishRequest(this, null);
    this.next(reusable);
  }

  mayPersist(): boolean {
    const more = !this.due.halfClosed || this.input.waits;
    return more && !this.closing && !this.context.runtime.draining;
  }

  switched(): void {
    this.request.permitted = true;
    this.resumeReading();
    if (this.due.halfClosed) this.exchange?.callerEnded();
  }

  private onData(chunk: Buffer): void {
    switch (this.state) {
      case 'waiting':
        this.input.add(chunk);
        return this.run();
      case 'serving':
        this.input.add(chunk);
        if (this.exchange?.takesBytes === true) return this.feed(this.exchange);
        return this.input.pause(); // pipelined bytes, or bytes that wait for a 101
      case 'discarding':
        return this.lingering.discard(chunk);
      default:
        return;
    }
  }

  /** Reads heads until one is in flight, more bytes are needed, or the connection ends. */
  private run(): void {
    if (this.running) return;
    this.running = true;
    const { input, head } = this;
    while (this.state === 'waiting' && input.waits) {
      // A caller that pipelines but does not read gets no further answer until it does.
      if (this.socket.writableNeedDrain) {
        input.pause();
        break;
      }
      const fresh = !head.started;
      const next = head.push(input.bytes, input.at);
      if (next <= 0) input.clear();
      else input.at = next;
      if (next === 0) {
        if (fresh) this.due.arm(this.context.options.headTimeoutMs, 'head-timeout');
        break;
      }
      this.begin();
      if (next < 0) refuse(this, head.fault ?? 'internal-error');
      else serveRequest(this);
    }
    this.running = false;
  }

  private begin(): void {
    const { runtime, ref } = this.context;
    this.state = 'serving';
    this.judge.decision = null; // the last request's is not this one's
    this.request.begin(this.now());
    this.context.requestsInFlight++;
    runtime.recorder.connectionActive(ref, true);
  }

  /** Passes the waiting bytes on that belong to the exchange. */
  private feed(exchange: Exchange): void {
    this.takeInput(exchange);
    exchange.relay();
  }

  // INVARIANT: the input says what was taken before the exchange acts; that may begin the next request.
  private takeInput(exchange: Exchange): void {
    const { input, request } = this;
    if (exchange.request.tunnel) request.bytesIn += input.bytes.length - input.at;
    input.at = exchange.request.take(input.bytes, input.at);
    if (input.waits) input.pause();
    else input.clear();
  }

  /** The request in flight is over: read the next one, or close. */
  private next(reusable: boolean): void {
    const { exchange } = this;
    this.exchange = null;
    if (exchange !== null) this.context.exchanges.give(exchange);
    if (this.state === 'closed') return;
    if (!reusable || !this.mayPersist()) return this.linger();
    this.state = 'waiting';
    this.head.reset();
    this.due.arm(this.context.options.idleTimeoutMs, 'idle-timeout');
    this.run();
    if (this.state !== 'waiting' || this.input.waits) return;
    if (this.due.halfClosed) this.linger();
    else if (!this.socket.writableNeedDrain) this.input.resume();
  }

  private linger(): void {
    this.state = 'discarding';
    this.lingering.begin(this.socket, this.context.options.idleTimeoutMs);
  }

  private onDeadline(): void {
    if (this.state === 'serving') return this.exchange?.fail(this.due.reason);
    if (this.state !== 'waiting') return this.destroy();
    if (!this.head.started) return this.linger();
    this.begin();
    refuse(this, 'head-timeout');
  }

  private onDrain(): void {
    if (this.state !== 'waiting') return this.exchange?.downstreamDrained();
    this.run();
    if (this.state === 'waiting' && !this.input.waits) this.input.resume();
  }

  private onEnd(): void {
    this.due.halfClose();
    if (this.state === 'waiting') return this.linger();
    if (this.state !== 'serving') return;
    if (this.exchange?.request.tunnel === true) this.exchange.callerEnded();
    else if (this.exchange?.request.body.done !== true) this.destroy();
  }

  private onClose(): void {
    if (this.state === 'serving') {
      const orderly = this.exchange?.callerClosed() === true;
      finishRequest(this, orderly ? null : 'client-closed');
    }
    this.state = 'closed';
    this.context.closed(this);
  }
}
