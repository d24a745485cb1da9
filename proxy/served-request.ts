// One request in the hands of its connection: what admit, decide, forward and record work on, and what
// HTTP/1.1 and HTTP/2 have in common of it. Reused for the next request.
import type { Reason } from '../core/reasons.ts';
import type { LiveRequest } from './caller-connection.ts';
import { Judge, type Permit } from './decide.ts';
import type { CallerLane } from './forward/caller-lane.ts';
import { BodyRate } from './http1/body-rate.ts';
import { Deadline } from './http1/deadline.ts';
import type { Exchange } from './http1/exchange.ts';
import type { ExchangePort } from './http1/exchange-port.ts';
import type { HeadWriter } from './http1/head-writer.ts';
import { RequestParser } from './http1/parse-request.ts';
import { RequestState } from './http1/request-state.ts';
import type { ResponseOutput } from './http1/response-output.ts';
import { Route } from './http1/route.ts';
import { decide, refuse } from './inbound.ts';
import type { HttpListenerContext } from './listener-context.ts';
import type { Peer } from './peer.ts';

export abstract class ServedRequest implements LiveRequest, ExchangePort {
  readonly context: HttpListenerContext;
  readonly peer: Peer;
  readonly head: RequestParser;
  readonly judge: Judge;
  readonly request: RequestState;
  readonly route: Route;
  readonly due: Deadline;
  /** Serves the request in flight; null between requests. */
  exchange: Exchange | null = null;
  protected readonly bodyRate = new BodyRate();

  /** `lane`: where the application is told who calls. */
  constructor(context: HttpListenerContext, peer: Peer, lane: CallerLane | null, protocol: '1' | '2') {
    this.context = context;
    this.peer = peer;
    this.head = new RequestParser(context.parserOptions);
    this.request = new RequestState(context, peer, this.head, protocol);
    const { probes } = context.options;
    const isProbe = probes === null ? null : (): boolean => this.isProbe(probes);
    this.judge = new Judge(context.runtime.enforcement, peer.facts, isProbe);
    this.route = new Route(context.upstreams, lane);
    this.due = new Deadline(context.runtime.sweeper);
  }

  /** Why every request of the connection is refused without being judged. */
  abstract get refusing(): Reason | null;
  /** Hands the request to an exchange. */
  abstract forward(permit: Permit): void;
  /** True when the connection may go on after an answer of ours. */
  abstract persists(): boolean;
  /**
   * Sends an answer of ours, a whole response of HTTP/1.1; without `persist` the connection ends after it.
   */
  abstract reply(text: string, persist: boolean): void;
  /** An answer was begun and cannot be completed, or none can be sent. */
  abstract abort(reason: Reason): void;
  /** The request was recorded. */
  abstract requestOver(): void;
  // what an exchange asks besides: see ExchangePort
  abstract readonly output: ResponseOutput;
  abstract pauseReading(): void;
  abstract resumeReading(): void;
  abstract endOutput(): void;
  abstract get outputFinished(): boolean;
  abstract completed(reusable: boolean): void;
  abstract mayPersist(): boolean;
  abstract switched(): void;

  get answerTimeoutMs(): number {
    return this.context.options.exchange.requestTimeoutMs;
  }

  /** Monotonic milliseconds, exact. */
  now(): number {
    return this.context.runtime.clock.monotonicMs();
  }

  /** Judges the request in flight again after a swap; `revoke` is called when it is now denied. */
  rejudge(revoke: (request: LiveRequest) => void): void {
    if (this.exchange === null) return;
    if (decide(this, this.context.runtime.clock.now()) === null) revoke(this);
  }

  /** Resets the request in flight because a swap denied it. */
  revoke(): void {
    this.exchange?.fail('policy-revoked');
  }

  cut(reason: Reason): void {
    this.exchange?.fail(reason);
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

  /** SAFETY: as it came, byte for byte: no query, no escape, no other spelling of the path. */
  private isProbe(targets: ReadonlySet<string>): boolean {
    const { method, target } = this.head;
    return method === 'POST' && targets.has(target) && this.request.isGrpc;
  }

  /** Begins the record of the head that was just read. */
  protected beginRequest(): void {
    this.judge.decision = null; // the last request's is not this one's
    this.request.begin(this.now());
    this.context.requestsInFlight++;
  }

  /** An exchange for the request in flight. */
  protected takeExchange(): Exchange {
    this.bodyRate.restart();
    const exchange = this.context.exchanges.take(this);
    this.exchange = exchange;
    return exchange;
  }

  protected giveExchange(): void {
    const { exchange } = this;
    this.exchange = null;
    if (exchange !== null) this.context.exchanges.give(exchange);
  }
}
