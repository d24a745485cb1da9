// The SPIFFE IDs that a server may have: exact ones, and prefixes that end with `*`.

/** Which peers are expected. */
export class PeerIds {
  private readonly exact: ReadonlySet<string>;
  private readonly prefixes: readonly string[];

  /** `patterns`: valid by the configuration's rule, at least one. */
  constructor(patterns: readonly string[]) {
    this.exact = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
    this.prefixes = patterns.filter((p) => p.endsWith('*')).map((p) => p.slice(0, -1));
  }

  /** `uri`: of a verified peer. */
  includes(uri: string): boolean {
    return this.exact.has(uri) || this.prefixes.some((prefix) => uri.startsWith(prefix));
  }
}
