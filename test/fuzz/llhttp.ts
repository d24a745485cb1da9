// The oracle: Node's own llhttp in strict mode (no lenient flags), driven directly.

import http from 'node:http';
import { createRequire } from 'node:module';

/** One message as llhttp read it. */
export interface Message {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

/** What llhttp made of a byte stream. */
export interface Reading {
  /** Complete messages. */
  readonly messages: readonly Message[];
  /** Its error code, or null. */
  readonly error: string | null;
}

interface NodeParser {
  [callback: number]: unknown;
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | (Error & { code: string });
  finish(): number | (Error & { code: string }) | undefined;
  /** Frees the native parser; nothing else does. */
  close(): void;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

interface Internals {
  readonly HTTPParser: NodeParserClass;
  readonly methods: readonly string[];
}

// Node documents no other way to its parser; the fields are those of lib/_http_common.js.
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as Internals;
const HEADER_BYTES_MAX = 1_048_576;

/** Methods that llhttp knows; it refuses every other token. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set(http.METHODS);

/** Reads `bytes` as requests, or as responses to `responsesTo`; `ended`: the connection closes after them. */
export function readWithLlhttp(bytes: Buffer, responsesTo: 'GET' | 'HEAD' | null, ended = false): Reading {
  const reader = new Reader(responsesTo);
  try {
    return reader.read(bytes, ended);
  } finally {
    reader.close();
  }
}

class Reader {
  private readonly parser = new HTTPParser();
  private readonly responsesTo: string | null;
  private readonly messages: Message[] = [];
  private pairs: string[] = [];
  private url = '';
  private current: { -readonly [K in keyof Message]: Message[K] } | null = null;

  constructor(responsesTo: string | null) {
    this.responsesTo = responsesTo;
    const { parser } = this;
    parser.initialize(
      responsesTo === null ? HTTPParser.REQUEST : HTTPParser.RESPONSE,
      {},
      HEADER_BYTES_MAX,
      0,
    );
    parser[HTTPParser.kOnHeaders | 0] = (pairs: string[], url: string): void => {
      this.pairs.push(...pairs);
      if (this.current === null) this.url += url;
    };
    parser[HTTPParser.kOnHeadersComplete | 0] = this.onHeadersComplete.bind(this);
    parser[HTTPParser.kOnBody | 0] = (body: Buffer): void => {
      if (this.current !== null) this.current.body += body.toString('latin1');
    };
    parser[HTTPParser.kOnMessageComplete | 0] = (): void => {
      if (this.current === null) return;
      this.current.trailers = this.takePairs();
      this.messages.push(this.current);
      this.current = null;
    };
  }

  read(bytes: Buffer, ended: boolean): Reading {
    const result = this.parser.execute(bytes);
    let error = result instanceof Error ? result.code : null;
    if (error === null && ended && (typeof result !== 'number' || result === bytes.length)) {
      const end = this.parser.finish();
      if (end instanceof Error) error = end.code;
    }
    return { messages: this.messages, error };
  }

  close(): void {
    this.parser.close();
  }

  private onHeadersComplete(
    _major: number,
    minor: number,
    pairs: string[] | undefined,
    method: number | undefined,
    url: string | undefined,
    status: number | undefined,
  ): number {
    if (pairs !== undefined) this.pairs.push(...pairs);
    this.current = {
      method: method === undefined ? '' : (methods[method] ?? ''),
      target: this.url === '' ? (url ?? '') : this.url,
      minor,
      status: status ?? 0,
      headers: this.takePairs(),
      body: '',
      trailers: [],
    };
    this.url = '';
    return this.responsesTo === 'HEAD' ? 1 : 0;
  }

  private takePairs(): [string, string][] {
    const pairs: [string, string][] = [];
    for (let i = 0; i + 1 < this.pairs.length; i += 2)
      pairs.push([this.pairs[i] ?? '', this.pairs[i + 1] ?? '']);
    this.pairs = [];
    return pairs;
  }
}
