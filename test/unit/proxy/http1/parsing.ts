// How the tests of this folder call the parsers.
import type { PathMode } from '../../../../core/path.ts';
import type { Reason } from '../../../../core/reasons.ts';
import { ChunkedDecoder, type ChunkedMode } from '../../../../proxy/http1/chunked.ts';
import { RequestParser, type RequestParserOptions } from '../../../../proxy/http1/parse-request.ts';
import { ResponseParser } from '../../../../proxy/http1/parse-response.ts';
import { ProtectedNames } from '../../../../proxy/http1/protected-names.ts';

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A request head with a Host unless `lines` says otherwise. */
export const request = (line: string, ...lines: string[]): string =>
  `${[line, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`;

export const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
/** A websocket upgrade with `line` as its request line. */
export const websocket = (line: string, ...lines: string[]): string =>
  request(line, 'Connection: Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 13', ...lines);

export interface ParserChoice {
  readonly paths?: PathMode;
  readonly proxy?: boolean;
  readonly policyNames?: readonly string[];
  readonly headBytesMax?: number;
  readonly headersMax?: number;
  readonly targetBytesMax?: number;
}

export function parserOptions(choice: ParserChoice = {}): RequestParserOptions {
  return {
    headBytesMax: choice.headBytesMax ?? 65_536,
    headersMax: choice.headersMax ?? 100,
    targetBytesMax: choice.targetBytesMax ?? 8_192,
    paths: choice.paths ?? 'reject',
    proxy: choice.proxy ?? false,
    names: new ProtectedNames(choice.policyNames ?? ['x-user']),
  };
}

/** The parser after `text` arrived in one piece, and what `push` returned. */
export function parseRequest(text: string, choice: ParserChoice = {}): { next: number; head: RequestParser } {
  const head = new RequestParser(parserOptions(choice));
  return { next: head.push(latin1(text), 0), head };
}

/** The fault of a request head, `more` when it is not complete, null when it is accepted. */
export function requestFault(text: string, choice: ParserChoice = {}): Reason | 'more' | null {
  const { next, head } = parseRequest(text, choice);
  return next === 0 ? 'more' : head.fault;
}

/** Delivers `text` in pieces that end at `cuts`, from a buffer that is overwritten after each call. */
export function pushInPieces(
  push: (chunk: Buffer, at: number) => number,
  text: string,
  cuts: readonly number[],
): number {
  const shared = Buffer.alloc(text.length);
  let from = 0;
  for (const cut of [...cuts, text.length]) {
    if (cut <= from) continue;
    const piece = latin1(text.slice(from, cut));
    piece.copy(shared);
    const next = push(shared.subarray(0, piece.length), 0);
    shared.fill(0x00);
    if (next !== 0) return next < 0 ? -1 : from + next;
    from = cut;
  }
  return 0;
}

export function parseResponse(text: string, method = 'GET'): { next: number; head: ResponseParser } {
  const head = new ResponseParser();
  return { next: head.push(latin1(text), 0, method), head };
}

export interface Decoded {
  readonly fault: Reason | null;
  readonly done: boolean;
  /** Bytes of the input that belong to the body. */
  readonly taken: number;
  readonly out: string;
  readonly dataBytes: number;
}

/** Decodes `text` delivered in pieces that end at `cuts`. */
export function decodeChunked(
  text: string,
  mode: ChunkedMode = 'relay',
  cuts: readonly number[] = [],
  policyNames: readonly string[] = ['x-user'],
): Decoded {
  const decoder = new ChunkedDecoder({
    trailerBytesMax: 1_024,
    trailersMax: 8,
    names: new ProtectedNames(policyNames),
  });
  decoder.start(mode);
  let result = '';
  let taken = 0;
  let from = 0;
  for (const cut of [...cuts, text.length]) {
    if (cut <= from || decoder.done) continue;
    const piece = latin1(text.slice(from, cut));
    const out: Buffer[] = [];
    const next = decoder.push(piece, 0, out);
    if (decoder.fault === null) result += Buffer.concat(out).toString('latin1');
    piece.fill(0);
    taken = from + next;
    from = cut;
  }
  return { fault: decoder.fault, done: decoder.done, taken, out: result, dataBytes: decoder.dataBytes };
}
