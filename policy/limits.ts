// Every limit of the policy language, with its unit and its reason. Beyond a limit the input is refused,
// never cut.

/** Characters of one policy file; 100,000 rules of ordinary YAML are about 30 million. */
export const POLICY_FILE_CHARACTERS_MAX = 64 * 1024 * 1024;
/** YAML documents of one policy file: tiny ones take the loader more time than their characters tell. */
export const POLICY_FILE_DOCUMENTS_MAX = 10_000;
/** Uses of YAML aliases in one document: aliases multiply work, so their number bounds it. */
export const YAML_ALIASES_MAX = 64;
/** Rules in one policy, and sources in one rule (the limits of Istio's own resource). */
export const RULES_PER_POLICY_MAX = 512;
export const SOURCES_PER_RULE_MAX = 512;
/** Entries of `targetRefs`. */
export const TARGET_REFS_MAX = 16;
/** Entries of one `serviceAccounts` list, and characters of one entry. */
export const SERVICE_ACCOUNTS_MAX = 16;
export const SERVICE_ACCOUNT_CHARACTERS_MAX = 320;
/** Characters of a reason, author or owner annotation: they are logged. */
export const ANNOTATION_CHARACTERS_MAX = 256;
/** Rule ids in one decision: more tell a reader nothing and cost every log line. */
export const DECISION_RULES_MAX = 16;
/** Nearest rules named by a default deny. */
export const NEAR_RULES_MAX = 3;
/**
 * Forms of one policy set that no index covers (suffix paths, header-only, not-only); more is a lint finding.
 */
export const UNINDEXED_RULES_MAX = 64;
/**
 * Combinations of sources and operations that one comparison looks at: each is compared with each other
 * one, a minute for so many.
 */
export const COMPARED_COMBINATIONS_MAX = 20_000;
