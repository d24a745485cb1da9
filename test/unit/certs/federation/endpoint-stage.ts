// The far side of a bundle endpoint for tests: real HTTPS servers with certificates made for the test, and a
// clock whose polls the test starts.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import type { IssueRequest } from '../../../../certs/authority/certificate-profile.ts';
import {
  type BundleEndpointOptions,
  type BundleEndpointSource,
  openBundleEndpoint,
} from '../../../../certs/federation/endpoint-source.ts';
import { writeBundleDocument } from '../../../../certs/federation/write-document.ts';
import { BUNDLE_FETCH_MS_MAX } from '../../../../certs/limits.ts';
import type { TrustState } from '../../../../certs/verify.ts';
import type { Clock, Timer } from '../../../../core/clock.ts';

/** The trust domain whose bundle is fetched. */
export const PARTNER = 'partner.example';

/** A timer that a source has set for its next poll. */
export interface Poll {
  readonly delayMs: number;
  start(): void;
}

/** Time that only the test moves. Polls and deadlines of fetches are told apart by their length. */
export class PollClock implements Clock {
  nowMs = Date.now();
  readonly #polls: Poll[] = [];
  readonly #deadlines = new Set<() => void>();
  #waiting: ((poll: Poll) => void) | null = null;

  now(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return 0;
  }

  after(delayMs: number, task: () => void): Timer {
    if (delayMs === BUNDLE_FETCH_MS_MAX) {
      this.#deadlines.add(task);
      return { cancel: () => this.#deadlines.delete(task) };
    }
    const poll = { delayMs, start: task };
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#polls.push(poll);
    else waiting(poll);
    return { cancel: () => undefined };
  }

  /** The next poll, once its timer is set: the fetch before it has ended then. */
  nextPoll(): Promise<Poll> {
    const poll = this.#polls.shift();
    if (poll !== undefined) return Promise.resolve(poll);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Starts the next poll and waits for its end. */
  async poll(): Promise<Poll> {
    (await this.nextPoll()).start();
    const next = await this.nextPoll();
    this.#polls.unshift(next);
    return next;
  }

  /** The time of every fetch in flight is over. */
  expire(): void {
    for (const task of this.#deadlines) task();
  }
}

/** A source that polls when the test says so. */
export interface Polled {
  readonly clock: PollClock;
  readonly source: BundleEndpointSource;
}

/** Opens the source of PARTNER's bundle, unless `more` says otherwise. */
export async function openPolled(url: string, more: Partial<BundleEndpointOptions>): Promise<Polled> {
  const clock = new PollClock();
  const given = { trustDomain: PARTNER, url, clock, random: () => 0 };
  return { clock, source: await openBundleEndpoint({ ...given, ...more }) };
}

/** DER of the CA certificates of PARTNER that are in use; null while there is no bundle. */
export const anchorsOf = (state: TrustState | null | undefined): readonly Buffer[] | null =>
  state?.bundles.get(PARTNER)?.anchors.map(({ der }) => der) ?? null;

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTPS server on 127.0.0.1, which is `localhost` in its certificate unless told otherwise. */
export interface Web {
  readonly port: number;
  readonly url: string;
  /** What the next requests get. */
  answer: Answer;
  /** Requests so far. */
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

export async function startWeb(
  ca: Authority,
  request: Partial<IssueRequest> = {},
  tls: https.ServerOptions = {},
): Promise<Web> {
  const issued = await ca.issue({
    spiffeId: `spiffe://${ca.trustDomain}/web`,
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    ...request,
  });
  const requests: IncomingMessage[] = [];
  const web = { answer: (_, response) => response.end() } as { answer: Answer };
  const server = https.createServer(
    { cert: issued.chainPem, key: issued.privateKeyPem ?? '', ...tls },
    (incoming, response) => {
      requests.push(incoming);
      web.answer(incoming, response);
    },
  );
  server.on('tlsClientError', () => undefined); // clients that do not trust the certificate
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(web, {
    port,
    url: `https://localhost:${port}/bundle.json`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

/** A document of `roots`, as an answer. */
export const serving =
  (roots: readonly Authority[], sequence = 1, refreshHintMs = 300_000): Answer =>
  (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(documentOf(roots, sequence, refreshHintMs));
  };

export const documentOf = (roots: readonly Authority[], sequence = 1, refreshHintMs = 300_000): string =>
  writeBundleDocument({ rootsDer: roots.map(({ certificate }) => certificate.der), sequence, refreshHintMs });

/** CAs of the web and of the partner. */
export async function createCas(): Promise<{ web: Authority; partner: Authority; next: Authority }> {
  return {
    web: await createAuthority({ trustDomain: 'web.example' }),
    partner: await createAuthority({ trustDomain: PARTNER }),
    next: await createAuthority({ trustDomain: PARTNER }),
  };
}
