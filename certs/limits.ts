// Limits on certificates and their files, with the reason for each. Peers choose what they send; these bound
// what it costs.

/** Certificates in one chain as sent, leaf included. SPIRE and cert-manager send 1 to 3. */
export const CHAIN_CERTIFICATES_MAX = 8;

/** Bytes of one chain as sent, all certificates together. */
export const CHAIN_BYTES_MAX = 65_536;

/** Certificates in one path, leaf and trust anchor included. */
export const PATH_DEPTH_MAX = 8;

/** Steps of one path search. Same-named and cross-signed CAs multiply paths; an honest chain takes 1 to 4. */
export const PATH_ATTEMPTS_MAX = 64;

/** Verified leaves remembered by one verifier: about 1 KB each. */
export const VERIFIED_LEAVES_MAX = 4_096;

/** Intermediates of verified paths remembered by one verifier; a trust domain has a handful at a time. */
export const KNOWN_INTERMEDIATES_MAX = 64;

/** Extensions in one certificate; X509-SVIDs have about 8. */
export const EXTENSIONS_MAX = 64;

/** Names in one subjectAltName or nameConstraints extension. */
export const NAMES_MAX = 1_024;

/** Smallest RSA modulus in bits (NIST SP 800-131A). */
export const RSA_BITS_MIN = 2_048;

/** Largest RSA modulus in bits: one verification stays below 1 ms. */
export const RSA_BITS_MAX = 8_192;

/** Bytes of a certificate, key or bundle file. */
export const IDENTITY_FILE_BYTES_MAX = 1_048_576;

/** Trust anchors in one bundle. */
export const BUNDLE_CERTIFICATES_MAX = 256;

/** Bytes of one CRL file. */
export const CRL_FILE_BYTES_MAX = 8_388_608;

/** Revoked certificates on one CRL; parsing 100,000 takes about 50 ms. */
export const CRL_ENTRIES_MAX = 100_000;
