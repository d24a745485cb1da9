// The rules between the keys of `identity`, and between them and the names that policies use.
import type { Config } from './config.ts';
import type { ConfigFault } from './config-fault.ts';
import { clusterLocalFault, federationFaults } from './federation.ts';

type Identity = Config['identity'];

/** Everything in which they contradict each other. */
export function identityFaults({ identity, policy }: Config): ConfigFault[] {
  return [
    ...sourceFaults(identity),
    ...federationFaults(identity.federation, {
      path: ['identity', 'federation'],
      own: identity.trustDomain,
      taken: Object.keys(identity.files?.bundles ?? {}),
      ways: ['file', 'endpoint', 'workloadApi'],
    }),
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
      hint: 'add `bundle`: the CA certificates that `sallyport certs bundle` prints at the issuer',
    });
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
  if (cluster !== undefined) faults.push(clusterLocalFault(cluster));
  return faults;
}
