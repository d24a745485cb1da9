// One connection of the load that speaks HTTP/2, with as many requests in flight as it has lanes.
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { GRPC_STATUS } from '../../../proxy/http1/known-headers.ts';
import { type FieldSink, HpackDecoder, Scratch } from '../../../proxy/http2/hpack/decoder.ts';
import type { EncodableField } from '../../../proxy/http2/hpack/encoder.ts';
import { type Field, STATUS, valueEnd, valueStart } from '../../../proxy/http2/hpack/field.ts';
import type { Outputs } from '../../../proxy/http2/output.ts';
import { PREFACE } from '../../../proxy/http2/preface.ts';
import { dial } from '../dial.ts';
import type { LaneEvents } from '../lane.ts';
import type { Target } from '../protocol.ts';
import { type EndpointStream, Http2Endpoint } from './endpoint.ts';
import { grpcMessage, type Http2Load, requestFields } from './messages.ts';

/** What a call that gRPC refused counts as. */
const REFUSED = 0;
const NOTHING = Buffer.alloc(0);

/** A stream of the load, and what came back on it. */
interface Call extends EndpointStream {
  readonly lane: StreamLane;
  status: number;
  /** -1 = none came. */
  grpcStatus: number;
  received: number;
}

/** One place on the connection: always one request in flight, or one message of its call. */
export class StreamLane {
  sentMs = 0;
  /** The call that lasts, when that is what is asked for. */
  call: Call | null = null;
  readonly connection: Http2Connection;

  constructor(connection: Http2Connection) {
    this.connection = connection;
  }

  send(): void {
    this.connection.send(this);
  }
}

export class Http2Connection extends Http2Endpoint<Call> implements FieldSink {
  readonly lanes: readonly StreamLane[];
  readonly tcp: Socket;
  readonly #events: LaneEvents<StreamLane>;
  readonly #load: Http2Load;
  readonly #message: Buffer;
  readonly #fields: readonly EncodableField[];
  readonly #decoder = new HpackDecoder(new Scratch());
  #nextId = 1;
  #closed = false;
  /** Of the block that is being decoded. */
  #status = 0;
  #grpcStatus = -1;

  constructor(
    target: Target,
    context: SecureContext | null,
    options: { readonly load: Http2Load; readonly outputs: Outputs; readonly events: LaneEvents<StreamLane> },
  ) {
    const socket = dial(target, context, 'h2');
    super(socket, options.outputs);
    this.tcp = socket;
    this.#events = options.events;
    this.#load = options.load;
    this.#message = grpcMessage(options.load.messageBytes);
    this.#fields = requestFields(options.load.call, target.path, context !== null);
    this.lanes = Array.from({ length: options.load.streams }, () => new StreamLane(this));
    socket.once('secureConnect', () => {
      const chosen = socket instanceof TLSSocket ? socket.alpnProtocol : 'h2';
      if (chosen !== 'h2') this.fail(new Error('the server did not choose HTTP/2'));
    });
    socket.on('data', (chunk: Buffer) => this.push(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the other side closed the connection')));
    this.out().copy(PREFACE, 0, PREFACE.length);
    this.begin();
  }

  /** Bytes received so far, after decryption. */
  get bytesRead(): number {
    return this.tcp.bytesRead;
  }

  /** A next request on `lane`; the next message of its call, when it has one that lasts. */
  send(lane: StreamLane): void {
    if (lane.call !== null) return this.writeMessage(lane.call, this.#message);
    const { call } = this.#load;
    const opened: Call = {
      lane,
      id: this.#nextId,
      window: this.windowAtFirst,
      message: NOTHING,
      left: 0,
      ends: call === 'grpc-unary',
      blocked: false,
      status: 0,
      grpcStatus: -1,
      received: 0,
    };
    this.#nextId += 2;
    this.streams.set(opened.id, opened);
    this.writeHeaders(opened.id, this.#fields, call === 'get');
    if (call === 'get') return;
    if (call === 'grpc-streaming') lane.call = opened;
    this.writeMessage(opened, this.#message);
  }

  close(): void {
    this.#closed = true;
    this.tcp.destroy();
  }

  fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#events.fault(error);
  }

  protected reset(streamId: number, code: number): void {
    this.fail(new Error(`stream ${streamId} was reset with code ${code}`));
  }

  protected sent(): void {
    // the answer is what counts
  }

  protected headers(streamId: number, bytes: Buffer, start: number, end: number, ends: boolean): void {
    this.#status = 0;
    this.#grpcStatus = -1;
    if (!this.#decoder.decode(bytes, start, end, this)) return this.fail(new Error('no header block'));
    const call = this.streams.get(streamId);
    if (call === undefined) return this.fail(new Error(`an answer on stream ${streamId}, which is not open`));
    if (this.#status >= 200) call.status = this.#status;
    call.grpcStatus = this.#grpcStatus;
    if (ends) this.#ended(call);
  }

  /** A field of the block. */
  field(field: Field): void {
    const from = valueStart(field);
    if (field.kind === STATUS) this.#status = numberAt(field, from);
    else if (field.kind === GRPC_STATUS) this.#grpcStatus = numberAt(field, from);
  }

  protected body(streamId: number, _bytes: Buffer, start: number, end: number, ends: boolean): void {
    const call = this.streams.get(streamId);
    if (call === undefined) return this.fail(new Error(`data on stream ${streamId}, which is not open`));
    call.received += end - start;
    if (ends) return this.#ended(call);
    const { lane } = call;
    if (lane.call !== call || call.received < this.#message.length) return;
    if (call.received > this.#message.length) return this.fail(new Error('more than one message came back'));
    call.received = 0;
    this.#events.response(lane, call.status);
  }

  #ended(call: Call): void {
    const { lane } = call;
    this.streams.delete(call.id);
    // A call that lasts ends with the window at the earliest.
    if (lane.call !== null)
      return this.fail(new Error(`a call ended: status ${call.status}, grpc-status ${call.grpcStatus}`));
    const ok = this.#load.call === 'get' || (call.grpcStatus === 0 && call.received === this.#message.length);
    this.#events.response(lane, ok ? call.status : REFUSED);
  }
}

/** A number of a few digits. */
function numberAt(field: Field, from: number): number {
  let number = 0;
  for (let at = from; at < valueEnd(field); at++) number = number * 10 + (field.source[at] ?? 0) - 0x30;
  return number;
}
