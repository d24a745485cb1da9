// `identity` of the configuration: who this proxy is and whom it trusts. Its SVID has one source; bundles of
// other trust domains may have several.
import {
  absentSection,
  duration,
  optionalSections,
  optionalText,
  requiredTextMap,
  section,
  text,
  textMap,
} from './fields.ts';
import { connectAddress, path, pathOrNone } from './places.ts';
import { TRUST_DOMAIN } from './rules.ts';
import { PATH_RULE, type TextRule } from './text-rule.ts';

// SPIFFE Workload Endpoint section 4: `unix:` with an absolute path. sockaddr_un holds 107 bytes of it.
const SOCKET: TextRule = {
  allowed: 'a Unix socket as `unix:///run/spire/agent.sock`, its path at most 107 bytes',
  accepts: (t) => /^unix:(\/\/)?\/[^/\0]/.test(t) && Buffer.byteLength(t.replace(/^unix:(\/\/)?/, '')) <= 107,
};
const HINT: TextRule = {
  allowed: 'the `hint` of an SVID, 1 to 1024 characters',
  accepts: (t) => t !== '' && t.length <= 1024,
};
const ENDPOINT: TextRule = {
  allowed: 'an `https://` URL without user and fragment, e.g. `https://bundles.partner.example/bundle.json`',
  accepts(t) {
    if (t.length > 2048 || !URL.canParse(t)) return false;
    const { protocol, username, password, hash } = new URL(t);
    return protocol === 'https:' && username === '' && password === '' && hash === '';
  },
};
const FEDERATION_MAX = 64;

const files = absentSection(
  {
    certificate: path('The own X509-SVID in PEM, the leaf first, then intermediates.'),
    key: path('Its private key in PEM.'),
    bundles: requiredTextMap(
      { key: TRUST_DOMAIN, value: PATH_RULE },
      'CA certificates in PEM by trust domain, the own one included.',
    ),
    crls: textMap({ key: TRUST_DOMAIN, value: PATH_RULE }, 'Revocation lists by trust domain.'),
  },
  'The SVID from files. Watched, and swapped in together once they verify.',
);

const workloadApi = absentSection(
  {
    socket: text(SOCKET, 'Where the agent listens.'),
    hint: optionalText('the first SVID', HINT, 'Which SVID, when the agent has several for this workload.'),
  },
  'The SVID from the SPIFFE Workload API, of SPIRE or of `sallyport certs serve`.',
);

const issuer = absentSection(
  {
    address: connectAddress('Where `sallyport certs serve` listens.'),
    state: path('Folder of mode 0700 for SVID, key and bundle: a restart goes on with them.'),
    joinTokenFile: pathOrNone('A one-time join token, for the first SVID.'),
    serviceAccountTokenFile: pathOrNone('A Kubernetes service-account token for the audience of the issuer.'),
    bundle: pathOrNone(
      'The issuer’s CA certificates in PEM; not needed with a join token, which names the CA.',
    ),
  },
  'The SVID from the embedded issuer.',
);

const federated = section(
  {
    trustDomain: text(TRUST_DOMAIN, 'Whose bundle it is; not the own trust domain.'),
    file: pathOrNone('CA certificates in PEM, watched.'),
    endpoint: optionalText(
      'none',
      ENDPOINT,
      'A SPIFFE bundle endpoint, profile `https_web`, asked again as its refresh hint says.',
    ),
    ca: pathOrNone('CA certificates in PEM for the endpoint’s name; without it those that Node ships.'),
    cache: pathOrNone('Keeps the last good document of the endpoint, for a restart while it is down.'),
    workloadApi: optionalText('none', SOCKET, 'The SPIFFE Workload API, whose agent federates with it.'),
  },
  'One foreign trust domain; exactly one of `file`, `endpoint`, `workloadApi`.',
);

export const identity = section(
  {
    trustDomain: text(TRUST_DOMAIN, 'The own trust domain.'),
    files,
    workloadApi,
    issuer,
    federation: optionalSections(
      federated,
      FEDERATION_MAX,
      'Trust domains whose SVIDs are accepted, besides those that come with the own SVID.',
    ),
    crls: textMap(
      { key: TRUST_DOMAIN, value: PATH_RULE },
      'Revocation lists by trust domain, with any source of the SVID; added to those that come with it.',
    ),
    graceAfterExpiry: duration(
      { default: '0s', min: '0s', max: '24h' },
      'How long an expired SVID of a peer is still accepted. Fail-open: counted and logged as such.',
    ),
  },
  'Who this proxy is and whom it trusts. The SVID has one source: `files`, `workloadApi` or `issuer`.',
);
