// What may stand in a list of other trust domains: the same entries in the configuration of the proxy
// (`identity.federation`) and in that of the issuer (`federation`).
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
