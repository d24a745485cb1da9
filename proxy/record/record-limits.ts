// How much of a request a record shows, whoever writes it: lines of the log, flows and spans agree.

/** Characters of ids that are ours or well-formed. */
export const ID_CHARS_MAX = 128;
/** Of hosts, listeners and workloads. */
export const NAME_CHARS_MAX = 256;
/** SPIFFE-ID section 2.3. */
export const PRINCIPAL_CHARS_MAX = 2048;
export const IP_CHARS_MAX = 64;
export const METHOD_CHARS_MAX = 32;
export const PATH_CHARS_MAX = 1024;
/** Ids of matching rules, as a decision carries at most. */
export const RULES_MAX = 16;
export const RULE_CHARS_MAX = 512;
