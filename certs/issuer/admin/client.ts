// The other end of the admin socket, for the command line.
import { type IncomingMessage, request } from 'node:http';
import { asError, SallyportError } from '../../../core/errors.ts';

/** Reads values of an answer; the answer is our own issuer's, but perhaps of another version. */
export class AdminAnswer {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** As it came, for `--json`. */
  get value(): unknown {
    return this.#value;
  }

  /** @throws ERR_ISSUER_ANSWER */
  text(key: string): string {
    const value = this.#at(key);
    if (typeof value !== 'string') throw strange(key);
    return value;
  }

  /** Null when it is null. @throws ERR_ISSUER_ANSWER */
  textOrNull(key: string): string | null {
    return this.#at(key) === null ? null : this.text(key);
  }

  /** @throws ERR_ISSUER_ANSWER */
  number(key: string): number {
    const value = this.#at(key);
    if (typeof value !== 'number') throw strange(key);
    return value;
  }

  /** Null when it is null. @throws ERR_ISSUER_ANSWER */
  numberOrNull(key: string): number | null {
    return this.#at(key) === null ? null : this.number(key);
  }

  /** @throws ERR_ISSUER_ANSWER */
  flag(key: string): boolean {
    const value = this.#at(key);
    if (typeof value !== 'boolean') throw strange(key);
    return value;
  }

  /** @throws ERR_ISSUER_ANSWER */
  texts(key: string): readonly string[] {
    const value = this.#at(key);
    if (!Array.isArray(value)) throw strange(key);
    return value.map(String);
  }

  /** @throws ERR_ISSUER_ANSWER */
  items(key: string): readonly AdminAnswer[] {
    const value = this.#at(key);
    if (!Array.isArray(value)) throw strange(key);
    return value.map((one) => new AdminAnswer(one));
  }

  /** Null when it is null. @throws ERR_ISSUER_ANSWER */
  part(key: string): AdminAnswer | null {
    const value = this.#at(key);
    return value === null ? null : new AdminAnswer(value);
  }

  #at(key: string): unknown {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) throw strange(key);
    return Reflect.get(value, key);
  }
}

const strange = (key: string): SallyportError =>
  new SallyportError('ERR_ISSUER_ANSWER', `the issuer’s answer has no such \`${key}\``, {
    hint: 'the issuer may be of another version',
  });

/** What to ask: a GET without a body. */
export interface AdminRequest {
  readonly path: string;
  readonly body?: object;
}

const ANSWER_MS_MAX = 60_000;

/** One answer. @throws ERR_ISSUER_NOT_RUNNING, the issuer's own errors */
export async function askAdmin(socket: string, asked: AdminRequest): Promise<AdminAnswer> {
  let text = '';
  for await (const chunk of answerOf(socket, asked)) text += chunk;
  return new AdminAnswer(parse(text));
}

/** The lines of an answer, as they come. @throws ERR_ISSUER_NOT_RUNNING, the issuer's own errors */
export async function* askAdminLines(socket: string, asked: AdminRequest): AsyncGenerator<AdminAnswer> {
  let rest = '';
  for await (const chunk of answerOf(socket, asked)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield new AdminAnswer(parse(line));
  }
  if (rest !== '') throw strange('end');
}

/** The pieces of an answer that is no error. */
async function* answerOf(socketPath: string, asked: AdminRequest): AsyncGenerator<string> {
  const response = await responseTo(socketPath, asked);
  const pieces = piecesOf(socketPath, response);
  if (response.statusCode === 200) return yield* pieces;
  let said = '';
  for await (const piece of pieces) said += piece;
  const answer = new AdminAnswer(parse(said));
  throw new SallyportError(answer.text('code'), answer.text('title'), { hint: answer.text('hint') });
}

function responseTo(socketPath: string, { path, body }: AdminRequest): Promise<IncomingMessage> {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const method = body === undefined ? 'GET' : 'POST';
    const headers = { host: 'issuer', 'content-length': Buffer.byteLength(text) };
    const asked = request({ socketPath, path, method, headers, agent: false, signal }, resolve);
    asked.on('error', (error) => reject(unreachable(socketPath, error)));
    asked.end(text);
  });
}

/** The body, to its end: an issuer may be stopped in the middle of it. */
async function* piecesOf(socketPath: string, response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  try {
    for await (const piece of response) yield String(piece);
  } catch (error) {
    throw unreachable(socketPath, asError(error));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SallyportError('ERR_ISSUER_ANSWER', 'the issuer’s answer is not JSON', { cause });
  }
}

function unreachable(socket: string, cause: NodeJS.ErrnoException): SallyportError {
  if (cause.code === 'EACCES')
    return new SallyportError('ERR_ISSUER_SOCKET', `\`${socket}\` belongs to the user of the issuer`, {
      hint: 'run this as that user',
      cause,
    });
  if (cause.code !== 'ENOENT' && cause.code !== 'ECONNREFUSED')
    return new SallyportError('ERR_ISSUER_SOCKET', `\`${socket}\` does not answer: ${cause.message}`, {
      cause,
    });
  return new SallyportError('ERR_ISSUER_NOT_RUNNING', `no issuer is running on \`${socket}\``, {
    hint: 'start `sallyport certs serve --config FILE`, or name its folder with `--state DIR`',
    cause,
  });
}
