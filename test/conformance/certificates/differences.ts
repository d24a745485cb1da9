// Where go-spiffe or OpenSSL see a row of the corpus otherwise than we do, and why. A test asks both and
// compares; docs/certificates.md carries the table that is rendered here.

/** One reason to differ. */
export interface Difference {
  readonly who: 'go-spiffe' | 'OpenSSL';
  /** What they do; we do the opposite. */
  readonly they: 'accept' | 'refuse';
  readonly why: string;
  /** Rows by topic, or every row of it: `*`. */
  readonly rows: Readonly<Record<string, readonly string[] | '*'>>;
}

/** Every reason; first those to differ from go-spiffe, then those from OpenSSL. */
export const DIFFERENCES: readonly Difference[] = [
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it reads no CRLs',
    rows: {
      revocation: '*',
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it lets URL parsing fold the scheme and drop an empty fragment, sets no limit of 2048 bytes, leaves the path of a leaf to its caller, and does not look at IDs of CAs (X509-SVID section 3, SPIFFE-ID section 2)',
    rows: {
      'SPIFFE IDs': [
        'the trust domain as a leaf',
        'an intermediate whose ID has a path',
        'an intermediate with two IDs',
        'an intermediate whose ID is broken',
        'an upper-case scheme',
        '2049 bytes',
        'an empty fragment',
      ],
      'signing certificates': ['a root whose ID has a path'],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it asks for no purpose (extended key usage)',
    rows: {
      leaves: [
        'code signing only',
        'any purpose only',
        'no purpose in the list',
        'code signing only, critical',
      ],
      'signing certificates': [
        'an intermediate for code signing',
        'an intermediate with no purpose',
        'a root for code signing',
        'an intermediate for callers below a root for servers',
      ],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it does not ask that key usage is there and critical, nor for digitalSignature (X509-SVID section 4.3)',
    rows: {
      leaves: [
        'no key usage',
        'key usage that is not critical',
        'key usage without digitalSignature',
        'key usage with no bit',
        'key usage of zeros',
      ],
      'signing certificates': [
        'an intermediate without key usage',
        'an intermediate whose key usage is not critical',
      ],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it verifies a leaf that is itself in the bundle; for us a bundle holds CAs',
    rows: {
      leaves: ['a self-signed leaf that is in the bundle'],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'crypto/x509 checks less of what RFC 5280 says CAs must write (criticality, names of CAs, lengths of serial numbers, what follows the last field)',
    rows: {
      leaves: [
        'a path length without CA',
        'name constraints',
        'name constraints, not critical',
        'an empty subject, SAN not critical',
        'an authority key identifier with more behind it',
      ],
      'signing certificates': [
        'an intermediate whose constraints are not critical',
        'an intermediate with policy mappings, critical',
        'an intermediate without a name',
        'a path length that is no integer',
        'a root of version 1',
      ],
      'encodings and times': [
        'a fourth field',
        'a byte behind the extension list',
        'a SAN with a byte behind',
        'a name of unknown form',
        'a NUL in a DNS name',
        'an empty DNS name',
        'serial 0',
        'a serial of 21 bytes',
        'unique identifiers',
        'an empty set in the subject',
        'GeneralizedTime before 2050',
        'UTCTime without seconds',
        'three times',
      ],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'key identifiers are a hint to it; OpenSSL and we refuse where they contradict each other (RFC 5280 section 4.2.1.1)',
    rows: {
      leaves: ['the key identifier of another CA'],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'we have limits: extensions, names, comparisons, seven CAs in a path',
    rows: {
      leaves: ['65 extensions', '1,025 names'],
      paths: ['seven intermediates', 'eight intermediates'],
      'name constraints': ['a thousand names against a thousand constraints'],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it takes other constraints than host names for constraints that match nothing, and does not look for emails in the subject',
    rows: {
      'name constraints': [
        'a whole URI as a constraint that excludes',
        'a constraint with a port',
        'an empty URI constraint that permits',
        'a DNS constraint with a wildcard',
        'an email in the subject',
      ],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it has no floor for keys: small or odd RSA keys, P-224, keys that it cannot use at all',
    rows: {
      keys: [
        'RSA of 512 bits',
        'RSA of 1024 bits',
        'RSA of 2040 bits',
        'RSA of 16384 bits',
        'RSA with exponent 1',
        'RSA with exponent 3',
        'RSA with an even exponent',
        'RSA with an exponent of 40 bits',
        'RSA with an even modulus',
        'RSA-PSS',
        'P-224',
        'Ed448',
        'X25519',
        'ML-DSA-65',
        'a key of unknown algorithm',
      ],
    },
  },
  {
    who: 'go-spiffe',
    they: 'accept',
    why: 'it takes RSA-PSS and algorithm parameters of any kind; our table of algorithms is short',
    rows: {
      signatures: ['RSA-PSS', 'RSA without NULL', 'ECDSA with NULL', 'an intermediate of RSA 1024'],
    },
  },
  {
    who: 'go-spiffe',
    they: 'refuse',
    why: 'crypto/x509 has no constraints on directory names; RFC 5280 section 4.2.1.10 wants them compared, and a corporate CA may have them',
    rows: {
      good: ['permitted names of every form', 'excluded names of every form that it has not'],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'it knows nothing of SPIFFE IDs and trust domains: the bundle of the ID’s own trust domain is ours to choose',
    rows: {
      'SPIFFE IDs': '*',
      paths: [
        'a federated ID by our CA',
        'a trust domain that nobody knows',
        'a subdomain of our trust domain',
        'the parent of our trust domain',
        'a trust domain that begins like ours',
      ],
      'signing certificates': ['a root whose ID has a path'],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'it does not ask for the profile of an X509-SVID: key usage, no CA as a leaf, no name constraints on a leaf (X509-SVID section 4)',
    rows: {
      leaves: [
        'a leaf that is a CA',
        'a leaf that is a CA of path length 0',
        'a path length without CA',
        'a self-signed leaf that is in the bundle',
        'no key usage',
        'key usage that is not critical',
        'key usage without digitalSignature',
        'key usage with keyCertSign',
        'key usage with cRLSign',
        'name constraints',
        'name constraints, not critical',
        'an empty subject, SAN not critical',
        'an unknown extension twice',
        'policy constraints',
        'policy constraints, critical',
        'policies that are no list',
        'extensions, but none',
      ],
      'signing certificates': [
        'an intermediate whose constraints are not critical',
        'an intermediate without key usage',
        'an intermediate whose key usage is not critical',
        'an intermediate with policy constraints',
        'an intermediate with policy mappings, critical',
        'an intermediate without a name',
        'a root without basic constraints',
        'a root of version 1',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: '`openssl verify` reads the first of a file and BER where DER is due, and judges fewer encodings and extensions',
    rows: {
      'encodings and times': [
        'a byte behind the certificate',
        'a certificate behind the certificate',
        'an indefinite length',
        'a length of three bytes where two do',
        'an indefinite length inside',
        'a length of two bytes where one does, inside',
        'a byte behind the extension list',
        'a BOOLEAN of 01',
        'a constructed OCTET STRING',
        'unused bits that are not zero',
        'an empty SAN',
        'a SAN with a byte behind',
        'a URI as a constructed string',
        'an address of 5 bytes',
        'a DNS name beyond ASCII',
        'a NUL in a DNS name',
        'an empty DNS name',
        'serial 0',
        'a negative serial',
        'a serial of 21 bytes',
        'version 1 with extensions',
        'version 1 without',
        'version 1 written out',
        'version 2',
        'version 4',
        'unique identifiers',
        'an empty set in the subject',
        'a printable string that is not',
        'an attribute that is no string',
        'an intermediate with a byte behind',
        'a root of indefinite length',
        'GeneralizedTime before 2050',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'we have limits: extensions, names, comparisons, seven CAs in a path; and every certificate that is sent must be readable',
    rows: {
      leaves: ['65 extensions', '1,025 names'],
      paths: ['seven intermediates', 'eight intermediates', 'a broken certificate behind a good chain'],
      'name constraints': ['a thousand names against a thousand constraints'],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'it compares less: constraints on URIs that are no host names, wildcards and dots at the end against what is excluded, masks with holes',
    rows: {
      'name constraints': [
        'a whole URI as a constraint that excludes',
        'a constraint with a port',
        'an empty URI constraint that excludes',
        'an excluded DNS name with a dot behind',
        'a wildcard over an excluded name',
        'a DNS constraint with a wildcard',
        'a mask with holes',
        'an address without mask',
        'no constraint at all',
        'an empty list',
        'a trust domain that looks like an address, constrained',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: '`openssl verify` asks for no strength of keys (TLS does, from security level 1 on), and takes points in every form',
    rows: {
      keys: [
        'RSA of 512 bits',
        'RSA of 1024 bits',
        'RSA of 2040 bits',
        'RSA of 16384 bits',
        'RSA with exponent 1',
        'RSA with exponent 3',
        'RSA with an even exponent',
        'RSA with exponent 0',
        'RSA with a negative exponent',
        'RSA with an exponent of 40 bits',
        'RSA with a negative modulus',
        'RSA with an even modulus',
        'RSA without parameters',
        'RSA-PSS',
        'P-192',
        'P-224',
        'secp256k1',
        'brainpoolP256r1',
        'a binary curve',
        'a compressed point',
        'a hybrid point',
        'the point at infinity',
        'Ed448',
        'X25519',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'old digests and parameters pass at security level 0; our table of algorithms is short',
    rows: {
      signatures: [
        'ECDSA with SHA-1',
        'ECDSA with SHA-224',
        'RSA with SHA-1',
        'RSA with MD5',
        'RSA-PSS',
        'RSA without NULL',
        'ECDSA with NULL',
        'Ed25519 with NULL',
        'an intermediate of RSA 1024',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'accept',
    why: 'it takes lists of version 1, without an end, with SHA-1, deltas that do not say so critically, and looks into one list of an issuer only',
    rows: {
      revocation: [
        'a revoked leaf, on the second of two lists',
        'a delta list',
        'a delta list that is not critical',
        'a list of leaves only, not critical',
        'an entry of another issuer',
        'a list of version 1',
        'a list without an end',
        'a list signed with SHA-1',
        'a list with a byte behind',
        'a negative serial on the list',
      ],
    },
  },
  {
    who: 'OpenSSL',
    they: 'refuse',
    why: 'asked with one bundle or with `-crl_check`, it has no bundle for the federated ID, and wants a list of every CA',
    rows: {
      good: ['an ID of a federated trust domain', 'the list of another CA that names it'],
    },
  },
];

/** The table of docs/certificates.md. */
export function renderDifferences(): string {
  const lines = DIFFERENCES.map(({ who, they, why, rows }) => {
    const list = Object.entries(rows).map(([topic, names]) =>
      names === '*'
        ? `${topic}: most`
        : `${topic}: ${names.length} (${names.slice(0, 3).join('; ')}${names.length > 3 ? '; …' : ''})`,
    );
    return `| ${who} | ${they}s | ${why} | ${list.join('<br>')} |`;
  });
  return ['| who | does | because | rows |', '|---|---|---|---|', ...lines].join('\n');
}
