// A collector of OTLP/HTTP on node:http: keeps what it was sent, and answers as it is told.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './observe.ts';

/** One span as it was sent, and the resource that it came with. */
export interface SentSpan {
  readonly span: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** One export. */
export interface Export {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Answers one export; `count` exports came before it. Not to answer is an answer as well. */
export type Answer = (response: http.ServerResponse, count: number) => void;

export const TAKEN: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
};

/** An answer with a status and headers. */
export const status =
  (code: number, headers: http.OutgoingHttpHeaders = {}, body = ''): Answer =>
  (response) => {
    response.writeHead(code, headers).end(body);
  };

export class Collector {
  readonly exports: Export[] = [];
  readonly port: number;
  answer: Answer = TAKEN;
  private readonly server: http.Server;

  private constructor(server: http.Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<Collector> {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const collector = new Collector(server);
    server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        collector.exports.push({ method, path: url, headers, text });
        collector.answer(response, collector.exports.length - 1);
      });
    });
    return collector;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}/v1/traces`;
  }

  /** The `tracing` block of a configuration that exports here. */
  block(keys = ''): string {
    return `tracing: { endpoint: "${this.endpoint}", interval: 100ms${keys} }`;
  }

  spans(): SentSpan[] {
    return this.exports.flatMap(({ text }) => spansOf(JSON.parse(text)));
  }

  /** Waits for the spans of one path, one for each kind that is wanted. */
  of(path: string, count: number): Promise<SentSpan[]> {
    const found = (): SentSpan[] => this.spans().filter((one) => one.attributes['url.path'] === path);
    return eventually(found, (spans) => spans.length >= count);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

type Json = Readonly<Record<string, unknown>>;

/** Every span of one export. */
export function spansOf(body: unknown): SentSpan[] {
  return list(body, 'resourceSpans').flatMap((group) =>
    list(group, 'scopeSpans').flatMap((scope) =>
      list(scope, 'spans').map((span) => ({
        span: span as Json,
        attributes: valuesOf(list(span, 'attributes')),
        resource: valuesOf(list(Reflect.get(Object(group), 'resource'), 'attributes')),
      })),
    ),
  );
}

function list(of: unknown, key: string): unknown[] {
  const value: unknown = Reflect.get(Object(of), key);
  if (!Array.isArray(value)) throw new Error(`${key} is no list: ${JSON.stringify(of)}`);
  return value;
}

function valuesOf(attributes: readonly unknown[]): Json {
  return Object.fromEntries(
    attributes.map((one) => {
      const { key, value } = one as { key: string; value: Json };
      return [key, plain(value)];
    }),
  );
}

/** An AnyValue of the OTLP JSON mapping as plain data; integers stay strings. */
function plain(value: Json): unknown {
  const entries = Object.entries(value);
  const [kind, held] = entries[0] ?? ['', undefined];
  if (entries.length !== 1) throw new Error(`not one value: ${JSON.stringify(value)}`);
  if (kind === 'arrayValue') return list(held, 'values').map((one) => plain(one as Json));
  return held;
}
