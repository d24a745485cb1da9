// The compiled table as plain data: what a worker hands over, what could be kept on disk, what is hashed.

/** What a table holds besides its arrays; all of it small. */
export interface TableMeta {
  /** The workload it was compiled for. */
  readonly namespace: string;
  readonly serviceAccount: string | null;
  readonly localTrustDomain: string;
  /** Whose namespaces and service accounts count where they widen access; `*` = any. */
  readonly trustDomains: readonly string[];
  /** Trust domains that five-segment principals take for one, the local one first. */
  readonly aliases: readonly string[];
  /** No ALLOW policy selects the workload, and the configuration allows then. */
  readonly allowsUnselected: boolean;
  readonly hasDryRun: boolean;
  /** Names of conditions and of headers, by number. */
  readonly names: readonly string[];
  readonly headers: readonly string[];
  /** Bit n is set when a condition tests field n. */
  readonly uses: number;
  /** Prefix lengths of the CIDR blocks, + 256 for IPv6, ascending. */
  readonly prefixes: readonly number[];
}

/**
 * A compiled table as it travels: flat arrays, one string, little else. See table-layout.ts for the words.
 */
export interface SerializedTable {
  readonly format: number;
  /** `sha256:` over everything below. */
  readonly policyHash: string;
  readonly meta: TableMeta;
  readonly code: Int32Array<ArrayBuffer>;
  readonly groups: Int32Array<ArrayBuffer>;
  readonly rules: Int32Array<ArrayBuffer>;
  readonly hash: Int32Array<ArrayBuffer>;
  readonly nodes: Int32Array<ArrayBuffer>;
  readonly lists: Int32Array<ArrayBuffer>;
  readonly cidrs: Int32Array<ArrayBuffer>;
  /** Distinct expiry times in Unix milliseconds, ascending. */
  readonly expiries: Float64Array<ArrayBuffer>;
  readonly blob: string;
}

/** The buffers to transfer with a `postMessage` of `table`. */
export function transferables(table: SerializedTable): ArrayBuffer[] {
  return arraysOf(table).map((array) => array.buffer);
}

/** The parts that `policyHash` covers, in order, each with its length before it. */
export function contentOf(table: Omit<SerializedTable, 'format' | 'policyHash'>): (string | Uint8Array)[] {
  return [JSON.stringify(table.meta), table.blob, ...arraysOf(table)].flatMap((part) =>
    typeof part === 'string'
      ? [`${part.length}:`, part]
      : [`${part.length}:`, new Uint8Array(part.buffer, part.byteOffset, part.byteLength)],
  );
}

function arraysOf(table: Omit<SerializedTable, 'format' | 'policyHash'>) {
  const { code, groups, rules, hash, nodes, lists, cidrs, expiries } = table;
  return [code, groups, rules, hash, nodes, lists, cidrs, expiries] as const;
}
