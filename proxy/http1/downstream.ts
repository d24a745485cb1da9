// One connection from a caller: bytes in, requests in order, one in flight, an end that cuts no answer off.
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import type { CallerConnection } from '../caller-connection.ts';
import type { Permit } from '../decide.ts';
import { CallerLane } from '../forward/caller-lane.ts';
import { isPreface } from '../http2/preface.ts';
import { finishRequest, refuse, serveRequest } from '../inbound.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import { ServedRequest } from '../served-request.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import { CallerInput } from './caller-input.ts';
import type { Exchange } from './exchange.ts';
import { Lifetime } from './lifetime.ts';
import { LingeringClose } from './lingering-close.ts';
import { ConnectionOutput } from './response-output.ts';

/** waiting: for a head. serving: a request is in flight. discarding: answered, reading to avoid a reset. */
export type DownstreamState = 'waiting' | 'serving' | 'discarding' | 'closed';

export class Downstream extends ServedRequest implements CallerConnection {
  readonly socket: net.Socket;
  state: DownstreamState = 'waiting';
  /** Why every request is refused without being judged: a limit that the handshake could not answer. */
  refusing: Reason | null = null;
  readonly input: CallerInput;
  readonly output: ConnectionOutput;
  private readonly lane: CallerLane | null;
  private readonly raw: net.Socket;
  private readonly lifetime: Lifetime;
  private readonly lingering: LingeringClose;
  private closing = false;
  private running = false;
  /** Nothing was read yet. */
  private untouched = true;

  /** `raw`: the TCP socket below `socket`. */
  constructor(context: HttpListenerContext, peer: Peer, socket: net.Socket, raw: net.Socket = socket) {
    const lane = context.upstreams.tellsCaller ? new CallerLane(peer) : null;
    super(context, peer, lane, '1');
    this.lane = lane;
    this.socket = socket;
    this.raw = raw;
    this.output = new ConnectionOutput(socket, this.request, context.exchanges.blocks);
    this.input = new CallerInput(socket);
    this.due.arm(context.options.idleTimeoutMs, 'idle-timeout');
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

  /** Hands the request to the exchange with the body bytes that came with its head. */
  forward(permit: Permit): void {
    const exchange = this.takeExchange();
    exchange.start(permit);
    this.takeInput(exchange);
    exchange.begin();
  }

  /** Sends an answer of ours; without `persist` the connection ends after it, reading on for a moment. */
  reply(text: string, persist: boolean): void {
    this.socket.write(text, 'latin1');
    this.next(persist);
  }

  refuseAll(reason: Reason, withinMs: number): void {
    this.refusing = reason;
    this.due.arm(withinMs, 'idle-timeout');
  }

  leave(): void {
    this.lane?.close();
  }

  persists(): boolean {
    return this.head.keepAlive && this.head.minor === 1 && this.mayPersist() && this.endsBody();
  }

  requestOver(): void {
    this.context.runtime.recorder.connectionActive(this.context.ref, false);
  }

  pauseReading(): void {
    this.input.pause();
  }

  endOutput(): void {
    this.socket.end();
  }

  get outputFinished(): boolean {
    return this.socket.writableFinished;
  }

  resumeReading(): void {
    if (!this.input.waits) this.input.resume();
    else if (this.exchange?.takesBytes === true) {
      this.input.resume();
      this.feed(this.exchange);
    }
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
        if (this.untouched && this.startsHttp2(chunk)) return;
        this.untouched = false;
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

  /**
   * RFC 9113 section 3.3: in plaintext who speaks HTTP/2 just does. True when another took the connection.
   */
  private startsHttp2(chunk: Buffer): boolean {
    if (this.raw !== this.socket || this.context.parserOptions.proxy || !isPreface(chunk)) return false;
    this.state = 'closed'; // what else is heard of the socket is none of ours
    this.socket.removeAllListeners('data');
    this.context.switchToHttp2(this, this.socket, chunk);
    return true;
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

  /** True when the next byte is surely a request; passes over a small refused body that is already here. */
  private endsBody(): boolean {
    const { exchange, head } = this;
    if (exchange !== null) return exchange.request.body.done && exchange.request.body.fault === null;
    return !head.bodyExpected || (!head.chunked && this.input.skip(head.contentLength));
  }

  private begin(): void {
    const { runtime, ref } = this.context;
    this.state = 'serving';
    this.beginRequest();
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
    this.giveExchange();
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
