// One call to the Workload API server: it reads the request, which is empty, and then sends every update
// until the caller leaves, the identity is withdrawn or the server stops.
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Clock, Timer } from '../../core/clock.ts';
import { WORKLOAD_API_MESSAGE_BYTES_MAX, WORKLOAD_API_REQUEST_BYTES_MAX } from '../limits.ts';
import { type Answer, admit, NO_IDENTITY } from './answer.ts';
import type { WorkloadFeed, WorkloadUpdate } from './feed.ts';
import { FrameReader, writeFrame } from './grpc-frames.ts';
import { GRPC, type GrpcStatus, writeStatus } from './grpc-status.ts';
import { MessageError, readMessage } from './protobuf.ts';

export interface CallOptions {
  readonly feed: WorkloadFeed;
  readonly clock: Clock;
  /** For the request to arrive, and for a caller to take what was written: milliseconds. */
  readonly patienceMs: number;
  readonly onEnd: () => void;
}

/** Serves the call that `headers` began on `stream`. */
export class Call {
  readonly #stream: ServerHttp2Stream;
  readonly #options: CallOptions;
  readonly #request = new FrameReader(WORKLOAD_API_REQUEST_BYTES_MAX);
  #stopFeed: (() => void) | undefined;
  /** While something is waited for that the caller must do. */
  #deadline: Timer | undefined;
  /** The latest update that could not be written yet: older ones are worth nothing any more. */
  #next: WorkloadUpdate | undefined;
  #asked = false;
  #finished = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: CallOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('error', () => undefined); // its close follows
    stream.on('close', () => this.#forget());
    const admission = admit(headers);
    if (admission.kind === 'http') {
      stream.respond({ ':status': admission.status }, { endStream: true });
      this.#drop();
    } else if (admission.kind === 'status') this.finish(admission.status);
    else this.#listen(admission.answer);
  }

  /** Ends the call with `status`, after what is written already. */
  finish(status: GrpcStatus): void {
    if (this.#finished || this.#stream.destroyed) return;
    this.#finished = true;
    this.#stopFeed?.();
    const ending = writeStatus(status);
    if (this.#stream.headersSent) {
      this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(ending));
      this.#stream.end();
      this.#expect();
    } else {
      this.#stream.respond({ ...HEADERS, ...ending }, { endStream: true });
      this.#drop();
    }
  }

  /** Whatever still arrives is of no use; the stream may close. */
  #drop(): void {
    this.#stream.resume();
    this.#expect();
  }

  #listen(answer: Answer): void {
    this.#expect();
    this.#stream.on('drain', () => this.#drained(answer));
    this.#stream.on('data', (piece: Buffer) => this.#read(piece));
    this.#stream.on('end', () => {
      if (!this.#asked) this.finish({ code: GRPC.internal, message: 'the request is cut short' });
      else if (!this.#finished) this.#start(answer);
    });
  }

  /** A request has one message, without fields that anybody knows. */
  #read(piece: Buffer): void {
    if (this.#finished) return;
    try {
      for (const message of this.#request.push(piece)) {
        if (this.#asked) throw new MessageError('the request has two messages');
        readMessage(message, new Map());
        this.#asked = true;
      }
      if (this.#asked && this.#request.inside) throw new MessageError('the request has two messages');
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.finish({ code: GRPC.internal, message: error.message });
    }
  }

  #start(answer: Answer): void {
    this.#deadline?.cancel();
    this.#stopFeed = this.#options.feed.onChange((update) => this.#push(update, answer));
    this.#push(this.#options.feed.current(), answer);
  }

  #push(update: WorkloadUpdate | null, answer: Answer): void {
    if (this.#finished || this.#stream.destroyed) return;
    if (update === null || update.svids.length === 0) return this.finish(NO_IDENTITY);
    if (this.#stream.writableNeedDrain) {
      this.#next = update;
      return;
    }
    const message = answer(update);
    if (message.length > WORKLOAD_API_MESSAGE_BYTES_MAX)
      return this.finish({ code: GRPC.resourceExhausted, message: `an answer of ${message.length} bytes` });
    if (!this.#stream.headersSent) this.#stream.respond(HEADERS, { waitForTrailers: true });
    if (!this.#stream.write(writeFrame(message))) this.#expect();
  }

  #drained(answer: Answer): void {
    if (this.#finished) return;
    this.#deadline?.cancel();
    const update = this.#next;
    this.#next = undefined;
    if (update !== undefined) this.#push(update, answer);
  }

  /** The caller has so long for what is due now; then its connection ends. */
  #expect(): void {
    this.#deadline?.cancel();
    const { clock, patienceMs } = this.#options;
    this.#deadline = clock.after(patienceMs, () => this.#stream.session?.destroy());
  }

  #forget(): void {
    this.#finished = true;
    this.#deadline?.cancel();
    this.#stopFeed?.();
    this.#next = undefined;
    this.#options.onEnd();
  }
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;
