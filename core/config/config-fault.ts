// What is wrong between the keys of the configuration.

/** A rule between keys that does not hold, at the key that should change. */
export interface ConfigFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string;
}
