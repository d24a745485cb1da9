// What the contracts of sources share: the far side of a source, as a test holds it.

/** Bundles and CRLs, as the far side of a source holds them. */
export interface TrustDelivery {
  /** PEM by trust domain. */
  readonly bundles: Readonly<Record<string, string>>;
  /** DER by trust domain. */
  readonly crls: Readonly<Record<string, readonly Buffer[]>>;
}

/** The far side of one source, made for one test. */
export interface SourceHarness<Delivered extends TrustDelivery, Source> {
  /** Delivers `first` and opens a source on it. */
  open(first: Delivered): Promise<Source>;
  /** Replaces what is delivered, all of it at once. */
  deliver(next: Delivered): Promise<void>;
  /** The far side can not be reached until the next `deliver`. */
  breakOff(): Promise<void>;
  close(): Promise<void>;
}
