// One export: POST of OTLP/HTTP with JSON, and what the answer means. undici is the client; it is loaded by
// what imports this file, only when tracing is on. Neither proxy variables of the environment nor redirects
// are followed: the headers hold credentials of this one endpoint.
import { Client } from 'undici';
import type { Clock } from '../../../core/clock.ts';

/** How one export ended. */
export type Outcome =
  /** `rejected`: the spans of it that the collector did not want. */
  | { readonly result: 'taken'; readonly rejected: number; readonly message: string }
  /** Never to be sent again. */
  | { readonly result: 'refused'; readonly why: string; readonly retryAfterMs: null }
  /** To be tried again, after `retryAfterMs` where the collector said so. */
  | { readonly result: 'unavailable'; readonly why: string; readonly retryAfterMs: number | null };

/** Sends bodies, one at a time. */
export interface Transport {
  /** Never rejects. */
  send(body: Buffer): Promise<Outcome>;
  /** Ends what is in flight; nothing is sent any more. */
  abort(): void;
  readonly aborted: boolean;
}

/** Where to, and with what. */
export interface OtlpOptions {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM; null = those that Node ships. */
  readonly ca: string | null;
  readonly timeoutMs: number;
  readonly version: string;
  readonly clock: Clock;
}

/** Of an answer: a few counters or an error are expected. */
const ANSWER_BYTES_MAX = 64 * 1024;
const MESSAGE_CHARS_MAX = 256;
const MASK = '[redacted]';
// OTLP specification, "Retryable Response Codes".
const RETRYABLE = new Set([429, 502, 503, 504]);

/** A client of one collector. */
export class OtlpClient implements Transport {
  aborted = false;
  readonly #options: OtlpOptions;
  readonly #client: Client;
  readonly #path: string;
  readonly #headers: Record<string, string>;
  #flying: AbortController | null = null;

  constructor(options: OtlpOptions) {
    const { endpoint, ca, timeoutMs, headers, version } = options;
    const { origin, pathname } = new URL(endpoint);
    this.#options = options;
    this.#path = pathname;
    this.#headers = {
      'user-agent': `sallyport/${version}`,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      'content-type': 'application/json',
    };
    this.#client = new Client(origin, {
      connect: { timeout: timeoutMs, ...(ca === null ? {} : { ca }) },
      allowH2: false,
      // One timer for the whole export, below.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: ANSWER_BYTES_MAX,
    });
  }

  async send(body: Buffer): Promise<Outcome> {
    const { clock, timeoutMs } = this.#options;
    const flying = new AbortController();
    this.#flying = flying;
    const timer = clock.after(timeoutMs, () => flying.abort());
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await this.#client.request({
        method: 'POST',
        path: this.#path,
        headers: this.#headers,
        body,
        signal: flying.signal,
      });
      // An answer that is too long or breaks off says nothing more than its status.
      const text = await answer.text().catch(() => '');
      return this.#outcome(statusCode, text, headers['retry-after']);
    } catch (error) {
      const why = flying.signal.aborted ? 'timeout' : errorCode(error);
      return { result: 'unavailable', why, retryAfterMs: null };
    } finally {
      timer.cancel();
      this.#flying = null;
    }
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.#flying?.abort();
    // What it rejects with was told by `send`.
    this.#client.destroy().catch(() => undefined);
  }

  #outcome(status: number, text: string, retryAfter: string | string[] | undefined): Outcome {
    if (status >= 200 && status < 300) return this.#taken(text);
    const why = `status ${status}`;
    if (!RETRYABLE.has(status)) return { result: 'refused', why, retryAfterMs: null };
    return { result: 'unavailable', why, retryAfterMs: this.#retryAfterMs(retryAfter) };
  }

  // {"partialSuccess":{"rejectedSpans":"1","errorMessage":"…"}}
  #taken(text: string): Outcome {
    const partial = at(parsed(text), 'partialSuccess');
    const rejected = Number(at(partial, 'rejectedSpans') ?? 0);
    const message = at(partial, 'errorMessage');
    return {
      result: 'taken',
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
      message: typeof message === 'string' ? this.#masked(message).slice(0, MESSAGE_CHARS_MAX) : '',
    };
  }

  /** A collector may say what it was sent. */
  #masked(message: string): string {
    return Object.values(this.#options.headers).reduce(
      (out, secret) => out.replaceAll(secret, MASK),
      message,
    );
  }

  /** RFC 9110 section 10.2.3: seconds, or a date. */
  #retryAfterMs(value: string | string[] | undefined): number | null {
    if (typeof value !== 'string' || value === '') return null;
    const seconds = Number(value);
    const ms = Number.isNaN(seconds) ? Date.parse(value) - this.#options.clock.now() : seconds * 1_000;
    return Number.isNaN(ms) ? null : Math.max(0, ms);
  }
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.name;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // an empty or another answer: all was taken
  }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
