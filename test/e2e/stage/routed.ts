// An application that behaves by path, and a reader of the answers that come back.
import type { Script, Wire } from './wire.ts';

/** One request as the application saw its head. */
export interface Arrival {
  readonly wire: Wire;
  readonly head: string;
  readonly path: string;
  /** Index in `wire.text` of the first byte after the head. */
  readonly bodyAt: number;
  /** How many requests came on this connection before. */
  readonly earlier: number;
}

export type Route = (arrival: Arrival) => void;

/**
 * Calls `seen` and then the route of each head as soon as it is complete; the next head is looked for after
 * the body.
 */
export function routed(routes: Readonly<Record<string, Route>>, seen?: Route): Script {
  return (wire) => {
    let at = 0;
    let earlier = 0;
    wire.socket.on('data', () => {
      for (;;) {
        const end = at === 0 ? 0 : bodyEnd(wire.text, at);
        const headEnd = end < 0 ? -1 : wire.text.indexOf('\r\n\r\n', end);
        if (headEnd < 0) return;
        at = headEnd + 4;
        const head = wire.text.slice(end, at);
        const path = head.split(' ')[1] ?? '';
        const route = routes[path.split('?')[0] ?? ''] ?? routes['*'];
        const arrival = { wire, head, path, bodyAt: at, earlier: earlier++ };
        seen?.(arrival);
        route?.(arrival);
      }
    });
  };
}

/** Where the body ends that begins at `at`, behind its head; -1 while it is not complete. */
function bodyEnd(text: string, at: number): number {
  const head = text.slice(text.lastIndexOf(' HTTP/1.', at), at);
  const end = at + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  if (!/^transfer-encoding: chunked/im.test(head)) return end <= text.length ? end : -1;
  const last = /0\r\n(?:[^\r\n]+\r\n)*\r\n/g;
  last.lastIndex = at;
  return last.test(text) ? last.lastIndex : -1;
}

/** A response with a Content-Length. */
export function response(body: string, { status = '200 OK', lines = '' } = {}): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n${lines}\r\n${body}`;
}

/** One answer as the caller saw it. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The complete answers in `text`, each delimited by Content-Length or chunks, or by the end of `text`. */
export function answers(text: string): Answer[] {
  const all: Answer[] = [];
  let at = 0;
  for (;;) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0) return all;
    const head = text.slice(at, headEnd + 4);
    const status = Number(head.slice(9, 12));
    const length = /^content-length: (\d+)/im.exec(head)?.[1];
    let end = headEnd + 4;
    if (status >= 200 && /^transfer-encoding: chunked/im.test(head)) {
      const last = text.indexOf('\r\n0\r\n', end - 2);
      if (last < 0) return all;
      end = text.indexOf('\r\n\r\n', last + 3) + 4;
    } else if (length !== undefined) end += Number(length);
    else if (status >= 200 && status !== 204 && status !== 304) end = text.length;
    if (end > text.length) return all;
    all.push({ status, head, body: text.slice(headEnd + 4, end) });
    at = end;
  }
}

/** Waits for `count` complete answers. */
export async function answered(caller: Wire, count: number, timeoutMs?: number): Promise<Answer[]> {
  await caller.until((text) => answers(text).length >= count, timeoutMs);
  return answers(caller.text);
}

/** The code of the problem in an answer of the proxy itself. */
export function codeOf(answer: Answer | undefined): string {
  return /"code":"([^"]*)"/.exec(answer?.body ?? '')?.[1] ?? '';
}
