// A client of the Workload API that asks scripted agents, and the answers they give.
import { type Authority, createAuthority, type IssuedSvid } from '../../../../certs/authority/authority.ts';
import type { SvidSource } from '../../../../certs/source.ts';
import { writeX509SvidResponse, type X509SvidResponse } from '../../../../certs/workload-api/messages.ts';
import { openWorkloadApiSource } from '../../../../certs/workload-api/svid-source.ts';
import { type Clock, systemClock } from '../../../../core/clock.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { ID } from '../make-certificate.ts';
import { dersOf } from './held-feed.ts';
import { answer, dataOf, framed, type Greeting, type Script, ScriptedAgent } from './scripted-agent.ts';

/** Waits pass fifty times as fast. */
const FAST: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 50, task) };

export type Change = Partial<X509SvidResponse['svids'][number]>;

/** An identity, and answers with it. */
export class Answers {
  readonly ca: Authority;
  readonly svid: IssuedSvid;

  private constructor(ca: Authority, svid: IssuedSvid) {
    this.ca = ca;
    this.svid = svid;
  }

  static async create(): Promise<Answers> {
    const ca = await createAuthority({ trustDomain: 'example.org' });
    return new Answers(ca, await ca.issue({ spiffeId: ID }));
  }

  /** An answer with one SVID for each of `changes`. */
  message(...changes: readonly Change[]): X509SvidResponse {
    const good = { ...this.of(this.svid), spiffeId: ID, bundle: this.ca.certificate.der, hint: '' };
    return {
      svids: changes.map((change) => ({ ...good, ...change })),
      crls: [],
      federatedBundles: new Map(),
    };
  }

  /** Certificate and key of `svid`. */
  of(svid: IssuedSvid): { x509Svid: Buffer; x509SvidKey: Buffer } {
    const [x509SvidKey = Buffer.alloc(0)] = dersOf(svid.privateKeyPem ?? '');
    return { x509Svid: Buffer.concat(svid.chainDer), x509SvidKey };
  }

  /** A good answer, framed. */
  good(): Buffer {
    return framed(writeX509SvidResponse(this.message({})));
  }

  /** Says a good answer. */
  readonly sayGood: Script = (say) => say(Buffer.concat([answer(), dataOf(this.good())]));
}

/** Says what `make` returns; `thenEnd`: and ends the connection. */
export const saying =
  (make: () => Buffer, thenEnd = false): Script =>
  (say, end) => {
    say(make());
    if (thenEnd) end();
  };

/** Says `response` and nothing else. */
export const sayingMessage = (make: () => X509SvidResponse): Script =>
  saying(() => Buffer.concat([answer(), dataOf(framed(writeX509SvidResponse(make())))]));

export interface Asked {
  readonly source: Promise<SvidSource>;
  readonly agent: ScriptedAgent;
  /** What it waited for. */
  readonly waits: Diagnostic[];
}

/** Asks agents; what it opened is closed with it. */
export class Asking {
  readonly #opened: { close(): unknown }[] = [];

  async ask(
    scripts: readonly Script[],
    options: { greetings?: readonly Greeting[]; hint?: string; pingIntervalMs?: number } = {},
  ): Promise<Asked> {
    const { greetings = [], hint, pingIntervalMs = 16_500_000 } = options;
    const agent = await ScriptedAgent.start(scripts, greetings);
    const waits: Diagnostic[] = [];
    const abort = new AbortController();
    const source = openWorkloadApiSource({
      socket: agent.uri,
      trustDomain: 'example.org',
      hint,
      clock: FAST,
      times: { connectMs: 50_000, pingIntervalMs, pingTimeoutMs: 5_000 },
      onWaiting: (problem) => waits.push(problem),
      signal: abort.signal,
    });
    this.#opened.push(agent, { close: () => abort.abort() });
    void source.then(
      (one) => this.#opened.push(one),
      () => undefined, // the test looks at it
    );
    return { source, agent, waits };
  }

  async close(): Promise<void> {
    for (const one of this.#opened.splice(0).reverse()) await one.close();
  }
}
