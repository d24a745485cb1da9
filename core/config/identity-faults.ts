// The rules between the keys of `identity`, and between them and the names that policies use.
import type { Config } from './config.ts';
import type { ConfigFault } from './config-fault.ts';

type Identity = Config['identity'];

/** Everything in which they contradict each other. */
export function identityFaults({ identity, policy }: Config): ConfigFault[] {
  return [
    ...sourceFaults(identity),
    ...federationFaults(identity),
    ...crlFaults(identity),
    ...impersonationFaults(identity, policy.trustDomainAliases),
  ];
}

const SOURCES = ['files', 'workloadApi', 'issuer'] as const;

function sourceFaults(identity: Identity): ConfigFault[] {
  const [first, second] = SOURCES.filter((key) => identity[key] !== undefined);
  const { trustDomain, files, issuer } = identity;
  if (first === undefined)
    return [
      {
        path: ['identity'],
        message: '`identity` has no source of the SVID',
        hint: 'add `files`, `workloadApi` or `issuer`; `sallyport init DIR` writes a configuration with files',
      },
    ];
  const faults: ConfigFault[] = [];
  if (second !== undefined)
    faults.push({
      path: ['identity', second],
      message: `\`identity.${first}\` and \`identity.${second}\` are both there`,
      hint: 'the SVID has one source: remove one of them',
    });
  if (files !== undefined && !Object.hasOwn(files.bundles, trustDomain))
    faults.push({
      path: ['identity', 'files', 'bundles'],
      message: `\`identity.files.bundles\` has no bundle for the own trust domain \`${trustDomain}\``,
      hint: `add \`${trustDomain}: ca.pem\``,
    });
  const { joinTokenFile, serviceAccountTokenFile, bundle } = issuer ?? {};
  if (issuer !== undefined && joinTokenFile === null && serviceAccountTokenFile === null)
    faults.push({
      path: ['identity', 'issuer'],
      message: 'nothing says who this workload is',
      hint: 'add `joinTokenFile` (`sallyport certs token ID` at the issuer makes one) or `serviceAccountTokenFile`',
    });
  // A service-account token for anybody who answers would be a credential given away.
  if (issuer !== undefined && serviceAccountTokenFile !== null && bundle === null)
    faults.push({
      path: ['identity', 'issuer', 'serviceAccountTokenFile'],
      message: 'a service-account token is only sent to an issuer that is known',
      hint: 'add `bundle`: the CA certificates of the issuer',
    });
  return faults;
}

function federationFaults({ federation, trustDomain, files }: Identity): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const seen = new Set(Object.keys(files?.bundles ?? {}));
  for (const [index, one] of federation.entries()) {
    const path = ['identity', 'federation', index];
    const fault = (key: string, message: string, hint: string): void => {
      faults.push({ path: [...path, key], message, hint });
    };
    const name = one.trustDomain;
    if (name === trustDomain)
      fault(
        'trustDomain',
        `\`${name}\` is the own trust domain`,
        'its bundle comes with the SVID; nobody else may say who issues the own identities',
      );
    else if (seen.has(name))
      fault('trustDomain', `\`${name}\` has a bundle already`, 'name each trust domain once');
    seen.add(name);
    const from = [one.file ?? undefined, one.endpoint, one.workloadApi].filter((way) => way !== undefined);
    if (from.length !== 1)
      fault(
        'trustDomain',
        `\`${name}\` has ${from.length === 0 ? 'no source' : `${from.length} sources`} of its bundle`,
        'write exactly one of `file`, `endpoint`, `workloadApi`',
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

function crlFaults({ files, crls, federation, trustDomain }: Identity): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const fault = (path: readonly PropertyKey[], domain: string, hint: string): void => {
    faults.push({ path: [...path, domain], message: `\`${domain}\` has a CRL but no bundle`, hint });
  };
  for (const domain of Object.keys(files?.crls ?? {}))
    if (!Object.hasOwn(files?.bundles ?? {}, domain))
      fault(
        ['identity', 'files', 'crls'],
        domain,
        'add its bundle to identity.files.bundles, or remove the CRL',
      );
  // Other sources bring bundles of trust domains that no key names.
  if (files === undefined) return faults;
  const known = new Set([
    trustDomain,
    ...Object.keys(files.bundles),
    ...federation.map((f) => f.trustDomain),
  ]);
  for (const domain of Object.keys(crls))
    if (!known.has(domain))
      fault(['identity', 'crls'], domain, 'add its bundle to identity.federation, or remove the CRL');
  return faults;
}

/** A foreign CA could otherwise issue what policies read as one of our own identities. */
function impersonationFaults(
  { trustDomain, files, federation }: Identity,
  aliases: readonly string[],
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const places = new Map<string, readonly PropertyKey[]>();
  for (const domain of Object.keys(files?.bundles ?? {}))
    places.set(domain, ['identity', 'files', 'bundles', domain]);
  for (const [index, one] of federation.entries())
    places.set(one.trustDomain, ['identity', 'federation', index, 'trustDomain']);
  places.delete(trustDomain);
  for (const [index, alias] of aliases.entries())
    if (places.has(alias))
      faults.push({
        path: ['policy', 'trustDomainAliases', index],
        message: `\`${alias}\` stands for the own trust domain and has a bundle of its own: its CA could impersonate every workload here`,
        hint: 'remove the alias, or the bundle',
      });
  const cluster = places.get('cluster.local');
  if (cluster !== undefined)
    faults.push({
      path: cluster,
      message: '`cluster.local` in a policy stands for the own trust domain, so it may not have a bundle',
      hint: 'give that trust domain another name, or remove its bundle',
    });
  return faults;
}
