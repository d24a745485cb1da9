// The own identity with the bundles and CRLs of further sources: what federation adds to the bundles that
// came with the SVID.
import type { Diagnostic } from '../core/errors.ts';
import type { TrustDomain } from '../core/spiffe-id.ts';
import { trustAnchorsPem } from './identity-material.ts';
import type { BundleSource, IdentityState, SvidSource } from './source.ts';
import { SourceBase } from './source-base.ts';
import type { TrustBundle } from './trust-bundle.ts';
import type { Crl } from './x509/crl.ts';

/** What joins. */
export interface JoinOptions {
  readonly svid: SvidSource;
  /** A later source replaces the foreign bundle of an earlier one; CRLs add up. */
  readonly others: readonly BundleSource[];
  /**
   * Names that policies read as the own trust domain (its aliases, `cluster.local`): a bundle of such a name
   * would let a foreign CA impersonate every workload here, so it is left out, whoever sends it.
   */
  readonly reserved: ReadonlySet<TrustDomain>;
}

/** The sources of `options` as one, closed together. */
export function joinSources(options: JoinOptions): SvidSource {
  return new JoinedSource(options);
}

class JoinedSource extends SourceBase<IdentityState> {
  readonly #svid: SvidSource;
  readonly #others: readonly BundleSource[];
  readonly #reserved: ReadonlySet<TrustDomain>;
  readonly #stops: readonly (() => void)[];
  #leftOut: readonly Diagnostic[] = [];
  #changedId: readonly Diagnostic[] = [];
  #generation = 0;

  constructor({ svid, others, reserved }: JoinOptions) {
    super();
    this.#svid = svid;
    this.#others = others;
    this.#reserved = reserved;
    const sources = [svid, ...others];
    this.#stops = sources.flatMap((source) => [
      source.onChange(() => this.#join()),
      source.onProblem(() => this.#tell()),
    ]);
    this.#join();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const source of [this.#svid, ...this.#others]) source.close();
  }

  /** As the sources say it now: one may have become well without an event. */
  override problems(): readonly Diagnostic[] {
    const own = this.#svid.current()?.spiffeId.trustDomain;
    const found = [this.#svid, ...this.#others].flatMap((source) => source.problems());
    return [...found.map((problem) => aboutOwn(problem, own)), ...this.#changedId, ...this.#leftOut];
  }

  #tell(): void {
    this.report(this.problems());
  }

  #join(): void {
    const own = this.#svid.current();
    if (own === null || this.#isSomebodyElse(own)) return this.#tell();
    const bundles = new Map<TrustDomain, TrustBundle>(own.bundles);
    const crls = new Map<TrustDomain, readonly Crl[]>(own.crls);
    for (const other of this.#others) {
      const state = other.current();
      for (const [trustDomain, bundle] of state?.bundles ?? []) {
        // INVARIANT: nobody but the source of the SVID says who may issue identities of the own trust domain.
        if (trustDomain !== own.spiffeId.trustDomain) bundles.set(trustDomain, bundle);
      }
      for (const [trustDomain, lists] of state?.crls ?? [])
        crls.set(trustDomain, [...(crls.get(trustDomain) ?? []), ...lists]);
    }
    this.#leaveOutReserved(bundles, own.spiffeId.trustDomain);
    this.publish({
      ...own,
      bundles,
      crls,
      trustAnchorsPem: trustAnchorsPem(bundles, own.spiffeId.trustDomain),
      generation: ++this.#generation,
    });
    this.#tell();
  }

  /** The policies in force are those of the first SVID's workload: another one would be judged by them. */
  #isSomebodyElse({ spiffeId }: IdentityState): boolean {
    const first = this.current()?.spiffeId;
    const changed = first !== undefined && first.uri !== spiffeId.uri;
    this.#changedId = changed
      ? [
          {
            severity: 'error',
            code: 'ERR_IDENTITY_CHANGED',
            message: `the new SVID is \`${spiffeId.uri}\`, this process runs as \`${first.uri}\``,
            hint: 'restart to run as the new one; the last good SVID serves until it expires',
          },
        ]
      : [];
    return changed;
  }

  #leaveOutReserved(bundles: Map<TrustDomain, TrustBundle>, own: TrustDomain): void {
    const found = [...this.#reserved].filter((name) => name !== own && bundles.delete(name));
    this.#leftOut = found.map((name) => ({
      severity: 'warning',
      code: 'LINT_BUNDLE_RESERVED',
      message: `the bundle of \`${name}\` is left out: policies read that name as the own trust domain`,
      hint: 'remove it from policy.trustDomainAliases, or give that trust domain another name',
    }));
  }
}

/** A source of bundles alone does not know which trust domain is the own one: to it every one is foreign. */
function aboutOwn({ trustDomain, ...problem }: Diagnostic, own: TrustDomain | undefined): Diagnostic {
  return trustDomain === undefined || trustDomain === own ? problem : { ...problem, trustDomain };
}
