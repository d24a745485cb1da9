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

/** Comparisons of names with name constraints in one path search: 65,536 take about 6 ms. */
export const NAME_COMPARISONS_MAX = 65_536;

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

/** Bytes of one message of the Workload API: gRPC's own default. SPIRE's answers have 2 to 50 KiB. */
export const WORKLOAD_API_MESSAGE_BYTES_MAX = 4_194_304;

/** Bytes of a request to the Workload API; those that are served are empty. */
export const WORKLOAD_API_REQUEST_BYTES_MAX = 4_096;

/** SVIDs in one answer of the Workload API: identities of one workload. */
export const WORKLOAD_API_SVIDS_MAX = 64;

/** Bundles in one answer of the Workload API: trust domains that one workload federates with. */
export const WORKLOAD_API_BUNDLES_MAX = 1_024;

/** CRLs in one answer of the Workload API: one for each CA. */
export const WORKLOAD_API_CRLS_MAX = 1_024;

/** Nested groups in a message of the Workload API: no schema has any, an unknown field may. */
export const PROTOBUF_GROUP_DEPTH_MAX = 32;

/** Bytes of the header list of one gRPC request or answer; they have about 300. */
export const GRPC_HEADER_BYTES_MAX = 8_192;

/** Connections to one socket of the Workload API: the processes of one workload. */
export const WORKLOAD_API_CONNECTIONS_MAX = 128;

/** Streams of one connection to the Workload API; a client needs one or two. */
export const WORKLOAD_API_STREAMS_MAX = 16;
/** Bytes of a SPIFFE bundle document; one of 256 RSA-4096 roots has about 700,000. */
export const BUNDLE_DOCUMENT_BYTES_MAX = 1_048_576;

/** Levels of arrays and objects in a bundle document; the standards need 4. */
export const BUNDLE_DOCUMENT_DEPTH_MAX = 16;

/** JSON values in a bundle document, names included: 1,024 keys of 16 members each. Read in 15 ms. */
export const BUNDLE_DOCUMENT_VALUES_MAX = 32_768;

/** Entries of `keys` in a bundle document, those for JWT-SVIDs and unknown uses included. */
export const BUNDLE_DOCUMENT_KEYS_MAX = 1_024;

/** Redirects followed on the way to one bundle document; a CDN needs one. */
export const BUNDLE_REDIRECTS_MAX = 3;

/** How long one fetch of a bundle document may take, redirects included, milliseconds. */
export const BUNDLE_FETCH_MS_MAX = 30_000;
/** Bytes of one certificate request: an RSA key of 8,192 bits with its signature and a long ID take 5,000. */
export const CSR_BYTES_MAX = 8_192;

/** Attributes in one certificate request; real ones have 0 to 3. */
export const CSR_ATTRIBUTES_MAX = 16;

/** Bytes of the secret that CA keys are encrypted under: 128 bits, should it be random. */
export const SECRET_BYTES_MIN = 16;

/** Rows of one answer about issued SVIDs. */
export const ISSUED_ROWS_MAX = 10_000;

/**
 * SVIDs for one SPIFFE ID: a roll-out starts 100 pods of one service account at once; a client that asks in a
 * loop stays below 1 % of what the issuer can sign.
 */
export const ISSUANCES_PER_IDENTITY = { burst: 100, perSecond: 2 } as const;

/** Failed attestations from one address: some retries of a start script, then one in six seconds. */
export const FAILURES_PER_ADDRESS = { burst: 20, perSecond: 1 / 6 } as const;

/** Refusals that get a line of their own in the audit log: at most 40 MB a day; the rest is counted. */
export const REFUSALS_AUDITED = { burst: 100, perSecond: 1 } as const;

/** Buckets in one table of a rate limit: about 100 bytes each. */
export const RATE_TABLE_ENTRIES_MAX = 10_000;

/** DNS names in one SVID of the issuer: a service has a handful. */
export const DNS_NAMES_MAX = 32;

/** Characters of the texts that people give: reason and author of a revocation. */
export const ISSUER_TEXT_CHARS_MAX = 500;

/** Life of a join token, milliseconds: long enough for a machine image, short enough to be forgotten. */
export const JOIN_TOKEN_TTL_MS_MAX = 7 * 86_400_000;

/** Join tokens that are open at one time. */
export const JOIN_TOKENS_MAX = 100_000;

/** Roots published at one time: an active one, a prepared one, and those whose SVIDs still live. */
export const ROOTS_MAX = 8;

/** Shortest life of an SVID of the issuer, milliseconds: renewal takes a second or two on a busy machine. */
export const SVID_TTL_MS_MIN = 10_000;

/** How long rows of SVIDs and join tokens are kept after their end, milliseconds; the audit log keeps all. */
export const ENDED_ROWS_KEPT_MS = 7 * 86_400_000;

/** How long a revoked serial stays on the CRL after its end, milliseconds: clocks of peers are behind. */
export const CRL_KEPT_AFTER_END_MS = 300_000;

/**
 * From the replacement that `rotate` asked for to the end of the old SVID, milliseconds: its holder takes
 * the new one up meanwhile, or asks again when the answer was lost.
 */
export const ROTATED_GRACE_MS = 1_000;

/** How often the issuer looks at its schedule, milliseconds. */
export const ISSUER_TICK_MS = 30_000;
/** Bytes of one answer of the issuer: a revocation list of the largest size as PEM, and bundles. */
export const ISSUER_ANSWER_BYTES_MAX = 16_777_216;

/** Milliseconds until a connection to the issuer is there, TLS handshake included. */
export const ISSUER_CONNECT_MS_MAX = 5_000;

/** Milliseconds until an answer of the issuer is there, beside what it was asked to wait. */
export const ISSUER_ANSWER_MS_MAX = 10_000;

/** Bundles of other trust domains in one answer of the issuer. */
export const FEDERATED_BUNDLES_MAX = 1_024;

/** Bytes of a token file: Kubernetes' service-account tokens have 1 to 2 KB. */
export const TOKEN_FILE_BYTES_MAX = 16_384;
/** Bytes of the body of a request to the issuer: a CSR has 1 KiB, a service account token 2. */
export const ISSUER_BODY_BYTES_MAX = 65_536;

/** Milliseconds for the body of a request to the issuer. */
export const ISSUER_BODY_MS_MAX = 5_000;

/** Bytes of the head of a request to the issuer; ours have 300. */
export const ISSUER_HEAD_BYTES_MAX = 16_384;

/** Milliseconds for a TLS handshake with the issuer. */
export const ISSUER_HANDSHAKE_MS_MAX = 5_000;

/** Milliseconds for a whole request to the issuer: the longest wait for a change of trust, and some. */
export const ISSUER_REQUEST_MS_MAX = 45_000;

/** Milliseconds that a connection to the issuer stays open without a request, its next head included. */
export const ISSUER_IDLE_MS_MAX = 60_000;

/** Milliseconds that a request may wait for a change of trust: shorter than what middleboxes cut. */
export const ISSUER_POLL_MS_MAX = 30_000;

/** Characters of a service account token; bound ones have 1,000 to 2,000. */
export const SERVICE_ACCOUNT_TOKEN_CHARACTERS_MAX = 16_384;

/** Bytes of the Kubernetes API server's answer to a TokenReview: the token comes back, and the groups. */
export const KUBERNETES_ANSWER_BYTES_MAX = 262_144;

/** Connections to the bundle endpoint at a time: partners ask every few minutes. */
export const BUNDLE_ENDPOINT_CONNECTIONS_MAX = 256;

/**
 * TokenReviews of the Kubernetes API server at a time: each has a connection of its own. Strangers can ask
 * for them; one takes some 5 ms, so that a roll-out of 1,000 pods is not held up.
 */
export const KUBERNETES_REVIEWS_MAX = 256;

/** The same for one address: below the failures that it may have, which count when a review is over. */
export const KUBERNETES_REVIEWS_PER_ADDRESS_MAX = 16;

/** The same of one address: some issuers behind one of them. */
export const BUNDLE_ENDPOINT_CONNECTIONS_PER_ADDRESS_MAX = 32;

/**
 * Bytes of all foreign bundles that the issuer tells, DER with the names of their trust domains: half of what
 * a gRPC client takes in one message (4 MiB), so that the SVID and a CRL of 50,000 serials (1.9 MB) fit with
 * them. As PEM in JSON they are 3 MB of the 16 in an answer of the issuer.
 */
export const FEDERATED_BYTES_MAX = 2_097_152;
