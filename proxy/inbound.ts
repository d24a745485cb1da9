// The path of one inbound request: admit -> decide -> forward -> record. Every exit has one status, one
// reason, one record.
import { REASONS, type Reason } from '../core/reasons.ts';
import type { Permit } from './decide.ts';
import { grpcResponse, grpcStatusOf, type Refusal } from './grpc.ts';
import { problemResponse, statusOf } from './respond.ts';
import type { ServedRequest } from './served-request.ts';

/** Serves the request whose head was just read on `c`. */
export function serveRequest(c: ServedRequest): void {
  const wallMs = c.context.runtime.clock.now();
  const refusal = admit(c, wallMs);
  if (refusal !== null) return refuse(c, refusal);
  const permit = decide(c, wallMs);
  // PERF: the request's own start will do; nothing but the cheap admission lies between.
  c.request.decisionUs = (c.now() - c.request.startMs) * 1_000;
  if (permit === null) return refuse(c, c.judge.decision?.reason ?? 'evaluation-error');
  // After the verdict: who may not call here learns nothing about limits.
  if (c.head.contentLength > c.context.options.exchange.bodyBytesMax) return refuse(c, 'body-too-large');
  // ends in `finishRequest`, by the response, an answer of ours, or the end of the connection
  c.forward(permit);
}

/** What is refused before any rule is asked. */
function admit(c: ServedRequest, wallMs: number): Reason | null {
  const { context, peer } = c;
  if (c.refusing !== null) return c.refusing;
  if (context.requestsInFlight > context.options.requestsInFlightMax) return 'request-limit';
  const { forwarded } = context.options;
  if (typeof forwarded === 'object' && !c.request.deriveRemoteIp(forwarded.trust)) return 'bad-header';
  if (peer.expiresAtMs <= wallMs) return 'identity-withdrawn';
  return c.route.take(c.head, c);
}

/** Asks the rule table at `wallMs`, Unix milliseconds; a defect in the evaluation denies. */
export function decide(c: ServedRequest, wallMs: number): Permit | null {
  try {
    return c.judge.decide(c.request, wallMs);
  } catch (error) {
    c.context.runtime.defect(error);
    return null;
  }
}

/**
 * Answers the request on `c` with `reason`; the connection persists only when its next byte is surely a
 * request.
 */
export function refuse(c: ServedRequest, reason: Reason): void {
  const { head, request, peer, judge } = c;
  const status = statusOf(reason, judge.decision?.denyStatus);
  if (status === 0 || reason === 'client-closed') return c.abort(reason);
  const readable = head.fault === null && head.method !== '';
  const persist = readable && REASONS[reason].source !== 'internal' && c.persists();
  if (request.isGrpc && readable) return refuseCall(c, reason, status);
  const text = problemResponse({
    reason,
    status,
    requestId: request.requestId,
    rules: peer.record.local && reason === 'deny-rule' ? (judge.decision?.rules ?? []) : [],
    close: !persist,
    headOnly: head.method === 'HEAD',
  });
  request.status = status;
  request.bytesOut += text.length;
  finishRequest(c, reason);
  c.reply(text, persist);
}

/** A gRPC client reads the status of its call, not that of HTTP. */
function refuseCall(c: ServedRequest, reason: Reason, status: number): void {
  const { request } = c;
  const text = grpcResponse(refusalOf(c, reason, status));
  request.status = 200;
  request.bytesOut += text.length;
  finishRequest(c, reason);
  c.reply(text, true);
}

/** What the caller of a gRPC call is told of `reason`; the record gets its code. */
export function refusalOf({ request }: ServedRequest, reason: Reason, status: number): Refusal {
  request.grpcStatus = grpcStatusOf(reason, status);
  const message = status === 404 ? 'not-found' : reason; // chosen to hide a workload
  return { grpcStatus: request.grpcStatus, message, requestId: request.requestId };
}

/** The record phase: `failure` is what ended the request, null when its response was complete. */
export function finishRequest(c: ServedRequest, failure: Reason | null): void {
  const { request, judge, exchange, head, context } = c;
  const { recorder } = context.runtime;
  if (request.recorded) return;
  request.recorded = true;
  request.bytesIn += head.bytes + (exchange?.request.body.bytes ?? 0);
  const decision = judge.decision;
  request.decision = decision;
  request.verdict = decision?.verdict ?? 'deny';
  // A request that was forwarded and then cut off by a swap is denied all the same.
  const cutOff = failure !== null && REASONS[failure].source === 'policy';
  request.enforced = decision?.verdict !== 'deny' || !request.permitted || cutOff;
  request.reason = failure ?? decision?.reason ?? 'internal-error';
  request.policyHash = judge.state?.policyHash ?? '';
  if (request.status === 0)
    request.status = exchange !== null && exchange.status !== 0 ? exchange.status : statusOf(request.reason);
  request.endMs = c.now();
  const elapsedMs = request.endMs - request.startMs;
  request.enforcementUs = Math.max(0, elapsedMs - (exchange?.waiting.totalMs ?? 0)) * 1_000;
  context.requestsInFlight--;
  if (failure !== null && REASONS[failure].source === 'upstream')
    recorder.upstreamError(context.ref, failure);
  c.requestOver();
  recorder.request(request);
}
