// The issuer's HTTPS API as a whole: its own SVID that renews itself, the verifier of callers that follows
// the trust, and the requests that wait for its change. Everything swaps without an open connection noticing.
import type { Clock } from '../../../core/clock.ts';
import type { IssuerConfig } from '../../../core/issuer-config/config.ts';
import { writeBundleDocument } from '../../federation/write-document.ts';
import { KUBERNETES_REVIEWS_MAX, KUBERNETES_REVIEWS_PER_ADDRESS_MAX } from '../../limits.ts';
import type { Issuer, PublishedTrust } from '../issuer.ts';
import type { TokenReviewer } from '../kubernetes/token-review.ts';
import { type KeyedSvid, LocalSvid } from '../local/local-svid.ts';
import type { IssuerTally } from '../metrics/tally.ts';
import { AddressShares } from './address-shares.ts';
import { callersOf, contextOf, type ListenerIdentity } from './listener-identity.ts';
import { LongPolls } from './long-polls.ts';
import { type HttpEvents, listenHttps } from './server.ts';
import { TrustText } from './trust-text.ts';

export interface IssuerListenerOptions {
  readonly issuer: Issuer;
  readonly config: Pick<IssuerConfig, 'listen' | 'limits'>;
  readonly reviewer: TokenReviewer | null;
  readonly clock: Clock;
  /** Of jitter: 0 to 1. */
  readonly random: () => number;
  readonly tally: IssuerTally;
  readonly problem: HttpEvents['problem'];
}

/** The API, serving. */
export interface IssuerListener {
  readonly port: number;
  /** Requests that wait now. */
  readonly polls: number;
  /** Of the own SVID; null while there is none. */
  readonly svidExpiryMs: number | null;
  close(drainMs: number): Promise<void>;
}

/** The bundle document of this moment, made once for each sequence number. */
export function bundleDocumentOf(issuer: Issuer): () => string {
  let made: { readonly sequence: number; readonly text: string } | null = null;
  return () => {
    const { rootsDer, sequence, refreshHintMs } = issuer.trust();
    if (made?.sequence !== sequence)
      made = { sequence, text: writeBundleDocument({ rootsDer, sequence, refreshHintMs }) };
    return made.text;
  };
}

/** Issues the own SVID and binds. @throws ERR_LISTEN_FAILED, and ERR_ISSUER_CA when nothing can be issued */
export async function openIssuerListener(options: IssuerListenerOptions): Promise<IssuerListener> {
  const { issuer, config, clock, tally } = options;
  const own = new LocalSvid({
    issuer,
    clock,
    random: options.random,
    spiffeId: issuer.spiffeId.uri,
    dnsNames: config.listen.dnsNames,
    detail: 'listener',
    problem: (error) => options.problem('the issuer’s own SVID cannot be renewed', error),
  });
  const identity = new FollowedIdentity(issuer, own.required());
  const polls = new LongPolls({
    clock,
    totalMax: config.limits.polls,
    perAddressMax: config.limits.pollsPerAddress,
  });
  const stopOwn = own.onChange((svid) => {
    if (svid !== null) identity.present(svid);
  });
  const stopTrust = issuer.onTrust((trust) => {
    identity.believe(trust); // before anybody is woken, who would come back at once
    polls.wake();
  });
  const stop = (): void => {
    stopOwn();
    stopTrust();
    own.close();
  };
  const server = await listenHttps({
    address: config.listen.address,
    limits: config.limits,
    clock,
    identity: () => identity.current,
    routes: {
      issuer,
      reviewer: options.reviewer,
      reviews: new AddressShares({
        totalMax: KUBERNETES_REVIEWS_MAX,
        perAddressMax: KUBERNETES_REVIEWS_PER_ADDRESS_MAX,
      }),
      polls,
      trustText: new TrustText(),
      bundleText: bundleDocumentOf(issuer),
      clock,
      refused: (attestation, code) => tally.add('sallyport_issuances_total', attestation, code),
    },
    events: {
      handshake: (result) => tally.add('sallyport_issuer_handshakes_total', result),
      answered: (status) => tally.add('sallyport_issuer_requests_total', String(status)),
      problem: options.problem,
    },
  }).catch((error: unknown) => {
    stop();
    throw error;
  });
  return {
    port: server.port,
    get polls() {
      return polls.size;
    },
    get svidExpiryMs() {
      return own.current()?.issued.notAfterMs ?? null;
    },
    close(drainMs) {
      stop();
      return server.close(drainMs);
    },
  };
}

/** The identity for the next handshake: own SVID and trust change apart from each other. */
class FollowedIdentity {
  #own: KeyedSvid;
  #trust: PublishedTrust;
  #current: ListenerIdentity;

  constructor(issuer: Issuer, own: KeyedSvid) {
    this.#own = own;
    this.#trust = issuer.trust();
    this.#current = { context: contextOf(own, this.#trust), callers: callersOf(this.#trust) };
  }

  get current(): ListenerIdentity {
    return this.#current;
  }

  present(own: KeyedSvid): void {
    this.#own = own;
    this.#current = { ...this.#current, context: contextOf(own, this.#trust) };
  }

  believe(trust: PublishedTrust): void {
    this.#trust = trust;
    this.#current = { context: contextOf(this.#own, trust), callers: callersOf(trust) };
  }
}
