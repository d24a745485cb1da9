// `identity` of the configuration: who this proxy is and whom it trusts. Its SVID has one source; bundles of
// other trust domains may have several.
import { proxyFederation } from './federation-keys.ts';
import { absentSection, duration, optionalText, requiredTextMap, section, text, textMap } from './fields.ts';
import { connectAddress, path, pathOrNone } from './places.ts';
import { TRUST_DOMAIN, WORKLOAD_API_SOCKET } from './rules.ts';
import { PATH_RULE, type TextRule } from './text-rule.ts';

const HINT: TextRule = {
  allowed: 'the `hint` of an SVID, 1 to 1024 characters',
  accepts: (t) => t !== '' && t.length <= 1024,
};

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
    socket: text(WORKLOAD_API_SOCKET, 'Where the agent listens.'),
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

export const identity = section(
  {
    trustDomain: text(TRUST_DOMAIN, 'The own trust domain.'),
    files,
    workloadApi,
    issuer,
    federation: proxyFederation,
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
