// The bundles of other trust domains that the issuer tells everyone: from the configured sources to
// `setFederated`, which keeps them over a restart. A source that has nothing yet changes nothing, and neither
// does a bundle that is too large beside the others.
import type { Diagnostic } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import type { BundleSource } from '../source.ts';
import { type FederatedBundles, fitBundles } from './federated-size.ts';
import type { Issuer } from './issuer.ts';

/** Where the bundle of one foreign trust domain comes from. */
export interface ForeignBundle {
  readonly trustDomain: TrustDomain;
  readonly source: BundleSource;
}

/** What is followed, and who hears of it. */
export interface FederationOptions {
  readonly issuer: Issuer;
  readonly bundles: readonly ForeignBundle[];
  /** Hears what a source found, when that is something and something new. */
  readonly found: (diagnostics: readonly Diagnostic[]) => void;
  /** The issuer could not take what a source has. */
  readonly problem: (message: string, error: unknown) => void;
}

/** The foreign bundles of a running issuer. */
export interface Federation {
  /** What is wrong with the sources now. */
  problems(): readonly Diagnostic[];
  close(): void;
}

/** Publishes what the sources have, now and with every change, and closes them in the end. */
export function followFederation({ issuer, bundles, found, problem }: FederationOptions): Federation {
  let refused: readonly Diagnostic[] = [];
  /** Returns what is refused now and was not before. */
  const publish = (): readonly Diagnostic[] => {
    const published = issuer.trust().federated;
    const fitting = fitBundles(bundlesOf(bundles, published), published);
    const known = new Set(refused.map(({ trustDomain }) => trustDomain));
    refused = fitting.refused;
    try {
      issuer.setFederated(fitting.bundles);
    } catch (error) {
      problem('foreign bundles', error);
    }
    return refused.filter(({ trustDomain }) => !known.has(trustDomain));
  };
  const follow = (): void => {
    const news = publish();
    if (news.length > 0) found(news);
  };
  const ofSources = (): readonly Diagnostic[] => bundles.flatMap(({ source }) => source.problems());
  const problems = (): readonly Diagnostic[] => [...ofSources(), ...refused];
  const stops = bundles.flatMap(({ source }) => [source.onChange(follow), source.onProblem(found)]);
  publish(); // also what is not configured any more goes
  if (problems().length > 0) found(problems());
  return {
    problems,
    close() {
      for (const stop of stops) stop();
      for (const { source } of bundles) source.close();
    },
  };
}

/** DER by trust domain: what was published stays until its source has something, be it an empty bundle. */
function bundlesOf(bundles: readonly ForeignBundle[], published: FederatedBundles): FederatedBundles {
  const ders = new Map<TrustDomain, readonly Buffer[]>();
  for (const { trustDomain, source } of bundles) {
    const state = source.current();
    const anchors = state?.bundles.get(trustDomain)?.anchors ?? [];
    const certificates = state === null ? published.get(trustDomain) : anchors.map(({ der }) => der);
    if (certificates !== undefined) ders.set(trustDomain, certificates);
  }
  return ders;
}
