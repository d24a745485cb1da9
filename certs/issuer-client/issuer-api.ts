// The issuer's HTTP API over verified connections. node:https with its own way to connect: it costs 4 MB and
// 10 ms where undici costs 16 MB and 150 ms (docs/issuer-client.md), and is loaded when the issuer is asked.
import type { IncomingMessage } from 'node:http';
import type { Agent, RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { asError } from '../../core/errors.ts';
import { ISSUER_ANSWER_BYTES_MAX, ISSUER_ANSWER_MS_MAX } from '../limits.ts';
import { connectIssuer, type IssuerAddress, type ShownSvid, unreachableError } from './connect.ts';
import { IssuerClientError, reasonOf } from './problem.ts';
import {
  readProblem,
  readSvidAnswer,
  readTrustAnswer,
  type SvidAnswer,
  type TrustAnswer,
} from './read-answer.ts';
import type { IssuerTrust } from './verify-issuer.ts';

/** How a request reaches the issuer: whom to believe that it is, and as whom to ask. */
export interface IssuerAccess {
  readonly trust: IssuerTrust;
  readonly svid: ShownSvid | null;
}

/** The body of `POST /v1/svid`. Without a token the SVID that is shown is renewed. */
export interface SvidRequest {
  /** PEM. */
  readonly csr: string;
  readonly joinToken?: string;
  readonly serviceAccountToken?: string;
}

/** The query of `GET /v1/trust`. */
export interface TrustQuery {
  /** Null = whatever there is, now. */
  readonly after: number | null;
  /** Milliseconds that the issuer may wait for something newer; null = not at all. */
  readonly waitMs: number | null;
  /** Ends the wait; the answer is then null. */
  readonly signal: AbortSignal;
}

interface Followed {
  access: IssuerAccess;
  readonly agent: Agent;
  /** Null until there is one. */
  socket: TLSSocket | null;
}

interface Exchange {
  readonly options: RequestOptions;
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** Talks to one issuer. */
export class IssuerApi {
  readonly #address: IssuerAddress;
  readonly #clock: Clock;
  /** The connection on which trust is followed, and for whom it was made. */
  #followed: Followed | null = null;

  constructor(address: IssuerAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  /** On a connection of its own. @throws IssuerClientError */
  async requestSvid(request: SvidRequest, access: IssuerAccess, signal: AbortSignal): Promise<SvidAnswer> {
    const agent = await this.#agent(
      () => access,
      () => undefined,
    );
    try {
      const answer = await this.#exchange({
        options: { agent, method: 'POST', path: '/v1/svid' },
        body: JSON.stringify(request),
        timeoutMs: ISSUER_ANSWER_MS_MAX,
        signal,
      });
      if (answer.status !== 200) throw this.#refusal(answer);
      return readSvidAnswer(answer.body);
    } finally {
      agent.destroy();
    }
  }

  /**
   * On a connection that stays. Null: nothing newer than `after`. At the start of a connection the issuer is
   * asked for what there is: it may be another than it was, and count from an earlier number.
   * @throws IssuerClientError
   */
  async trust({ after, waitMs, signal }: TrustQuery, access: IssuerAccess): Promise<TrustAnswer | null> {
    const { agent, socket } = await this.#follow(access);
    const query = new URLSearchParams();
    const waits = after !== null && waitMs !== null && socket !== null && !socket.destroyed;
    if (waits) {
      query.set('after', String(after));
      query.set('wait', String(Math.ceil(waitMs / 1_000)));
    }
    try {
      const answer = await this.#exchange({
        options: { agent, method: 'GET', path: waits ? `/v1/trust?${query}` : '/v1/trust' },
        body: null,
        timeoutMs: (waits ? waitMs : 0) + ISSUER_ANSWER_MS_MAX,
        signal,
      });
      if (answer.status === 204) return null;
      if (answer.status !== 200) throw this.#refusal(answer);
      return readTrustAnswer(answer.body);
    } catch (error) {
      this.close(); // the next one starts from a new connection
      if (signal.aborted) return null;
      throw error;
    }
  }

  /** Ends the connection that stays. */
  close(): void {
    this.#followed?.agent.destroy();
    this.#followed = null;
  }

  /** A new one when the SVID or the CAs changed: the issuer tells by the SVID whether to renew. */
  async #follow(access: IssuerAccess): Promise<Followed> {
    const followed = this.#followed;
    if (followed !== null && sameAccess(followed.access, access)) {
      followed.access = access;
      return followed;
    }
    this.close();
    const agent = await this.#agent(
      () => next.access,
      (socket) => {
        next.socket = socket;
      },
    );
    const next: Followed = { access, agent, socket: null };
    this.#followed = next;
    return next;
  }

  async #agent(access: () => IssuerAccess, connected: (socket: TLSSocket) => void): Promise<Agent> {
    const https = await import('node:https');
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const [address, clock] = [this.#address, this.#clock];
    agent.createConnection = (_options, done) => {
      const failed = (error: unknown): void => done?.(asError(error), undefined as never);
      connectIssuer({ address, clock, ...access() }).then((socket) => {
        connected(socket);
        done?.(null, socket);
      }, failed);
      return undefined;
    };
    return agent;
  }

  async #exchange({ options, body, timeoutMs, signal }: Exchange): Promise<Answer> {
    const https = await import('node:https');
    const ended = new AbortController();
    const timer = this.#clock.after(timeoutMs, () => ended.abort(new Error('no answer in time')));
    const stop = (): void => ended.abort(new Error('given up'));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const request = https.request({ ...options, ...this.#address, signal: ended.signal });
        request.on('error', reject);
        request.on('response', (response) => collect(response).then(resolve, reject));
        if (body !== null) request.setHeader('content-type', 'application/json');
        request.setHeader('accept', 'application/json, application/problem+json');
        request.end(body);
      });
    } catch (error) {
      if (error instanceof IssuerClientError) throw error;
      const why = ended.signal.aborted ? reasonOf(ended.signal.reason) : reasonOf(error);
      throw unreachableError(this.#address, why, error);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', stop);
    }
  }

  #refusal({ status, retryAfter, body }: Answer): IssuerClientError {
    const problem = readProblem(body);
    const said = problem === null ? `status ${status}` : `status ${status}, ${problem.text}`;
    const retryAfterMs = retryAfterMsOf(retryAfter);
    const details = { status, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
    if (status === 429 || status >= 500)
      return new IssuerClientError('ERR_ISSUER_CLIENT_BUSY', `the issuer cannot do it now: ${said}`, {
        hint: problem?.hint ?? 'it is tried again',
        ...details,
      });
    return new IssuerClientError('ERR_ISSUER_CLIENT_REFUSED', `the issuer refuses: ${said}`, {
      hint: problem?.hint ?? 'its audit log says why',
      ...details,
    });
  }
}

/** The whole body. @throws ERR_ISSUER_CLIENT_ANSWER */
async function collect(response: IncomingMessage): Promise<Answer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    if (!Buffer.isBuffer(part)) throw new Error('a response without encoding gives buffers');
    bytes += part.length;
    if (bytes > ISSUER_ANSWER_BYTES_MAX) {
      response.destroy();
      throw new IssuerClientError(
        'ERR_ISSUER_CLIENT_ANSWER',
        `the issuer's answer is larger than ${ISSUER_ANSWER_BYTES_MAX} bytes`,
        { hint: 'how many bundles and revoked certificates does it publish?' },
      );
    }
    parts.push(part);
  }
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    body: Buffer.concat(parts).toString('utf8'),
  };
}

const RETRY_AFTER_S_MAX = 300;

/** RFC 9110 section 10.2.3, in seconds; null when it is a date or something else. */
function retryAfterMsOf(value: string | undefined): number | null {
  const seconds = Number(value);
  if (value === undefined || value === '' || !Number.isSafeInteger(seconds) || seconds < 0) return null;
  return Math.min(seconds, RETRY_AFTER_S_MAX) * 1_000;
}

function sameAccess(a: IssuerAccess, b: IssuerAccess): boolean {
  const anchors = ({ trust }: IssuerAccess): string => trust.anchors.map((ca) => ca.fingerprintSha256).join();
  return a.svid?.certificateChainPem === b.svid?.certificateChainPem && anchors(a) === anchors(b);
}
