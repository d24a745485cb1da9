// Our parsers as a connection drives them: heads, bodies and what would be forwarded, from bytes in pieces.
import type { Reason } from '../../core/reasons.ts';
import { Body } from '../../proxy/http1/body.ts';
import { type ForwardOptions, forwardHead, sanitizedLines } from '../../proxy/http1/forward-head.ts';
import { forwardResponseHead } from '../../proxy/http1/forward-response.ts';
import { LINE_SLOTS } from '../../proxy/http1/head.ts';
import { HeadWriter } from '../../proxy/http1/head-writer.ts';
import type { HeaderLines } from '../../proxy/http1/header-lines.ts';
import { RequestParser } from '../../proxy/http1/parse-request.ts';
import { ResponseParser } from '../../proxy/http1/parse-response.ts';
import { ProtectedNames } from '../../proxy/http1/protected-names.ts';

/** One message as we read it. */
export interface OurMessage {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Path and query, as judged. */
  readonly forwardTarget: string;
  /** The whole message as it goes on. */
  forwarded: string;
  /** True when nothing may follow on this connection. */
  readonly last: boolean;
}

export interface OurReading {
  /** Complete messages. */
  readonly messages: OurMessage[];
  readonly fault: Reason | null;
  /** True when the last response runs until the connection closes. */
  readonly untilClose: boolean;
}

const NAMES = new ProtectedNames(['x-user']);
const CHUNKED = { trailerBytesMax: 8_192, trailersMax: 32, names: NAMES };
const CALLER = { clientCert: 'URI=spiffe://td/a', clientIp: '10.0.0.7', proto: 'https' } as const;
const FORWARD: ForwardOptions = {
  ...CALLER,
  forwarded: 'sanitize',
  authority: '127.0.0.1:8080',
  ids: {
    requestId: 'id',
    traceparent: '00-a-b-00',
    traceparentKept: false,
    tracestateKept: false,
    writeIds: (writer) => writer.text('x-request-id: id\r\ntraceparent: 00-a-b-00\r\n'),
  },
  sanitized: sanitizedLines({ ...CALLER, forwarded: 'sanitize' }),
};

/** Reads `bytes`, delivered in pieces that end at `cuts`, as requests or as responses to `responsesTo`. */
export function readOurs(
  bytes: Buffer,
  cuts: readonly number[],
  responsesTo: 'GET' | 'HEAD' | null,
): OurReading {
  const reader = new Reader(responsesTo);
  const shared = Buffer.alloc(bytes.length);
  let from = 0;
  for (const end of [...cuts, bytes.length]) {
    const cut = Math.min(end, bytes.length);
    if (cut <= from) continue;
    bytes.copy(shared, 0, from, cut);
    reader.take(shared.subarray(0, cut - from));
    shared.fill(0);
    from = cut;
  }
  reader.close();
  return reader;
}

class Reader implements OurReading {
  private readonly writer = new HeadWriter();
  readonly messages: OurMessage[] = [];
  fault: Reason | null = null;
  untilClose = false;
  private readonly request = new RequestParser({
    headBytesMax: 65_536,
    headersMax: 100,
    targetBytesMax: 8_192,
    paths: 'reject',
    proxy: false,
    names: NAMES,
  });
  private readonly response = new ResponseParser();
  private readonly body = new Body(CHUNKED);
  private readonly responsesTo: 'GET' | 'HEAD' | null;
  private current: OurMessage | null = null;
  private over = false;

  constructor(responsesTo: 'GET' | 'HEAD' | null) {
    this.responsesTo = responsesTo;
  }

  take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.over) {
      at = this.current === null ? this.takeHead(chunk, at) : this.takeBody(chunk, at, this.current);
      if (at <= 0) return;
    }
  }

  /** The connection closes. */
  close(): void {
    if (!this.over && this.current !== null && this.body.framing === 'until-close') this.complete();
  }

  private takeHead(chunk: Buffer, at: number): number {
    const next =
      this.responsesTo === null
        ? this.request.push(chunk, at)
        : this.response.push(chunk, at, this.responsesTo);
    if (next < 0) this.end(this.responsesTo === null ? this.request.fault : this.response.fault);
    if (next <= 0) return next;
    if (this.responsesTo === null) this.beginRequest();
    else this.beginResponse();
    if (this.body.done) this.complete();
    return next;
  }

  private takeBody(chunk: Buffer, at: number, message: OurMessage): number {
    const out: Buffer[] = [];
    const next = this.body.take(chunk, at, out);
    if (this.body.fault !== null) {
      this.end(this.body.fault);
      return -1;
    }
    message.forwarded += Buffer.concat(out).toString('latin1');
    if (this.body.done) this.complete();
    return next;
  }

  private beginRequest(): void {
    const head = this.request;
    const { method, target, minor } = head;
    this.current = {
      ...{ method, target, minor, status: 0, headers: pairs(head) },
      forwardTarget: head.path + head.query,
      forwarded: this.written((writer) => forwardHead(writer, head, FORWARD)),
      last: !head.keepAlive || head.upgrade !== '',
    };
    this.body.start(
      head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none',
      head.contentLength,
      false,
    );
  }

  private beginResponse(): void {
    const head = this.response;
    const { minor, status, framing } = head;
    this.current = {
      ...{ method: '', target: '', minor, status, headers: pairs(head), forwardTarget: '' },
      forwarded: this.written((writer) =>
        forwardResponseHead(writer, head, {
          minor: 1,
          persist: true,
          upgrade: status === 101 ? 'websocket' : '',
        }),
      ),
      last: (status >= 200 && !head.keepAlive) || status === 101,
    };
    this.untilClose = framing === 'until-close';
    this.body.start(framing, head.contentLength, false);
  }

  private written(write: (writer: HeadWriter) => void): string {
    this.writer.begin();
    write(this.writer);
    return this.writer.view().toString('latin1');
  }

  private complete(): void {
    if (this.current === null) return;
    this.messages.push(this.current);
    this.over = this.current.last;
    this.current = null;
  }

  private end(fault: Reason | null): void {
    this.fault = fault;
    this.over = true;
  }
}

function pairs(head: HeaderLines): [string, string][] {
  const all: [string, string][] = [];
  const { text, lines } = head;
  for (let o = 0; o < head.headerCount * LINE_SLOTS; o += LINE_SLOTS) {
    all.push([text.slice(lines[o], lines[o + 1]), text.slice(lines[o + 2], lines[o + 3])]);
  }
  return all;
}
