// The response of one stream on its way to the caller: heads become header blocks, bodies become DATA.
import type { HeadWriter } from '../http1/head-writer.ts';
import type { RequestState } from '../http1/request-state.ts';
import type { ResponseOutput } from '../http1/response-output.ts';
import { both } from './never-indexed.ts';
import type { ServerSession } from './server-session.ts';
import type { Stream } from './stream.ts';

export class StreamOutput implements ResponseOutput {
  readonly delimits = true;
  private readonly session: ServerSession;
  private readonly stream: Stream;
  private readonly request: RequestState;

  constructor(session: ServerSession, stream: Stream, request: RequestState) {
    this.session = session;
    this.stream = stream;
    this.request = request;
  }

  /** Sends a whole head of HTTP/1.1; `last` = nothing follows. */
  head(head: Buffer, last: boolean): void {
    this.session.writeResponse(this.stream, last, head);
    if (last) this.stream.localEnded = true;
  }

  mark(names: ReadonlySet<string>): void {
    this.stream.neverIndexed = both(this.stream.neverIndexed, names);
  }

  send(writer: HeadWriter, chunk: Buffer, at: number, end: number, last: boolean): boolean {
    this.request.bytesOut += writer.size + end - at;
    const bare = at === end;
    const ended = this.pendingHead(writer, last && bare);
    if (ended || (bare && !last)) return true;
    return this.stream.send(chunk, at, end, last);
  }

  sendParts(writer: HeadWriter, parts: readonly Buffer[], trailers: Buffer | null): boolean {
    this.request.bytesOut += writer.lengthWith(parts);
    const bare = trailers !== null && trailers.length === 0;
    if (this.pendingHead(writer, bare && parts.length === 0)) return true;
    let open = true;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Buffer;
      open = this.stream.send(part, 0, part.length, bare && i === parts.length - 1);
    }
    if (trailers !== null && (!bare || parts.length === 0)) this.stream.sendEnd(trailers);
    return open;
  }

  raw(): boolean {
    return true; // no stream becomes a tunnel
  }

  /** Sends the head that `writer` holds, if any; true when that was the last of the response. */
  private pendingHead(writer: HeadWriter, last: boolean): boolean {
    if (writer.size === 0) return false;
    this.head(writer.view(), last);
    writer.begin();
    return last;
  }
}
