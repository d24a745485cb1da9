// A proxy between a caller that speaks HTTP/2 and an application that speaks HTTP/1.1 and keeps what it
// reads.
import { type Answer, Http2Caller } from './http2-caller.ts';
import * as h from './http2-frames.ts';
import { type Field, FLAG } from './http2-frames.ts';
import { response, routed } from './routed.ts';
import { ALLOW_MESH, type RunningProxy, Stage, type SvidFiles } from './stage.ts';
import { Application } from './wire.ts';

/** One request as it is sent. */
export interface Sent {
  readonly fields: readonly Field[];
  /** DATA frames behind it; none: the header block is all. */
  readonly data?: readonly string[];
  readonly trailers?: readonly Field[];
}

/** Policies deny `x-role: admin`: a header that must not be smuggled. */
const DENY_ROLE = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admins, namespace: shop }
spec:
  action: DENY
  rules: [{ when: [{ key: "request.headers[x-role]", values: ["admin"] }] }]
`;

export class Downgrade {
  readonly stage: Stage;
  readonly proxy: RunningProxy;
  readonly application: Application;
  private readonly web: SvidFiles;
  private caller: Http2Caller | null = null;
  private nextId = 1;

  private constructor(stage: Stage, web: SvidFiles, of: { proxy: RunningProxy; application: Application }) {
    this.stage = stage;
    this.web = web;
    this.proxy = of.proxy;
    this.application = of.application;
  }

  static async start(): Promise<Downgrade> {
    const stage = await Stage.create();
    const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    const application = await Application.start(routed({ '*': ({ wire }) => wire.send(response('ok')) }));
    const policies = { 'mesh.yaml': ALLOW_MESH, 'admins.yaml': DENY_ROLE };
    const proxy = await stage.start({ upstreamPort: application.port, policies });
    return new Downgrade(stage, web, { proxy, application });
  }

  /** Everything that the application read. */
  get arrived(): string {
    return this.application.connections.map(({ text }) => text).join('');
  }

  /** Sends one request on a connection that is used again. */
  async send({ fields, data, trailers }: Sent): Promise<Answer> {
    // A fault costs a connection one of its resets: a new one for each hundred streams.
    if (this.caller === null || this.caller.goaway !== null || this.nextId > 200) {
      this.caller?.close();
      this.caller = await Http2Caller.connect(this.stage, this.web);
      this.nextId = 1;
    }
    const id = this.nextId;
    this.nextId += 2;
    const bare = data === undefined && trailers === undefined;
    const frames = [h.headers(id, fields, bare ? FLAG.END_HEADERS | FLAG.END_STREAM : FLAG.END_HEADERS)];
    for (const [i, piece] of (data ?? []).entries()) {
      const last = trailers === undefined && i === (data ?? []).length - 1;
      frames.push(h.data(id, piece, last ? FLAG.END_STREAM : 0));
    }
    if (trailers !== undefined) frames.push(h.headers(id, trailers));
    this.caller.send(...frames);
    return this.caller.over(id);
  }

  async close(): Promise<void> {
    this.caller?.close();
    await this.stage.close();
    this.application.close();
  }
}

/** A GET for /evil with another value of one pseudo-header field. */
export const instead = (name: string, value: string): Field[] =>
  h.get('/evil').map((field) => (field[0] === name ? [name, value] : field));

/** A GET for /evil without one field. */
export const without = (name: string): Field[] => h.get('/evil').filter(([key]) => key !== name);

/** A GET for /evil with more fields. */
export const having = (...more: Field[]): Sent => ({ fields: h.get('/evil', more) });
