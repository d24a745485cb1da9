// A gRPC service and its client by @grpc/grpc-js, without a schema: messages are bytes.
import * as grpc from '@grpc/grpc-js';

const bytes = (message: Buffer): Buffer => message;

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
}

/** The four kinds of call, and some that end badly. */
export const SERVICE = {
  unary: method('/test.Echo/Unary', false, false),
  serverStream: method('/test.Echo/ServerStream', false, true),
  clientStream: method('/test.Echo/ClientStream', true, false),
  bidi: method('/test.Echo/Bidi', true, true),
  never: method('/test.Echo/Never', false, false),
  fails: method('/test.Echo/Fails', false, false),
  denied: method('/test.Secret/Get', false, false),
};

/** What the service saw of calls that ended early. */
export interface Seen {
  /** Calls that are never answered. */
  begun: number;
  cancelled: number;
  /** What came with the last unary call. */
  metadata: grpc.Metadata | null;
}

/** Starts the service on a free port of the loopback address. */
export async function startService(): Promise<{ server: grpc.Server; port: number; seen: Seen }> {
  const seen: Seen = { begun: 0, cancelled: 0, metadata: null };
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const echo: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) => {
    seen.metadata = call.metadata;
    done(null, call.request);
  };
  server.addService(SERVICE, {
    unary: echo,
    denied: echo,
    serverStream: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let i = 0; i < 5; i++) call.write(Buffer.from(`m${i}`));
      call.end();
    },
    clientStream: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      let length = 0;
      call.on('data', (message: Buffer) => {
        length += message.length;
      });
      call.on('end', () => done(null, Buffer.from(String(length))));
    },
    bidi: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => call.write(Buffer.concat([Buffer.from('e:'), message])));
      call.on('end', () => call.end());
      call.on('cancelled', () => seen.cancelled++);
    },
    never: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => {
      seen.begun++;
      call.on('cancelled', () => seen.cancelled++);
    },
    fails: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => {
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'not now' });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, port, seen };
}

/** How a call ended: its answer, or `CODE details`. */
export type Outcome = string;

/**
 * A client in plaintext (HTTP/2 without being asked), as an application has one beside its outbound proxy.
 */
export class Caller {
  readonly #client: grpc.Client;

  constructor(port: number) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      'grpc.default_authority': 'cart.shop',
      'grpc.max_receive_message_length': -1,
    });
  }

  unary(of: keyof typeof SERVICE, message: Buffer, options: grpc.CallOptions = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(SERVICE[of].path, bytes, bytes, message, options, (error, answer) =>
        resolve(error === null ? String(answer) : outcomeOf(error)),
      );
    });
  }

  /** One that is given up `when` that is over: before it is on its way, @grpc/grpc-js tells nobody. */
  cancelled(of: keyof typeof SERVICE, when: Promise<unknown>): Promise<Outcome> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(SERVICE[of].path, bytes, bytes, Buffer.from('x'), (error) =>
        resolve(error === null ? 'answered' : outcomeOf(error)),
      );
      void when.then(() => call.cancel());
    });
  }

  clientStream(messages: readonly Buffer[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const { path } = SERVICE.clientStream;
      const call = this.#client.makeClientStreamRequest(path, bytes, bytes, (error, answer) =>
        resolve(error === null ? String(answer) : outcomeOf(error)),
      );
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  serverStream(): Promise<Outcome> {
    const { path } = SERVICE.serverStream;
    const call = this.#client.makeServerStreamRequest(path, bytes, bytes, Buffer.from('x'));
    const heard: string[] = [];
    return new Promise((resolve) => {
      call.on('data', (message: Buffer) => heard.push(String(message)));
      call.on('end', () => resolve(heard.join(' ')));
      call.on('error', (error: grpc.ServiceError) => resolve(outcomeOf(error)));
    });
  }

  bidi(): Conversation {
    return new Conversation(this.#client.makeBidiStreamRequest(SERVICE.bidi.path, bytes, bytes));
  }

  close(): void {
    this.#client.close();
  }
}

/** One call in both directions. */
export class Conversation {
  readonly ended: Promise<Outcome>;
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly #waiting: ((answer: string) => void)[] = [];

  constructor(call: grpc.ClientDuplexStream<Buffer, Buffer>) {
    this.#call = call;
    call.on('data', (message: Buffer) => this.#waiting.shift()?.(String(message)));
    this.ended = new Promise((resolve) => {
      call.on('end', () => resolve('ended'));
      call.on('error', (error: grpc.ServiceError) => resolve(outcomeOf(error)));
    });
  }

  /** The answer to `message`, or how the call ended instead. */
  say(message: string): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#call.write(Buffer.from(message));
    return Promise.race([answer, this.ended]);
  }

  hangUp(): Promise<Outcome> {
    this.#call.end();
    return this.ended;
  }
}

function outcomeOf({ code, details }: grpc.ServiceError): Outcome {
  return `${grpc.status[code]} ${details}`;
}
