// Bundles of other trust domains in a configuration: a list of the same entries in that of the proxy
// (`identity.federation`) and in that of the issuer (`federation`).
import type { ConfigFault } from './config-fault.ts';
import { optionalSections, optionalText, section, text } from './fields.ts';
import { pathOrNone } from './places.ts';
import { TRUST_DOMAIN, WORKLOAD_API_SOCKET } from './rules.ts';
import type { TextRule } from './text-rule.ts';

const ENDPOINT: TextRule = {
  allowed: 'an `https://` URL without user and fragment, e.g. `https://bundles.partner.example/bundle.json`',
  accepts(t) {
    if (t.length > 2048 || !URL.canParse(t)) return false;
    const { protocol, username, password, hash } = new URL(t);
    return protocol === 'https:' && username === '' && password === '' && hash === '';
  },
};
const FEDERATION_MAX = 64;

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

const entry = {
  trustDomain: text(TRUST_DOMAIN, 'Whose bundle it is; not the own trust domain.'),
  file: pathOrNone('CA certificates in PEM, watched.'),
  endpoint: optionalText(
    'none',
    ENDPOINT,
    'A SPIFFE bundle endpoint, profile `https_web`, asked again as its refresh hint says.',
  ),
  ca: pathOrNone('CA certificates in PEM for the endpoint’s name; without it those that Node ships.'),
};

/** `identity.federation` of the proxy. */
export const proxyFederation = optionalSections(
  section(
    {
      ...entry,
      cache: pathOrNone('Keeps the last good document of the endpoint, for a restart while it is down.'),
      workloadApi: optionalText(
        'none',
        WORKLOAD_API_SOCKET,
        'The SPIFFE Workload API, whose agent federates with it.',
      ),
    },
    'One foreign trust domain; exactly one of `file`, `endpoint`, `workloadApi`.',
  ),
  FEDERATION_MAX,
  'Trust domains whose SVIDs are accepted, besides those that come with the own SVID.',
);

/** `federation` of the issuer, which keeps the last good documents in its state folder. */
export const issuerFederation = optionalSections(
  section(entry, 'One foreign trust domain; exactly one of `file`, `endpoint`.'),
  FEDERATION_MAX,
  'Trust domains whose bundles the issuer tells all its workloads, beside its own.',
);

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
