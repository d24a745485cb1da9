// What the Workload API server serves, and where it comes from: whoever issues identities implements it.

/** What one workload is told at a time: X509SVIDResponse of the SPIFFE Workload API. */
export interface WorkloadUpdate {
  readonly svids: readonly WorkloadSvid[];
  /** DER of the CA certificates by trust domain, without those of the SVIDs. */
  readonly federated: ReadonlyMap<string, readonly Buffer[]>;
  /** DER. */
  readonly crls: readonly Buffer[];
}

/** One identity of a workload; the first is its default. */
export interface WorkloadSvid {
  readonly spiffeId: string;
  /** Leaf first, without the root. */
  readonly chainDer: readonly Buffer[];
  /** DER. Never logged. */
  readonly privateKeyPkcs8: Buffer;
  /** CA certificates of its trust domain. */
  readonly bundleDer: readonly Buffer[];
  /** Which of several identities this one is, in the operator's words; empty when there is nothing to say. */
  readonly hint: string;
}

/** Where the updates of one workload come from. Listeners must not throw. */
export interface WorkloadFeed {
  /** Null while the workload has no identity: it is answered PermissionDenied. */
  current(): WorkloadUpdate | null;
  /** Calls back with every change. Returns the way to stop. */
  onChange(listener: (update: WorkloadUpdate | null) => void): () => void;
}
