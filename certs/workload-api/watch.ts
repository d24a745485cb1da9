// A stream of the Workload API that never ends: when one does, the reason is told, and the next one begins
// after a wait. @see SPIFFE Workload API section 4.2, SPIFFE Workload Endpoint section 6
import type { Clock, Timer } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { type WaitKind, waitMs } from './back-off.ts';
import { GRPC, type GrpcStatus, statusName } from './grpc-status.ts';
import { openServerStream, type StreamEnd, type StreamTimes } from './server-stream.ts';
import type { SocketAddress } from './socket-address.ts';

export interface WatchOptions {
  readonly address: SocketAddress;
  readonly method: 'FetchX509SVID' | 'FetchX509Bundles';
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly times?: StreamTimes | undefined;
  /** Takes one message. A MessageError ends the stream. */
  readonly onMessage: (message: Buffer) => void;
  /** A stream ended; another will begin. */
  readonly onFailure: (problem: Diagnostic) => void;
}

/** Asks until it is closed. */
export function watchWorkloadApi(options: WatchOptions): { close(): void } {
  return new Watch(options);
}

class Watch {
  readonly #options: WatchOptions;
  /** In a row. */
  #failures = 0;
  #stream: { close(): void } | undefined;
  #wait: Timer | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#open();
  }

  close(): void {
    this.#wait?.cancel();
    this.#stream?.close();
  }

  #open(): void {
    const { address, method, clock, times, onMessage } = this.#options;
    this.#stream = openServerStream({
      path: address.path,
      method,
      clock,
      times,
      onMessage: (message) => {
        onMessage(message);
        this.#failures = 0;
      },
      onEnd: (end) => this.#again(end),
    });
  }

  #again(end: StreamEnd): void {
    const { kind, problem } = failureOf(end, this.#options.address);
    const { clock, random } = this.#options;
    this.#wait = clock.after(waitMs(kind, ++this.#failures, random()), () => this.#open());
    this.#options.onFailure(problem);
  }
}

/** What a person should know about `end`, and how long to wait after it. */
function failureOf(end: StreamEnd, { uri }: SocketAddress): { kind: WaitKind; problem: Diagnostic } {
  const failure = (kind: WaitKind, code: string, message: string, hint: string) => ({
    kind,
    problem: {
      severity: 'error' as const,
      code,
      message: `the Workload API ${message}`,
      hint,
      at: { file: uri },
    },
  });
  switch (end.kind) {
    case 'status':
      return ofStatus(end.status, failure);
    case 'unreachable':
      return failure(
        'away',
        'ERR_WORKLOAD_API_UNREACHABLE',
        `cannot be reached: ${end.code}`,
        hintOf(end.code),
      );
    case 'lost':
      return failure('away', 'ERR_WORKLOAD_API_UNAVAILABLE', `is gone: ${end.message}`, HINT_GONE);
    case 'malformed':
      return failure(
        'away',
        'ERR_WORKLOAD_API_MESSAGE',
        `sent what cannot be read: ${end.message}`,
        HINT_WHO,
      );
  }
}

function ofStatus<Failure>(
  { code, message }: GrpcStatus,
  failure: (kind: WaitKind, code: string, message: string, hint: string) => Failure,
): Failure {
  const said = message === '' ? statusName(code) : `${statusName(code)}: ${message}`;
  if (code === GRPC.permissionDenied)
    return failure(
      'denied',
      'ERR_WORKLOAD_API_DENIED',
      `has no identity for this process: ${said}`,
      HINT_ENTRY,
    );
  // Appendix A of the Workload Endpoint: report, do not retry. An agent may be replaced by one that can.
  if (code === GRPC.invalidArgument || code === GRPC.unimplemented)
    return failure('refused', 'ERR_WORKLOAD_API_REFUSED', `refuses the request: ${said}`, HINT_WHO);
  if (code === GRPC.ok || code === GRPC.unavailable)
    return failure('away', 'ERR_WORKLOAD_API_UNAVAILABLE', `is gone: ${said}`, HINT_GONE);
  return failure('away', 'ERR_WORKLOAD_API_STATUS', `fails: ${said}`, HINT_LOG);
}

function hintOf(code: string): string {
  if (code === 'ENOENT') return 'is the agent running, and is the folder of its socket mounted here?';
  if (code === 'EACCES')
    return 'this process may not open the socket: check owner and mode, and the folders above';
  return HINT_GONE;
}

const HINT_GONE = 'it is tried again; the last good identity serves until it expires';
const HINT_WHO = 'is this the socket of a SPIFFE Workload API?';
const HINT_LOG = 'the log of the agent says more';
const HINT_ENTRY =
  'register the workload (`spire-server entry create`); selectors must match this process; it is asked again';
