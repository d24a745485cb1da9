// Bundles of other trust domains in a configuration, that of the proxy or of the issuer: its paths, and the
// rules between its keys.
import type { ConfigFault } from './config-fault.ts';

/** One foreign trust domain, paths absolute. */
export interface FederationConfig {
  readonly trustDomain: string;
  readonly file: string | null;
  readonly endpoint?: string | undefined;
  readonly ca: string | null;
  readonly cache: string | null;
  /** Of the proxy only. */
  readonly workloadApi?: string | undefined;
}

/** Makes the paths of `one` absolute. */
export function resolveFederation(
  one: FederationConfig,
  absolute: (path: string) => string,
): FederationConfig {
  const orNone = (path: string | null): string | null => (path === null ? null : absolute(path));
  return { ...one, file: orNone(one.file), ca: orNone(one.ca), cache: orNone(one.cache) };
}

/** Where a list stands. */
export interface FederationPlace {
  readonly path: readonly PropertyKey[];
  readonly own: string;
  /** Trust domains that have a bundle already. */
  readonly taken: Iterable<string>;
  /** The keys of which each entry has exactly one. */
  readonly ways: readonly ('file' | 'endpoint' | 'workloadApi')[];
}

/** Everything in which the entries of a list contradict each other, and the rest of the file. */
export function federationFaults(
  list: readonly FederationConfig[],
  { path, own, taken, ways }: FederationPlace,
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const seen = new Set(taken);
  for (const [index, one] of list.entries()) {
    const fault = (key: string, message: string, hint: string): void => {
      faults.push({ path: [...path, index, key], message, hint });
    };
    const name = one.trustDomain;
    if (name === own)
      fault(
        'trustDomain',
        `\`${name}\` is the own trust domain`,
        'its bundle comes with the SVID; nobody else may say who issues the own identities',
      );
    else if (seen.has(name))
      fault('trustDomain', `\`${name}\` has a bundle already`, 'name each trust domain once');
    seen.add(name);
    const from = ways.filter((way) => (one[way] ?? null) !== null);
    if (from.length !== 1)
      fault(
        'trustDomain',
        `\`${name}\` has ${from.length === 0 ? 'no source' : `${from.length} sources`} of its bundle`,
        `write exactly one of ${ways.map((way) => `\`${way}\``).join(', ')}`,
      );
    for (const key of ['ca', 'cache'] as const)
      if (one[key] !== null && one.endpoint === undefined)
        fault(
          key,
          `\`${key}\` is for an \`endpoint\``,
          'remove it; CA certificates of a trust domain are its `file`',
        );
  }
  return faults;
}

/** A foreign CA of that name could issue what policies read as one of our own identities. */
export const clusterLocalFault = (path: readonly PropertyKey[]): ConfigFault => ({
  path,
  message: '`cluster.local` in a policy stands for the own trust domain, so it may not have a bundle',
  hint: 'give that trust domain another name, or remove its bundle',
});
