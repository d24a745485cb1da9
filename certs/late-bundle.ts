// One foreign bundle out of a source that may take its time: an agent that is down keeps nobody from starting
// who has an identity.
import { type Diagnostic, SallyportError } from '../core/errors.ts';
import type { TrustDomain } from '../core/spiffe-id.ts';
import type { BundleSource } from './source.ts';
import { SourceBase } from './source-base.ts';
import type { TrustState } from './verify.ts';

/** Opens the source behind it; `onWaiting` is told why there is no first state yet. */
export type OpenBundles = (options: {
  readonly signal: AbortSignal;
  readonly onWaiting: (problem: Diagnostic) => void;
}) => Promise<BundleSource>;

/** Bundle and CRLs of `trustDomain` alone, whatever else `open` brings. There at once, and empty at first. */
export function openBundleLater(trustDomain: TrustDomain, open: OpenBundles): BundleSource {
  return new LateBundle(trustDomain, open);
}

class LateBundle extends SourceBase<TrustState> {
  readonly #trustDomain: TrustDomain;
  readonly #giveUp = new AbortController();
  #source: BundleSource | null = null;

  constructor(trustDomain: TrustDomain, open: OpenBundles) {
    super();
    this.#trustDomain = trustDomain;
    const opening = open({ signal: this.#giveUp.signal, onWaiting: (problem) => this.report([problem]) });
    opening.then(
      (source) => this.#follow(source),
      (error: unknown) => this.#failed(error),
    );
  }

  close(): void {
    this.#giveUp.abort();
    this.#source?.close();
  }

  /** Whatever is wrong here is wrong with this one trust domain. */
  protected override report(problems: readonly Diagnostic[]): void {
    super.report(problems.map((problem) => ({ trustDomain: this.#trustDomain, ...problem })));
  }

  #follow(source: BundleSource): void {
    if (this.#giveUp.signal.aborted) return source.close();
    this.#source = source;
    const take = (): void => {
      const state = source.current();
      if (state === null || this.#giveUp.signal.aborted) return;
      this.publish({ bundles: this.#own(state.bundles), crls: this.#own(state.crls) });
      this.report(source.problems());
    };
    source.onChange(take);
    source.onProblem((problems) => this.report(problems));
    take();
  }

  #own<V>(all: ReadonlyMap<TrustDomain, V>): ReadonlyMap<TrustDomain, V> {
    return new Map([...all].filter(([trustDomain]) => trustDomain === this.#trustDomain));
  }

  #failed(error: unknown): void {
    if (this.#giveUp.signal.aborted) return; // closed while it waited
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof SallyportError ? error.code : 'ERR_BUNDLE_LOAD';
    this.report([{ severity: 'error', code, message }]);
  }
}
